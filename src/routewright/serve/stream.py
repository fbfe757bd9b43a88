"""A streamed answer on its way to the client, and what is read off its events."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from typing import Any, Self

import msgspec

from routewright.errors import UpstreamError
from routewright.protocols import Stream
from routewright.providers.native import is_last
from routewright.providers.stream import HttpStream, Untouched
from routewright.serve.call import Call, State
from routewright.types import Usage

TERMINAL = b"data: [DONE]"

_NO_CHOICES = re.compile(rb'"choices"\s*:\s*\[\s*\]')


class RelayedStream:
    """Events for the client, as the upstream sent them.

    Left out is the usage event where the client did not ask for it; added is one comment line
    before the terminal event. Close it, whatever happens: that stops the upstream call.
    """

    def __init__(
        self,
        call: Call,
        stream: Stream,
        events: AsyncIterator[bytes],
        first: bytes,
        *,
        record: Callable[[Call, State, Usage | None, float | None], None],
    ) -> None:
        self.call = call
        self._stream = stream
        self._events = events
        self._first: bytes | None = first
        self._record = record
        self._state: State = "partial"

    @property
    def outcome(self) -> dict[str, Any]:
        """What is known of the answer: model, cost (None until it has ended), decision."""
        return {
            "model": self.call.model,
            "cost_usd": self._stream.cost_usd,
            "decision_id": self.call.decision.id,
        }

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """The next event, or two where a comment precedes it.

        Raises:
            UpstreamError: the stream broke; there will be no terminal event.
        """
        while True:
            event, self._first = self._first, None
            if event is None:
                try:
                    event = await anext(self._events)
                except UpstreamError:
                    self.call.broke()
                    raise
            if told := self._told(event):
                return told

    def first(self) -> bytes:
        """The first event, as the client is told of it; the others follow it."""
        event, self._first = self._first, None
        return self._told(event) if event is not None else b""

    async def pour(self, take: Callable[[bytes], bool], untouched: Untouched | None = None) -> bool:
        """Give ``take`` every event, as long as it says True; at once where the source can do so.

        ``untouched`` may be given some in its place: events that pass as they came.

        Returns:
            Whether the stream is over; False where ``take`` wants no more now.

        Raises:
            UpstreamError: the stream broke; there will be no terminal event.
        """
        if not isinstance(self._events, HttpStream):
            async for event in self:
                if not take(event):
                    return False
            return True

        def pass_on(event: bytes) -> bool:
            told = self._told(event)
            return take(told) if told else True

        first, self._first = self._first, None
        if first is not None and not pass_on(first):
            return False
        try:
            return await self._events.pour(pass_on, untouched)
        except UpstreamError:
            self.call.broke()
            raise

    async def aclose(self) -> None:
        """Stop the upstream call and record the outcome; safe to call twice."""
        try:
            close = getattr(self._events, "aclose", None)
            if close is not None:  # an async generator's; its cleanup must not wait for the GC
                await close()
            await self._stream.aclose()
        finally:
            self._record(self.call, self._state, self._stream.usage, self._stream.cost_usd)

    def _told(self, event: bytes) -> bytes:
        """What the client is told of an event; nothing of the usage that it did not ask for."""
        if event.strip() == TERMINAL or (self.call.native and is_last(event)):
            self._state = "complete"
            return b": routewright %b\n\n%b" % (msgspec.json.encode(self.outcome), event)
        if self.call.request.include_usage or not _is_usage_alone(event):
            return event
        return b""


def _is_usage_alone(event: bytes) -> bool:
    """Whether an event is the closing one that ``include_usage`` asks for, and nothing else."""
    if b'"usage"' not in event or not _NO_CHOICES.search(event):
        return False
    chunk = event_object(event)
    return chunk is not None and chunk.get("choices") == [] and bool(chunk.get("usage"))


def event_object(event: bytes) -> dict[str, Any] | None:
    """The JSON object that an event carries; None for comments and the terminal event."""
    lines = (line for line in event.splitlines() if line.startswith(b"data:"))
    data = b"\n".join(line[5:].strip() for line in lines)
    try:
        decoded = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return decoded if isinstance(decoded, dict) else None  # pyright: ignore[reportUnknownVariableType]  # JSON objects have string keys
