"""Requests of other dialects that pass untouched, and their answers: usage and end are read off.

messages     Anthropic's Messages
responses    OpenAI's Responses
embeddings   OpenAI's embeddings, never streamed
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from routewright import catalog
from routewright.errors import UpstreamError
from routewright.providers import usage as chat_usage
from routewright.providers.endpoint import event_object
from routewright.providers.refusals import told_by
from routewright.providers.stream import cut
from routewright.types import JsonObject, Model, Usage, json_object

_LAST = ("message_stop", "response.completed", "response.incomplete")
_MARKS = (
    b"message_start",
    b"message_delta",
    *(each.encode() for each in _LAST),
    b"response.failed",
    b"error",
)


ReadUsage = Callable[[object], Usage | None]


class NativeAnswer(msgspec.Struct, frozen=True):
    """A whole answer of another dialect; see ``protocols.NativeAnswer``."""

    body: dict[str, Any]
    usage: Usage
    cost_usd: float
    latency_s: float


def native_answer(
    dialect: str,
    model: Model,
    asked: JsonObject,
    body: dict[str, Any],
    *,
    read_usage: ReadUsage,
    latency_s: float,
) -> NativeAnswer:
    """The answer with its usage, which is estimated where none is told."""
    usage = read_usage(body.get("usage"))
    if usage is None:
        read = len(msgspec.json.encode(asked)) // chat_usage.BYTES_PER_TOKEN
        written = len(msgspec.json.encode(body)) // chat_usage.BYTES_PER_TOKEN
        output = 0 if dialect == "embeddings" else round(written)
        usage = Usage(input_tokens=round(read), output_tokens=output, estimated=True)
    return NativeAnswer(body, usage, catalog.cost_usd(model, usage), latency_s)


def is_last(event: bytes) -> bool:
    """Whether an event of one of these dialects says that the answer is whole."""
    if not any(each.encode() in event for each in _LAST):
        return False
    return event_object(event, "").get("type") in _LAST


class NativeEvents:
    """Passes events on untouched; see ``stream.EventReader``."""

    def __init__(
        self,
        name: str,
        read_usage: ReadUsage,
        error_of: Callable[[str, dict[str, Any]], UpstreamError],
    ) -> None:
        self.usage: Usage | None = None
        self.finished = False
        self._name = name
        self._read_usage = read_usage
        self._error_of = error_of
        self._counted: dict[str, Any] = {}

    def read(self, event: bytes) -> Sequence[bytes]:
        """The event itself.

        Raises:
            UpstreamError: it is an error.
        """
        if any(mark in event for mark in _MARKS):
            self._look(event_object(event, self._name))
        return (event,)

    def end(self) -> Sequence[bytes]:
        """Nothing: a stream is whole with its last event alone."""
        raise cut(self._name)

    def _look(self, told: dict[str, Any]) -> None:
        kind = told.get("type")
        if kind == "error":
            raise self._error_of(self._name, told)
        held = told
        if kind == "message_start":
            held = json_object(told.get("message")) or {}
        elif isinstance(kind, str) and kind.startswith("response."):
            held = json_object(told.get("response")) or {}
            if kind == "response.failed":
                raise told_by(self._name, held)
        given = json_object(held.get("usage")) or {}
        self._counted |= {key: value for key, value in given.items() if value is not None}
        self.usage = self._read_usage(self._counted) or self.usage
        self.finished = kind in _LAST


def openai_error(name: str, told: dict[str, Any]) -> UpstreamError:
    """The error that an event of Responses tells of."""
    return told_by(name, told)


def openai_usage(given: object) -> Usage | None:
    """Usage as OpenAI tells it of embeddings and Responses; None where it tells none."""
    wire = json_object(given) or {}
    if "prompt_tokens" in wire:
        return chat_usage.usage_of({"completion_tokens": 0, **wire})
    words = {
        "prompt_tokens": wire.get("input_tokens"),
        "completion_tokens": wire.get("output_tokens"),
        "prompt_tokens_details": wire.get("input_tokens_details"),
        "completion_tokens_details": wire.get("output_tokens_details"),
    }
    return chat_usage.usage_of(words)
