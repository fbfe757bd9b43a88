"""Answers that were given before, given again: off unless configured, and by exact request alone.

An answer is found by a digest of the key that asked, the model that was chosen and how it is
called, and the whole request. So nobody gets what another key was answered, and ``auto`` gets what
the model that it would choose now has said. Only whole answers of the chosen model are kept.

The memory is one process's: it is empty after a restart, and workers do not share theirs.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec

from routewright.config import CacheSettings
from routewright.serve.call import Call
from routewright.serve.wire import ChatRequest
from routewright.types import Usage, json_object

LARGEST_SHARE = 8  # an answer larger than this part of the whole would push out too many others
# Fields that an answer depends on beyond the request: searches, and what the provider keeps.
_ELSEWHERE = (
    "web_search_options",
    "previous_response_id",
    "conversation",
    "background",
    "prompt",
    "mcp_servers",
    "container",
)
_OVERHEAD_BYTES = 512  # of an entry in memory, beside its answer


class Entry(msgspec.Struct, frozen=True):
    """A whole answer: its JSON object, or the events of a stream with the terminal one."""

    frames: tuple[bytes, ...]
    cost_usd: float
    native: bool = False  # in the words of the request's own dialect

    @property
    def size_bytes(self) -> int:
        """Memory that it takes, nearly."""
        return _OVERHEAD_BYTES + sum(len(frame) + 40 for frame in self.frames)

    @property
    def body(self) -> dict[str, Any]:
        """The object of an answer that was not streamed."""
        return msgspec.json.decode(self.frames[0], type=dict[str, Any])


class Cache:
    """The least recently used entries go when the bytes are spent.

    Args:
        settings: how much is kept, for how long, and of which requests.
        clock: seconds that never jump.
    """

    def __init__(
        self, settings: CacheSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.size_bytes = 0
        self.most_bytes = int(settings.max_mb * 1e6)
        self._settings = settings
        self._clock = clock
        self._entries: OrderedDict[bytes, tuple[float, Entry]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def key(self, call: Call) -> bytes:
        """What the call's answer is kept under; b"" if it must not be."""
        if not (self._settings.all or is_deterministic(call.request)):
            return b""
        settings = call.generation.settings
        model = call.decision.model
        given = settings.models[model]
        called = (model, given, settings.providers[call.generation.decider.pool[model].provider])
        told = (call.key_id, called, call.request)
        return hashlib.sha256(msgspec.json.encode(told, order="deterministic")).digest()

    def get(self, key: bytes) -> Entry | None:
        """The entry, if it is there and young enough."""
        found = self._entries.get(key)
        if found is None:
            return None
        if found[0] <= self._clock():
            self._remove(key)
            return None
        self._entries.move_to_end(key)
        return found[1]

    def put(self, key: bytes, entry: Entry) -> None:
        """Keep an answer, and let others go for it; one that is too large is not kept."""
        if entry.size_bytes > self.largest_bytes:
            return
        if key in self._entries:
            self._remove(key)
        self._entries[key] = (self._clock() + self._settings.ttl_s, entry)
        self.size_bytes += entry.size_bytes
        while self.size_bytes > self.most_bytes:
            self._remove(next(iter(self._entries)))

    @property
    def largest_bytes(self) -> int:
        """How large one answer may be."""
        return self.most_bytes // LARGEST_SHARE

    def _remove(self, key: bytes) -> None:
        self.size_bytes -= self._entries.pop(key)[1].size_bytes


def is_deterministic(request: ChatRequest) -> bool:
    """Whether a request asks for the one likeliest answer, by what it says itself.

    Temperature 0 and one choice; tools that are functions of the client's may be offered, those
    that the provider runs, such as a web search, may not: what they find changes. Nothing may
    refer to what the provider keeps. Embeddings leave nothing to chance.
    """
    native = request.native
    if native is not None and native.dialect == "embeddings":
        return True
    body = request.body if native is None else native.body
    temperature, choices = body.get("temperature"), body.get("n")
    if isinstance(temperature, bool) or temperature != 0 or choices not in (None, 1):
        return False
    if any(body.get(field) for field in _ELSEWHERE):
        return False
    return all(_is_function(tool) for tool in body.get("tools") or ())


def _is_function(tool: object) -> bool:
    """Whether the client runs it; Anthropic's functions need not say what they are."""
    known = json_object(tool)
    return known is not None and known.get("type", "custom") in ("function", "custom")


class Recorder:
    """A stream's events as they pass, kept as long as they are few enough."""

    def __init__(self, events: AsyncIterator[bytes], first: bytes, most_bytes: int) -> None:
        self._events = events
        self._frames: list[bytes] | None = [first]
        self._left = most_bytes - len(first)

    def __aiter__(self) -> Recorder:
        return self

    async def __anext__(self) -> bytes:
        event = await anext(self._events)
        self._left -= len(event)
        if self._left < 0:
            self._frames = None
        if self._frames is not None:
            self._frames.append(event)
        return event

    async def aclose(self) -> None:
        """Close what is recorded."""
        close = getattr(self._events, "aclose", None)
        if close is not None:
            await close()

    @property
    def frames(self) -> tuple[bytes, ...] | None:
        """All events so far; None if they were too many."""
        return None if self._frames is None else tuple(self._frames)


class Replay:
    """A stream that was recorded; it used and cost nothing."""

    def __init__(self, entry: Entry) -> None:
        self.usage: Usage | None = None
        self.cost_usd: float | None = 0.0
        self.started = time.monotonic()
        self._frames = entry.frames

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the events as they came."""
        for frame in self._frames:
            yield frame

    async def aclose(self) -> None:
        """There is nothing to stop."""
