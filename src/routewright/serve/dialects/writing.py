"""How a streamed answer is written, whatever the dialect: passed on, or read chunk by chunk."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

from routewright.errors import RoutewrightError
from routewright.serve.dialects.parts import Parts, Step
from routewright.serve.stream import TERMINAL, event_object
from routewright.types import json_object, json_objects


class Passing:
    """Passes events on as they came; ``tell`` writes the one that tells of an error."""

    def __init__(self, tell: Callable[[RoutewrightError], bytes]) -> None:
        self._broke = tell

    def event(self, event: bytes) -> bytes:
        """The event itself."""
        return event

    def broke(self, error: RoutewrightError) -> bytes:
        """See ``base.Writer``."""
        return self._broke(error)


class ChunkWriter(ABC):
    """Chat chunks → the events of another dialect, from the steps of the first choice's parts."""

    def __init__(self) -> None:
        self._parts = Parts()
        self._begun = False
        self._choice: dict[str, Any] = {}  # what was last told of it, beside its deltas
        self._usage: object = None

    def event(self, event: bytes) -> bytes:
        """The events that a chunk becomes."""
        if (last := event.rstrip()).endswith(TERMINAL):
            told = self._begin() + self._steps(self._parts.end())
            return told + self._end(comment=last.removesuffix(TERMINAL))
        chunk = event_object(event)
        if chunk is None:
            return event if event.startswith(b":") else b""
        self._usage = chunk.get("usage") or self._usage
        told = [self._begin()]
        for choice in json_objects(chunk.get("choices")):
            if choice.get("index", 0) != 0:
                continue
            self._choice |= {k: v for k, v in choice.items() if k != "delta" and v is not None}
            told.append(self._steps(self._parts.add(json_object(choice.get("delta")) or {})))
        return b"".join(told)

    @abstractmethod
    def broke(self, error: RoutewrightError) -> bytes:
        """The event that tells that the answer broke off; see ``base.Writer``."""

    @abstractmethod
    def _start(self) -> bytes:
        """What comes before the first step."""

    @abstractmethod
    def _step(self, step: Step) -> bytes:
        """What a step becomes."""

    @abstractmethod
    def _end(self, comment: bytes) -> bytes:
        """What comes after the last step; the relay's comment goes before the closing event."""

    def _begin(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        return self._start()

    def _steps(self, steps: Iterable[Step]) -> bytes:
        return b"".join(self._step(step) for step in steps)
