"""Every seam on one page. A plug-in implements one of these and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self, TypeVar, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from routewright.types import Answer, Grade, JsonObject, Model, Prompt, Usage


T_co = TypeVar("T_co", covariant=True)


@runtime_checkable
class Encoder(Protocol):
    """Turns texts into vectors of unit length, once fitted."""

    def fit(self, texts: Sequence[str]) -> Self:
        """Learn from texts; an encoder with given weights opens them and learns nothing."""
        ...

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return an array (n, d); a text without any known feature gives a zero row."""
        ...

    def state(self) -> dict[str, NDArray[Any]]:
        """What an artefact keeps: learned arrays, or the fingerprint of given weights."""
        ...

    def restore(self, arrays: dict[str, NDArray[Any]]) -> Encoder:
        """Return the fitted encoder that gave this state.

        Raises:
            ArtefactError: the given weights here are others.
        """
        ...


@runtime_checkable
class Predicted(Protocol):
    """What a router says of n prompts and m models."""

    @property
    def scores(self) -> NDArray[np.float64]:
        """Expected score of every model, (n, m), in [0, 1]."""
        ...

    @property
    def costs(self) -> NDArray[np.float64]:
        """Expected cost of every model in US dollars, (n, m)."""
        ...

    @property
    def std(self) -> NDArray[np.float64]:
        """Standard error of each expected score, (n, m)."""
        ...


@runtime_checkable
class Router(Protocol):
    """Predicts, for a prompt, the expected score and cost of every model.

    The constructor stores, ``fit`` learns and returns self, learned names end in ``_``.
    ``routewright.routers.check_router`` is the executable form of this contract.
    """

    models_: tuple[str, ...]

    def fit(self, data: Any) -> Self:
        """Learn from routing data; NaN cells were not bought and are tolerated."""
        ...

    def predict(self, prompts: Sequence[Prompt]) -> Predicted:
        """Predict for prompts, columns in the order of ``models_``."""
        ...

    def save(self, path: Path) -> None:
        """Write the artefact: safetensors and a JSON manifest, never a pickle."""
        ...


@runtime_checkable
class Judge(Protocol):
    """Grades answers to one prompt, 0 to 5, with the reason."""

    @property
    def name(self) -> str:
        """Which judge in which version: grades of different ones never mix."""
        ...

    async def grade(self, prompt: Prompt, answers: Sequence[Answer]) -> list[Grade]:
        """Return one grade per answer, in order."""
        ...


class Stream(Protocol):
    """An answer on its way: byte frames, then the usage and cost that were read off them.

    ``started`` is ``time.monotonic()`` when the model was asked.
    """

    usage: Usage | None
    cost_usd: float | None
    started: float

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield whole server-sent events of OpenAI's chat.completion.chunk shape."""
        ...

    async def aclose(self) -> None:
        """Stop the upstream call; safe to call twice."""
        ...


class Opened(NamedTuple):
    """A stream, its events, and the first of them, which was taken."""

    stream: Stream
    events: AsyncIterator[bytes]
    first: bytes


@runtime_checkable
class Provider(Protocol):
    """How an LLM is called: one dialect each."""

    name: str

    async def start(self) -> None:
        """Get ready to be called: open pools, load weights. Safe to call twice."""
        ...

    async def complete(
        self,
        model: Model,
        body: JsonObject,
        *,
        cache_prefix: int = 0,
        idempotency_key: str = "",
    ) -> Completion:
        """Answer an OpenAI chat-completions body in one piece.

        Args:
            model: whom to ask.
            body: the request, in OpenAI's words whatever the dialect.
            cache_prefix: how many of the first messages other calls share, so that the dialect
                can ask the provider to keep them in its cache; 0 asks for nothing.
            idempotency_key: the same for every attempt at one call, so that an upstream that
                honours it does not charge twice; "" sends none.

        Raises:
            RequestError: the request cannot be said in this dialect, or was refused as it is.
            UpstreamError: the endpoint failed; nothing was paid for that is not reported.
        """
        ...

    async def stream(
        self,
        model: Model,
        body: JsonObject,
        *,
        cache_prefix: int = 0,
        idempotency_key: str = "",
    ) -> Stream:
        """Answer as server-sent events, in OpenAI's words; arguments and errors as above."""
        ...

    async def aclose(self) -> None:
        """Let go of connections and processes; safe to call twice."""
        ...


