"""What was seen of texts before, for a caller that fits many routers on the same prompts.

    memo = Memo()
    with remembering(memo):
        ...                      # fits and predictions as ever, with the same results

Nothing is kept otherwise. What is kept follows from texts and parameters alone, so that it never
passes from a fold's test prompts into its training. A full memo keeps what it has: prompts come
round in the same order, and whoever forgot the oldest would forget each before it is asked again.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import wraps
from hashlib import blake2b
from time import process_time
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from weakref import WeakKeyDictionary

import numpy as np

if TYPE_CHECKING:
    from routewright.encoders.space import View
    from routewright.types import Prompt

TEXT_BYTES = 512 * 1024**2
SPACE_BYTES = 1024**3

Value = TypeVar("Value")
Space = TypeVar("Space", bound="_Space")


class _Space(Protocol):
    encoder: str
    seed: int


class Memo:
    """Remembers n-grams and features of texts, and what text spaces learned and saw.

    Attributes:
        saved_s: CPU seconds that were not spent because something was remembered; with them the
            time of a fit is what it would be on its own.
    """

    def __init__(self, text_bytes: int = TEXT_BYTES, space_bytes: int = SPACE_BYTES) -> None:
        self.saved_s = 0.0
        self._kept: dict[str, dict[Hashable, tuple[Any, float]]] = {"text": {}, "space": {}}
        self._most = {"text": text_bytes, "space": space_bytes}
        self._room = dict(self._most)
        self._made_by: WeakKeyDictionary[Any, tuple[Hashable, dict[str, Any]]]
        self._made_by = WeakKeyDictionary()

    def forget(self, *, texts: bool = True) -> None:
        """Make room: for another fold (without ``texts``), or for another data set."""
        for part in ("space", "text") if texts else ("space",):
            self._kept[part].clear()
            self._room[part] = self._most[part]

    def recall(self, part: str, key: Hashable, make: Callable[[], Value]) -> Value:
        """What was made for this key, or what ``make`` makes now."""
        kept = self._kept[part]
        if key in kept:
            value, seconds = kept[key]
            self.saved_s += seconds
            return value
        saved, started = self.saved_s, process_time()
        value = make()
        seconds = process_time() - started + self.saved_s - saved
        size = _size(value)
        if size <= self._room[part]:
            self._room[part] -= size
            kept[key] = value, seconds
        return value

    def fitted(self, space: _Space, prompts: Sequence[Prompt], fit: Callable[[], Any]) -> None:
        """Let the space learn, or take over what an equal one learned from these texts."""
        key = (space.encoder, space.seed, _digest(prompts))
        learned = self.recall("space", key, lambda: (fit(), dict(vars(space)))[1])
        vars(space).update(learned)
        self._made_by[space] = key, learned

    def seen(self, space: _Space, prompts: Sequence[Prompt], view: Callable[[], View]) -> View:
        """What the space sees of these prompts."""
        key, learned = self._made_by.get(space, (None, {}))
        own = vars(space)
        if key is None or any(own.get(name) is not value for name, value in learned.items()):
            return view()  # restored, or fitted when nobody remembered
        found = self.recall("space", (key, _digest(prompts)), view)
        return replace(found, prompts=prompts)


_active: ContextVar[Memo | None] = ContextVar("memo", default=None)


@contextmanager
def remembering(memo: Memo | None) -> Generator[None]:
    """Use the memo within the block; None uses none, also inside another's block."""
    token = _active.set(memo)
    try:
        yield
    finally:
        _active.reset(token)


def each_text(function: Callable[[str], Value]) -> Callable[[str], Value]:
    """A function of one text that asks the memo first."""

    @wraps(function)
    def asked(text: str) -> Value:
        memo = _active.get()
        if memo is None:
            return function(text)
        return memo.recall("text", (function, text), lambda: function(text))

    return asked


def each_fit(
    fit: Callable[[Space, Sequence[Prompt]], Space],
) -> Callable[[Space, Sequence[Prompt]], Space]:
    """A text space's ``fit`` that asks the memo first."""

    @wraps(fit)
    def asked(space: Space, prompts: Sequence[Prompt]) -> Space:
        memo = _active.get()
        if memo is None:
            return fit(space, prompts)
        memo.fitted(space, prompts, lambda: fit(space, prompts))
        return space

    return asked


def each_view(
    view: Callable[[Space, Sequence[Prompt]], View],
) -> Callable[[Space, Sequence[Prompt]], View]:
    """A text space's ``view`` that asks the memo first."""

    @wraps(view)
    def asked(space: Space, prompts: Sequence[Prompt]) -> View:
        memo = _active.get()
        if memo is None:
            return view(space, prompts)
        return memo.seen(space, prompts, lambda: view(space, prompts))

    return asked


def _digest(prompts: Sequence[Prompt]) -> bytes:
    digest = blake2b(digest_size=16)
    for prompt in prompts:
        text = prompt.text.encode("utf-8", "surrogatepass")
        digest.update(len(text).to_bytes(8, "little") + text)
    return digest.digest()


def _size(value: Any) -> int:
    """Bytes of the arrays in a value; the rest is small."""
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, dict):
        return sum(map(_size, value.values()))  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType] - values of any kind
    if isinstance(value, tuple):
        return sum(map(_size, value))  # pyright: ignore[reportUnknownArgumentType] - values of any kind
    if isinstance(value, list):
        return 32 * len(value)  # pyright: ignore[reportUnknownArgumentType] - numbers
    return _size(vars(value)) if hasattr(value, "__dict__") else 32
