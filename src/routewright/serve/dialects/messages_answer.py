"""Answers and errors in the shapes of Anthropic's Messages API."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from routewright.errors import RoutewrightError
from routewright.providers.usage import usage_of
from routewright.serve.call import Call
from routewright.serve.dialects.base import sse
from routewright.serve.dialects.parts import Part, Step, parts_of
from routewright.serve.dialects.writing import ChunkWriter
from routewright.types import JsonObject, json_object, json_objects

# Why an answer ended, in Anthropic's words; what is not known ended by itself.
STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}
ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


def error_object(error: RoutewrightError) -> dict[str, Any]:
    """The error as ``{"type": "error", "error": {"type", "message"}}``."""
    usual = "invalid_request_error" if error.status < 500 else "api_error"
    kind = ERROR_TYPES.get(error.status, usual)
    return {"type": "error", "error": {"type": kind, "message": str(error)}}


def message(call: Call, answer: dict[str, Any]) -> dict[str, Any]:
    """The message that a chat.completion object is, with ours under ``routewright``."""
    choice = json_objects(answer.get("choices"))[0]
    parts = parts_of(json_object(choice.get("message")) or {})
    return {
        **_head(call),
        "content": [_whole(part) for part in _shown(call, parts)],
        **_stop(choice, parts),
        "usage": _usage(answer.get("usage")),
        "routewright": answer["routewright"],
    }


def _head(call: Call) -> dict[str, Any]:
    id_ = f"msg_{call.decision.id}"
    return {"id": id_, "type": "message", "role": "assistant", "model": call.model}


def _shown(call: Call, parts: Iterable[Part]) -> list[Part]:
    return [part for part in parts if part.kind != "reasoning" or _expects_thinking(call)]


def enables_thinking(body: JsonObject) -> bool:
    """Whether the client of a Messages body expects thinking blocks."""
    return (json_object(body.get("thinking")) or {}).get("type") in ("enabled", "adaptive")


def _expects_thinking(call: Call) -> bool:
    native = call.request.native
    return native is not None and enables_thinking(native.body)


def _whole(part: Part) -> dict[str, Any]:
    block = _opened(part)
    match part.kind:
        case "call":
            return {**block, "input": _input(part.text)}
        case "reasoning":
            return {**block, "thinking": part.text}
        case _:
            return {**block, "text": part.text}


def _opened(part: Part) -> dict[str, Any]:
    match part.kind:
        case "call":
            return {"type": "tool_use", "id": part.id, "name": part.name, "input": {}}
        case "reasoning":
            return {"type": "thinking", "thinking": "", "signature": ""}
        case _:
            return {"type": "text", "text": ""}


def _input(arguments: str) -> dict[str, Any]:
    try:
        return json_object(msgspec.json.decode(arguments or "{}")) or {}
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {"arguments": arguments}  # a model's slip: shown, not lost


def _stop(choice: JsonObject, parts: Iterable[Part]) -> dict[str, Any]:
    reason = str(choice.get("finish_reason") or "")
    text = choice.get("stop_reason")  # vLLM's word for the sequence that was met
    told = STOP_REASONS.get(reason, "end_turn")
    kinds = {part.kind for part in parts}
    if told == "end_turn" and "call" in kinds:  # some servers call this a stop
        told = "tool_use"
    elif told == "end_turn" and "refusal" in kinds:
        told = "refusal"
    elif told == "end_turn" and isinstance(text, str):
        return {"stop_reason": "stop_sequence", "stop_sequence": text}
    return {"stop_reason": told, "stop_sequence": None}


def _usage(given: object) -> dict[str, Any]:
    """Anthropic counts what was read from the cache or written to it beside the rest."""
    usage = usage_of(given)
    if usage is None:
        return {"input_tokens": 0, "output_tokens": 0}
    return {
        "input_tokens": usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens,
        "cache_read_input_tokens": usage.cached_tokens,
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "output_tokens": usage.output_tokens,
    }


def broke(error: RoutewrightError) -> bytes:
    """The event that tells that an answer broke off."""
    return sse(error_object(error))


class MessagesWriter(ChunkWriter):
    """Chat chunks → the events of a message; see ``base.Writer``."""

    def __init__(self, call: Call) -> None:
        super().__init__()
        self._call = call
        self._index: dict[int, int] = {}  # part → block

    def broke(self, error: RoutewrightError) -> bytes:
        """An error event."""
        return broke(error)

    def _start(self) -> bytes:
        head: dict[str, Any] = {
            **_head(self._call),
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
        }
        usage = {"input_tokens": 0, "output_tokens": 0}  # known at the end alone
        return sse({"type": "message_start", "message": {**head, "usage": usage}})

    def _end(self, comment: bytes) -> bytes:
        delta = _stop(self._choice, self._parts.parts)
        told = sse({"type": "message_delta", "delta": delta, "usage": _usage(self._usage)})
        return told + comment + sse({"type": "message_stop"})

    def _step(self, step: Step) -> bytes:
        if step.part.kind == "reasoning" and not _expects_thinking(self._call):
            return b""
        index = self._index.setdefault(step.part.number, len(self._index))
        match step.what:
            case "open":
                block = _opened(step.part)
                start = {"type": "content_block_start", "index": index, "content_block": block}
                return sse(start)
            case "more":
                delta = _delta(step)
                return sse({"type": "content_block_delta", "index": index, "delta": delta})
            case "close":
                return sse({"type": "content_block_stop", "index": index})


def _delta(step: Step) -> dict[str, Any]:
    match step.part.kind:
        case "call":
            return {"type": "input_json_delta", "partial_json": step.text}
        case "reasoning":
            return {"type": "thinking_delta", "thinking": step.text}
        case _:
            return {"type": "text_delta", "text": step.text}