class Begun(Protocol[T_co]):
    """A call whose request was sent."""

    @property
    def started(self) -> float:
        """``time.monotonic()`` when it was."""
        ...

    def tell(self, told: Callable[[], None]) -> None:
        """Have ``told`` called once, when neither ``answer`` nor ``complete`` has to wait."""
        ...

    def answer(self) -> T_co | None:
        """What ``complete`` gives, where all went well; None where that has to be asked."""
        ...

    async def complete(self) -> T_co:
        """What the call gives; errors as ``Provider.complete``."""
        ...

    def close(self) -> None:
        """Stop the call; safe to call twice."""
        ...


@runtime_checkable
class BeginningProvider(Protocol):
    """A provider that can send a request without waiting for anything."""

    def begin(
        self, model: Model, body: JsonObject, *, cache_prefix: int = 0
    ) -> Begun[Completion] | None:
        """Ask as ``Provider.complete`` does; None where that has to wait, for a connection say.

        Raises:
            RequestError: the request cannot be said in this dialect.
        """
        ...

    def begin_stream(
        self, model: Model, body: JsonObject, *, cache_prefix: int = 0
    ) -> Begun[Opened] | None:
        """The same for ``Provider.stream``; ``tell`` tells when some of the answer is here."""
        ...


@runtime_checkable
class NativeProvider(Protocol):
    """A provider that takes requests of other dialects than chat completions as they come.

    ``providers.native_dialects`` tells which; only those are sent to it.
    """

    async def complete_native(
        self, dialect: str, model: Model, body: JsonObject, headers: Mapping[str, str]
    ) -> NativeAnswer:
        """Answer in one piece.

        Args:
            dialect: messages, responses or embeddings.
            model: whom to ask; its name replaces the body's.
            body: the client's, untouched.
            headers: of the client's request, as far as the dialect has such.

        Raises:
            RequestError, UpstreamError: as ``Provider.complete``.
        """
        ...

    async def stream_native(
        self, dialect: str, model: Model, body: JsonObject, headers: Mapping[str, str]
    ) -> Stream:
        """Answer as the dialect's own events; arguments and errors as above."""
        ...


@runtime_checkable
class TokenCounter(Protocol):
    """A provider that counts the tokens of a Messages body without answering it."""

    async def count_tokens(self, model: Model, body: JsonObject, headers: Mapping[str, str]) -> int:
        """How many tokens the model would read.

        Raises:
            RequestError, UpstreamError: as ``Provider.complete``.
        """
        ...


class NativeAnswer(Protocol):
    """A whole answer of any dialect, with what it used and cost."""

    @property
    def body(self) -> dict[str, Any]:
        """The upstream's object."""
        ...

    @property
    def usage(self) -> Usage:
        """Tokens, and CPU seconds where the model ran here."""
        ...

    @property
    def cost_usd(self) -> float:
        """What the call cost under the price in force."""
        ...

    @property
    def latency_s(self) -> float:
        """Wall time from request to last byte."""
        ...


class Completion(Protocol):
    """A whole answer: a chat.completion object with what it used and cost."""

    @property
    def body(self) -> dict[str, Any]:
        """The upstream's chat.completion object, translated where its dialect is another."""
        ...

    @property
    def text(self) -> str:
        """The words of the first choice, empty where it has none."""
        ...

    @property
    def finish_reason(self) -> str:
        """Why the first choice ended, in OpenAI's words: stop, length, content_filter, …"""
        ...

    @property
    def refused(self) -> bool:
        """Whether the model or the provider's filter declined to answer."""
        ...

    @property
    def first_token_s(self) -> float | None:
        """Wall time to the first words; None where the answer came in one piece."""
        ...

    @property
    def usage(self) -> Usage:
        """Tokens, and CPU seconds where the model ran here."""
        ...

    @property
    def cost_usd(self) -> float:
        """What the call cost under the price in force."""
        ...

    @property
    def latency_s(self) -> float:
        """Wall time from request to last byte."""
        ...


@runtime_checkable
class Store(Protocol):
    """Append-only, checksummed rows: what was written before a crash is read after it."""

    def append(self, row: JsonObject) -> None:
        """Write one row; it is durable when this returns."""
        ...

    def rows(self) -> list[dict[str, Any]]:
        """Every whole row, in order of writing."""
        ...
