"""Answers of the Anthropic Messages API → OpenAI's chat.completion and its chunks."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import msgspec

from routewright.errors import UpstreamError, UpstreamLimitError
from routewright.providers.endpoint import event_object
from routewright.providers.refusals import told_by
from routewright.providers.stream import TERMINAL, Chunks, cut
from routewright.providers.usage import count, wire_usage
from routewright.types import Usage, json_object, json_objects

# Why an answer ended, in OpenAI's words; a reason that is not known stays as it is.
FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


def chat_completion(name: str, message: dict[str, Any]) -> dict[str, Any]:
    """The chat.completion object of a message.

    Raises:
        UpstreamError: it is no message.
    """
    if message.get("type") != "message" or not isinstance(message.get("content"), list):
        raise UpstreamError(f"{name}: the answer is not a message")
    told: dict[str, Any] = {"role": "assistant", "content": None}
    texts: dict[str, list[str]] = {"text": [], "thinking": []}
    calls: list[dict[str, Any]] = []
    for block in json_objects(message["content"]):
        kind = str(block.get("type"))
        if kind in texts:
            texts[kind].append(str(block.get(kind) or ""))
        elif kind == "tool_use":
            arguments = msgspec.json.encode(block.get("input") or {}).decode()
            function = {"name": block.get("name"), "arguments": arguments}
            calls.append({"id": block.get("id"), "type": "function", "function": function})
    if texts["text"] or not calls:
        told["content"] = "".join(texts["text"])
    if texts["thinking"]:
        told["reasoning_content"] = "".join(texts["thinking"])
    if calls:
        told["tool_calls"] = calls
    if why := _refusal(message):
        told["refusal"] = why
    answer: dict[str, Any] = {
        "id": message.get("id"),
        "object": "chat.completion",
        "created": int(time.time()),
        "model": message.get("model"),
        "choices": [{"index": 0, "message": told, "finish_reason": _finish_reason(message)}],
    }
    if usage := usage_of(message.get("usage")):
        answer["usage"] = wire_usage(usage)
    return answer


def usage_of(given: object) -> Usage | None:
    """Usage in our terms; None where none is told.

    Anthropic counts what was read from the cache and written to it beside ``input_tokens``.
    """
    wire = json_object(given)
    if wire is None or not isinstance(wire.get("output_tokens"), int):
        return None
    read = count(wire.get("cache_read_input_tokens"))
    written = count(wire.get("cache_creation_input_tokens"))
    details = json_object(wire.get("output_tokens_details")) or {}
    output = count(wire.get("output_tokens"))
    return Usage(
        input_tokens=count(wire.get("input_tokens")) + read + written,
        output_tokens=output,
        cached_tokens=read,
        cache_write_tokens=written,
        reasoning_tokens=min(count(details.get("thinking_tokens")), output),
    )


class AnthropicEvents:
    """Turns a stream's events into chunks; see ``stream.EventReader``."""

    def __init__(self, name: str) -> None:
        self.usage: Usage | None = None
        self.finished = False
        self._name = name
        self._chunks = Chunks()
        self._counted: dict[str, Any] = {}
        self._stopped = False
        self._calls: dict[int, _Call] = {}  # by the index of their block

    def read(self, event: bytes) -> Sequence[bytes]:
        """The chunks of one event.

        Raises:
            UpstreamLimitError: the upstream told, mid-stream, that it is overloaded.
            UpstreamError: any other error that it told, or an event that is no JSON object.
        """
        told = event_object(event, self._name)
        match told.get("type"):
            case "message_start":
                return self._start(json_object(told.get("message")) or {})
            case "content_block_start":
                return self._block(_index(told), json_object(told.get("content_block")) or {})
            case "content_block_delta":
                return self._delta(_index(told), json_object(told.get("delta")) or {})
            case "content_block_stop":
                return self._block_stop(_index(told))
            case "message_delta":
                return self._message_delta(told)
            case "message_stop":
                return self._stop()
            case "error":
                raise error_of(self._name, told)
            case _:  # a ping, or what a later version adds
                return ()

    def end(self) -> Sequence[bytes]:
        """Nothing: a stream is whole with its ``message_stop`` alone."""
        raise cut(self._name)

    def _start(self, message: dict[str, Any]) -> Sequence[bytes]:
        self._chunks.head |= {"id": message.get("id"), "model": message.get("model")}
        self._count(message.get("usage"))
        return (self._chunks.delta({"role": "assistant", "content": ""}),)

    def _block(self, index: int, block: dict[str, Any]) -> Sequence[bytes]:
        if block.get("type") != "tool_use":
            text = block.get("text")
            return (self._chunks.delta({"content": text}),) if text else ()
        call = _Call(number=len(self._calls), input=json_object(block.get("input")) or {})
        self._calls[index] = call
        function = {"name": block.get("name"), "arguments": ""}
        return (
            self._call(call, {"id": block.get("id"), "type": "function", "function": function}),
        )

    def _delta(self, index: int, delta: dict[str, Any]) -> Sequence[bytes]:
        match delta.get("type"):
            case "text_delta":
                return (self._chunks.delta({"content": delta.get("text")}),)
            case "thinking_delta":
                return (self._chunks.delta({"reasoning_content": delta.get("thinking")}),)
            case "input_json_delta" if index in self._calls:
                call, piece = self._calls[index], delta.get("partial_json")
                if not piece:
                    return ()
                call.told = True
                return (self._call(call, {"function": {"arguments": piece}}),)
            case _:  # signatures and citations have no place in a chunk
                return ()

    def _block_stop(self, index: int) -> Sequence[bytes]:
        call = self._calls.get(index)
        if call is None or call.told:
            return ()
        arguments = msgspec.json.encode(call.input).decode()  # a call without deltas: "{}" mostly
        return (self._call(call, {"function": {"arguments": arguments}}),)

    def _message_delta(self, told: dict[str, Any]) -> Sequence[bytes]:
        self._count(told.get("usage"))
        delta = json_object(told.get("delta")) or {}
        reason = _finish_reason(delta)
        if reason is None:
            return ()
        self._stopped = True
        why = _refusal(delta)
        return (self._chunks.delta({"refusal": why} if why else {}, finish_reason=reason),)

    def _stop(self) -> Sequence[bytes]:
        if not self._stopped:
            raise cut(self._name)
        self.finished = True
        told = (self._chunks.usage(self.usage),) if self.usage else ()
        return (*told, TERMINAL)

    def _call(self, call: _Call, piece: dict[str, Any]) -> bytes:
        return self._chunks.delta({"tool_calls": [{"index": call.number, **piece}]})

    def _count(self, usage: object) -> None:
        """Counts are cumulative: the last one told of each kind holds."""
        told = json_object(usage) or {}
        self._counted |= {key: value for key, value in told.items() if value is not None}
        self.usage = usage_of(self._counted)


class _Call(msgspec.Struct):
    number: int  # among the calls of this answer
    input: dict[str, Any]
    told: bool = False


def _index(told: dict[str, Any]) -> int:
    index = told.get("index")
    return index if isinstance(index, int) else 0


def _finish_reason(holder: dict[str, Any]) -> str | None:
    reason = holder.get("stop_reason")
    return None if reason is None else FINISH_REASONS.get(str(reason), str(reason))


def _refusal(holder: dict[str, Any]) -> str:
    return str((json_object(holder.get("stop_details")) or {}).get("explanation") or "")


def error_of(name: str, told: dict[str, Any]) -> UpstreamError:
    """The error that an ``error`` event tells of."""
    kind = (json_object(told.get("error")) or {}).get("type")
    limited = kind in ("overloaded_error", "rate_limit_error")
    return told_by(name, told, UpstreamLimitError if limited else UpstreamError, of=str(kind))
