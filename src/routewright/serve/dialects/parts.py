"""A streamed chat answer as parts that follow each other: reasoning, text, refusals, tool calls.

Chunks may tell several tool calls in turns; the dialects that name their blocks want one after
the other. A part is told as it comes while it is the first that is not whole. What belongs to a
later one waits until then: a call is whole when its arguments are JSON, words when others follow.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import msgspec

from routewright.providers.completion import REASONING
from routewright.types import JsonObject, json_object, json_objects

Kind = Literal["reasoning", "text", "refusal", "call"]
_WORDS: tuple[tuple[str, Kind], ...] = (
    *((key, "reasoning") for key in REASONING),
    ("content", "text"),
    ("refusal", "refusal"),
)


@dataclass
class Part:
    """One part: its words, or a call's arguments; ``id`` and ``name`` are a call's."""

    kind: Kind
    number: int
    text: str = ""
    id: str = ""
    name: str = ""
    opened: bool = False
    told: int = 0  # characters of the text

    def is_whole(self) -> bool:
        """Whether nothing can follow once another part has begun."""
        if self.kind != "call":
            return True
        try:
            msgspec.json.decode(self.text)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return False
        return True


class Step(NamedTuple):
    """A part is opened, goes on with ``text``, or is closed."""

    what: Literal["open", "more", "close"]
    part: Part
    text: str = ""


class Parts:
    """Puts the deltas of one choice in order."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self._current = 0
        self._calls: dict[int, Part] = {}

    def add(self, delta: JsonObject) -> Iterator[Step]:
        """What a delta lets be told."""
        for key, kind in _WORDS:
            words = delta.get(key)
            if isinstance(words, str) and words:
                self._words(kind).text += words
        for call in json_objects(delta.get("tool_calls")):
            self._add_call(call)
        return self._advance(ended=False)

    def end(self) -> Iterator[Step]:
        """What is left to be told."""
        return self._advance(ended=True)

    def _words(self, kind: Kind) -> Part:
        if self.parts and self.parts[-1].kind == kind:
            return self.parts[-1]
        return self._new(kind)

    def _new(self, kind: Kind) -> Part:
        self.parts.append(Part(kind, len(self.parts)))
        return self.parts[-1]

    def _add_call(self, given: dict[str, Any]) -> None:
        part = self._call(given)
        function = json_object(given.get("function")) or {}
        part.id = part.id or str(given.get("id") or "")
        part.name = part.name or str(function.get("name") or "")
        part.text += str(function.get("arguments") or "")

    def _call(self, given: dict[str, Any]) -> Part:
        """The call that a delta belongs to: by its index, or, where two share one, by its id."""
        index, id_ = given.get("index"), given.get("id")
        if not isinstance(index, int):
            index = len(self._calls) if id_ or not self._calls else max(self._calls)
        known = self._calls.get(index)
        if known is None or (id_ and known.id and id_ != known.id):
            known = self._calls[index] = self._new("call")
        return known

    def _advance(self, *, ended: bool) -> Iterator[Step]:
        while self._current < len(self.parts):
            part = self.parts[self._current]
            last = self._current == len(self.parts) - 1
            if not part.opened:
                if part.kind == "call" and not part.name and not ended:
                    return
                part.opened = True
                part.id = part.id or f"call_{secrets.token_hex(8)}"
                yield Step("open", part)
            if part.told < len(part.text):
                more, part.told = part.text[part.told :], len(part.text)
                yield Step("more", part, more)
            if not ended and (last or not part.is_whole()):
                return
            yield Step("close", part)
            self._current += 1


def parts_of(message: JsonObject) -> list[Part]:
    """The parts of a whole chat message."""
    parts = Parts()
    calls = [{**c, "index": n} for n, c in enumerate(json_objects(message.get("tool_calls")))]
    for _ in parts.add({**message, "tool_calls": calls}):
        pass
    for _ in parts.end():
        pass
    return parts.parts
