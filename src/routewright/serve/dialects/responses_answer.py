"""Answers in the shapes of OpenAI's Responses API, whole and as its typed events."""

from __future__ import annotations

import time
from typing import Any

from routewright.errors import RoutewrightError
from routewright.providers.usage import usage_of
from routewright.serve.call import Call
from routewright.serve.dialects.base import given, sse
from routewright.serve.dialects.chat import broken
from routewright.serve.dialects.parts import Part, Step, parts_of
from routewright.serve.dialects.writing import ChunkWriter
from routewright.types import JsonObject, json_object, json_objects

# Why an answer ended early, in the words of this dialect.
INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}
# What a response repeats of its request.
_ECHOED: dict[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "reasoning": {"effort": None, "summary": None},
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}


def response(call: Call, answer: dict[str, Any]) -> dict[str, Any]:
    """The response that a chat.completion object is, with ours under ``routewright``."""
    choice = json_objects(answer.get("choices"))[0]
    items = Items(call.decision.id)
    parts = parts_of(json_object(choice.get("message")) or {})
    output = [items.whole(items.place(part), part) for part in parts]
    ended = _ended(choice, answer.get("usage"))
    return {**_head(call), **ended, "output": output, "routewright": answer["routewright"]}


def _head(call: Call) -> dict[str, Any]:
    native = call.request.native
    body = native.body if native else {}
    return {
        "id": f"resp_{call.decision.id}",
        "object": "response",
        "created_at": int(time.time()),
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "model": call.model,
        "output": [],
        "previous_response_id": None,
        "store": False,
        "usage": None,
        **_ECHOED,
        **given(body, *_ECHOED),
    }


def _ended(choice: JsonObject, usage: object) -> dict[str, Any]:
    why = INCOMPLETE.get(str(choice.get("finish_reason") or ""))
    return {
        "status": "incomplete" if why else "completed",
        "incomplete_details": {"reason": why} if why else None,
        "usage": _usage(usage),
    }


def _usage(told: object) -> dict[str, Any] | None:
    usage = usage_of(told)
    if usage is None:
        return None
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


class Items:
    """Output items: a part each, each with its place and its id."""

    def __init__(self, decision_id: str) -> None:
        self._decision_id = decision_id
        self._places: dict[int, int] = {}

    def place(self, part: Part) -> int:
        """Where a part's item stands in the output."""
        return self._places.setdefault(part.number, len(self._places))

    def id(self, place: int, part: Part) -> str:
        """The id of an item."""
        kind = {"call": "fc", "reasoning": "rs"}.get(part.kind, "msg")
        return f"{kind}_{self._decision_id}_{place}"

    def whole(self, place: int, part: Part, status: str = "completed") -> dict[str, Any]:
        """The item of a part as far as it is known."""
        item: dict[str, Any] = {"id": self.id(place, part), "status": status}
        content = [self.content(part)] if status == "completed" else []
        match part.kind:
            case "call":
                arguments = part.text if status == "completed" else ""
                named = {"call_id": part.id, "name": part.name, "arguments": arguments}
                return {**item, "type": "function_call", **named}
            case "reasoning":
                return {**item, "type": "reasoning", "summary": [], "content": content}
            case _:
                return {**item, "type": "message", "role": "assistant", "content": content}

    def content(self, part: Part, *, empty: bool = False) -> dict[str, Any]:
        """The one content part of an item that has words."""
        words = "" if empty else part.text
        match part.kind:
            case "reasoning":
                return {"type": "reasoning_text", "text": words}
            case "refusal":
                return {"type": "refusal", "refusal": words}
            case _:
                return {"type": "output_text", "text": words, "annotations": [], "logprobs": []}


class ResponsesWriter(ChunkWriter):
    """Chat chunks → the events of a response; see ``base.Writer``."""

    def __init__(self, call: Call) -> None:
        super().__init__()
        self._head = _head(call)
        self._items = Items(call.decision.id)
        self._number = 0

    def broke(self, error: RoutewrightError) -> bytes:
        """An error event."""
        return broke(error, self._number)

    def _start(self) -> bytes:
        kinds = ("response.created", "response.in_progress")
        return b"".join(self._tell(kind, response=self._head) for kind in kinds)

    def _end(self, comment: bytes) -> bytes:
        ended = _ended(self._choice, self._usage)
        output = [self._items.whole(self._items.place(p), p) for p in self._parts.parts]
        whole = {**self._head, **ended, "output": output}
        return comment + self._tell(f"response.{ended['status']}", response=whole)

    def _step(self, step: Step) -> bytes:
        part = step.part
        place = self._items.place(part)
        item_id = self._items.id(place, part)
        if part.kind == "call":
            return self._call_step(step, place, item_id)
        at = {"item_id": item_id, "output_index": place, "content_index": 0}
        name, field = _WORDS[part.kind]
        more: dict[str, Any] = {"logprobs": []} if part.kind == "text" else {}
        match step.what:
            case "open":
                empty = self._items.content(part, empty=True)
                return self._added(place, part) + self._tell(
                    "response.content_part.added", **at, part=empty
                )
            case "more":
                return self._tell(f"response.{name}.delta", **at, delta=step.text, **more)
            case "close":
                whole = self._items.content(part)
                return (
                    self._tell(f"response.{name}.done", **at, **{field: part.text}, **more)
                    + self._tell("response.content_part.done", **at, part=whole)
                    + self._done(place, part)
                )

    def _call_step(self, step: Step, place: int, item_id: str) -> bytes:
        part = step.part
        at = {"item_id": item_id, "output_index": place}
        name = "response.function_call_arguments"
        match step.what:
            case "open":
                return self._added(place, part)
            case "more":
                return self._tell(f"{name}.delta", **at, delta=step.text)
            case "close":
                told = self._tell(f"{name}.done", **at, name=part.name, arguments=part.text)
                return told + self._done(place, part)

    def _added(self, place: int, part: Part) -> bytes:
        item = self._items.whole(place, part, "in_progress")
        return self._tell("response.output_item.added", output_index=place, item=item)

    def _done(self, place: int, part: Part) -> bytes:
        item = self._items.whole(place, part)
        return self._tell("response.output_item.done", output_index=place, item=item)

    def _tell(self, kind: str, **fields: Any) -> bytes:
        event = sse({"type": kind, "sequence_number": self._number, **fields})
        self._number += 1
        return event


_WORDS = {
    "text": ("output_text", "text"),
    "refusal": ("refusal", "refusal"),
    "reasoning": ("reasoning_text", "text"),
}


def broke(error: RoutewrightError, number: int = 0) -> bytes:
    """The event that tells that an answer broke off.

    It is what the API sends, in the place it documents and in the one its client looks at.
    """
    told = broken(error)["error"]
    fields = {"code": told["code"], "message": told["message"], "param": told["param"]}
    return sse({"type": "error", "sequence_number": number, **fields, "error": told})
