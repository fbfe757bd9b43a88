"""An answer on its way: a dialect's events in, OpenAI's events out, usage and cost read off."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol, Self

import msgspec

from routewright import catalog
from routewright.errors import UpstreamError
from routewright.protocols import Opened, Stream
from routewright.providers.endpoint import EventSplitter
from routewright.providers.response import Response
from routewright.providers.usage import wire_usage
from routewright.types import Model, Usage

TERMINAL = b"data: [DONE]\n\n"


class EventReader(Protocol):
    """Understands one dialect's events; ``usage`` is what they have told so far."""

    usage: Usage | None
    finished: bool

    def read(self, event: bytes) -> Sequence[bytes]:
        """OpenAI's events for this one; the terminal one where it says that the answer is whole.

        Raises:
            UpstreamError: the event is an error, or not to be understood.
        """
        ...

    def end(self) -> Sequence[bytes]:
        """What remains to be told when the upstream has ended its stream properly.

        Raises:
            UpstreamError: the answer is not whole.
        """
        ...


class Untouched(Protocol):
    """Takes events that pass as they came, also several at once, and says whether it takes more."""

    def write(self, body: bytes) -> bool:
        """Events."""
        ...

    def pass_on(self, chunks: bytes) -> bool:
        """Events in the HTTP chunks that they came in."""
        ...


class HttpStream:
    """The events of one answer over HTTP; usage and cost once they have passed.

    ``skips`` tells of whole events whether the reader would pass them on and learn nothing.
    """

    def __init__(
        self,
        response: Response,
        name: str,
        reader: EventReader,
        model: Model,
        started: float,
        *,
        skips: Callable[[bytes], bool] = lambda _: False,
    ) -> None:
        self.usage: Usage | None = None
        self.cost_usd: float | None = None
        self.started = started
        self._response = response
        self._reader = reader
        self._model = model
        self._splitter = EventSplitter(name)
        self._skips = skips
        self._told: deque[bytes] = deque()  # events that nobody has taken yet
        self._over = False  # nothing follows them
        self._failure: UpstreamError | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """The next event, with its blank line.

        Raises:
            UpstreamError: the stream was cut before its terminal event, or told of an error.
        """
        while not self._told:
            if self._over:
                await self._end()
                raise StopAsyncIteration
            try:
                chunk = await self._response.chunk()
            except BaseException:
                await self.aclose()
                raise
            self._understand(chunk)
        return self._told.popleft()

    def next_now(self) -> bytes | None:
        """The next event if it is here, whether or not it was understood yet; else None."""
        if not self._told and not self._over and (chunk := self._response.here()):
            self._understand(chunk)
        return self._told.popleft() if self._told else None

    async def pour(self, take: Callable[[bytes], bool], untouched: Untouched | None = None) -> bool:
        """Give ``take`` every event in the step in which it comes, as long as it says True.

        ``untouched`` is given those that ``skips`` tells of in its place.

        Returns:
            Whether the stream is over; False where ``take`` wants no more now.

        Raises:
            UpstreamError: as the iteration does; or whatever ``take`` raises.
        """

        def hear(chunk: bytes) -> bool:
            if untouched is not None and self._splitter.is_whole(chunk) and self._skips(chunk):
                return untouched.write(chunk)
            self._understand(chunk)
            return self._tell(take) and not self._over

        def pass_on(body: bytes, chunks: bytes) -> bool | None:
            if untouched is not None and self._splitter.is_whole(body) and self._skips(body):
                return untouched.pass_on(chunks)
            return None

        if not self._tell(take):
            return False
        while not self._over:
            if await self._response.pour(hear, pass_on):
                hear(b"")
            elif not self._over:
                return False
        if self._told:
            return False
        await self._end()
        return True

    async def aclose(self) -> None:
        """Stop the upstream; after the whole answer its connection serves others."""
        if self._reader.finished:
            self._response.leave()
        else:
            self._response.close()

    def _understand(self, chunk: bytes) -> None:
        """Read the events of a piece of the body; an empty one is its end."""
        reader = self._reader
        try:
            if chunk:
                for event in self._splitter.feed(chunk):
                    self._told.extend(reader.read(event))
                    if reader.finished:
                        break
            else:
                self._told.extend(reader.end())
        except UpstreamError as error:
            self._failure = error  # told after the events before it
        self._over = not chunk or reader.finished or self._failure is not None
        if reader.usage is not None:
            self.usage = reader.usage
            self.cost_usd = catalog.cost_usd(self._model, self.usage)

    def _tell(self, take: Callable[[bytes], bool]) -> bool:
        """Hand over what is there; whether more is wanted."""
        while self._told:
            if not take(self._told.popleft()):
                return False
        return True

    async def _end(self) -> None:
        await self.aclose()
        if self._failure is not None:
            raise self._failure


async def opened(stream: Stream, model: Model) -> Opened:
    """A stream with its events and the first of them.

    Raises:
        UpstreamError: there is none; the stream is closed.
    """
    try:
        events = aiter(stream)
        return Opened(stream, events, await anext(events))
    except StopAsyncIteration as error:
        await stream.aclose()
        raise UpstreamError(f"{model.name}: the stream was empty") from error
    except BaseException:
        await stream.aclose()
        raise


def cut(name: str) -> UpstreamError:
    """The error of a stream that ended before its answer was whole."""
    return UpstreamError(f"{name}: the stream ended without its terminal event")


class Chunks:
    """Writes OpenAI's chat.completion.chunk events of one answer."""

    def __init__(self) -> None:
        self.head: dict[str, Any] = {"id": "", "model": "", "created": int(time.time())}

    def delta(
        self, delta: dict[str, Any], *, index: int = 0, finish_reason: str | None = None
    ) -> bytes:
        """A piece of one choice."""
        return self._chunk([{"index": index, "delta": delta, "finish_reason": finish_reason}])

    def usage(self, usage: Usage) -> bytes:
        """The chunk before the terminal event."""
        return self._chunk([], usage=wire_usage(usage))

    def _chunk(self, choices: list[dict[str, Any]], **more: Any) -> bytes:
        chunk = {**self.head, "object": "chat.completion.chunk", "choices": choices, **more}
        return b"data: %b\n\n" % msgspec.json.encode(chunk)
