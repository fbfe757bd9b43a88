"""Chat completions of one message, whole and as chunks cut where the caller says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tests.fakes.upstream import Raw

USAGE = {
    "prompt_tokens": 20,
    "completion_tokens": 7,
    "total_tokens": 27,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 2},
}
CALLS = [
    ("call_a", "weather", '{"city": "Paris"}'),
    ("call_b", "weather", '{"city": "Łódź 🌧"}'),
]


def tool_calls(calls: Sequence[tuple[str, str, str]] = CALLS) -> list[dict[str, Any]]:
    return [
        {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}
        for id_, name, arguments in calls
    ]


def whole(message: dict[str, Any], finish: str = "stop") -> Raw:
    told = {"role": "assistant", "content": None, **message}
    choice = {"index": 0, "message": told, "finish_reason": finish}
    body = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}
    return Raw(json.dumps({**body, "choices": [choice], "usage": USAGE}).encode())


def events(deltas: Sequence[dict[str, Any]], finish: str = "stop") -> bytes:
    """The bytes of a stream."""
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    chunks = [
        {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        for delta in ({"role": "assistant", "content": ""}, *deltas)
    ]
    chunks.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    chunks.append({**head, "choices": [], "usage": USAGE})
    lines = [f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n" for chunk in chunks]
    return "".join([*lines, "data: [DONE]\n\n"]).encode()


def streamed(deltas: Sequence[dict[str, Any]], finish: str = "stop") -> Raw:
    return Raw(events(deltas, finish), "text/event-stream")


def call_deltas(calls: Sequence[tuple[str, str, str]] = CALLS) -> list[dict[str, Any]]:
    """Each call's id and name first, then its arguments in two pieces."""
    deltas: list[dict[str, Any]] = []
    for index, (id_, name, arguments) in enumerate(calls):
        half = len(arguments) // 2
        first = {"id": id_, "type": "function", "function": {"name": name, "arguments": ""}}
        pieces = [{"function": {"arguments": p}} for p in (arguments[:half], arguments[half:])]
        deltas += [{"tool_calls": [{"index": index, **each}]} for each in (first, *pieces)]
    return deltas
