"""An answer on its way: a dialect's events in, OpenAI's events out, usage and cost read off."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

import msgspec

from routewright import catalog
from routewright.errors import UpstreamError
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


class HttpStream:
    """The events of one answer over HTTP; usage and cost once they have passed."""

    def __init__(
        self,
        response: Response,
        name: str,
        reader: EventReader,
        model: Model,
        started: float,
    ) -> None:
        self.usage: Usage | None = None
        self.cost_usd: float | None = None
        self.started = started
        self._response = response
        self._name = name
        self._reader = reader
        self._model = model

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield events, each with its blank line.

        Raises:
            UpstreamError: the stream was cut before its terminal event, or told of an error.
        """
        try:
            splitter = EventSplitter(self._name)
            while chunk := await self._response.chunk():
                for event in splitter.feed(chunk):
                    for told in self._note(self._reader.read(event)):
                        yield told
                    if self._reader.finished:
                        return
            for told in self._note(self._reader.end()):
                yield told
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        """Stop the upstream; after the whole answer its connection serves others."""
        if self._reader.finished:
            self._response.leave()
        else:
            self._response.close()

    def _note(self, told: Sequence[bytes]) -> Sequence[bytes]:
        if self._reader.usage is not None:
            self.usage = self._reader.usage
            self.cost_usd = catalog.cost_usd(self._model, self.usage)
        return told


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
