"""Prompts and answers, where the operator keeps them: taken off the path, written with the rest.

What is kept of a request is its own body and the answer's, in the dialect that they came in. Keys
and tokens in their texts are masked, embedded files cut, long texts shortened, until a row is
within its bound; all that in the thread that writes. Nothing of it is ever logged.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any, cast

import msgspec

from routewright.redaction import redacted
from routewright.serve.dialects.parts import Parts
from routewright.serve.rows import Kept
from routewright.serve.stream import event_object
from routewright.types import JsonObject, json_object, json_objects

if TYPE_CHECKING:
    from routewright.serve.call import Call
    from routewright.serve.ledger import Ledger

MOST_QUEUED_BYTES = 32_000_000  # of a worker's memory, for contents that are not yet written
_MARGIN = 256  # a key at the cut is still seen whole
_SHORTEST = 32  # characters of a text, below which a row is not worth keeping
_FILE_SHOWN = 64  # characters of a file in a data: URL, which tell its kind


class Contents:
    """Hands over what requests asked and were answered.

    Args:
        ledger: what writes it.
        row_bytes: how much of one request, and of one answer, is kept.
    """

    def __init__(self, ledger: Ledger, row_bytes: int) -> None:
        self._ledger = ledger
        self._row_bytes = row_bytes
        self._queued_bytes = 0
        self._lock = threading.Lock()

    def copied(self, call: Call, events: AsyncIterator[bytes], first: bytes) -> Copied:
        """The events of a stream, copied as they pass."""
        call.answer = copied = Copied(events, first, 4 * self._row_bytes)
        return copied

    def keep(self, call: Call) -> None:
        """Hand over a request that has ended; what is too much to wait is counted as lost."""
        native = call.request.native
        # Encoded here, though it takes a moment: what waits has a size then, and cannot change.
        request = msgspec.json.encode(native.body if native else call.request.body)
        told: object = call.answer
        frames = told.frames if isinstance(told, Copied) else None
        if native is not None and native.dialect == "embeddings":
            told = None  # numbers that nobody reads
        answer = b"".join(frames) if frames is not None else msgspec.json.encode(told)
        size = len(request) + len(answer)
        with self._lock:
            self._queued_bytes += size
            fits = self._queued_bytes <= MOST_QUEUED_BYTES
        dialect = native.dialect if native and call.native else "chat"
        kept = Kept(
            time.time(),
            call.decision.id,
            request,
            answer,
            dialect if frames is not None else "",
            self._row_bytes,
            lambda: self._written(size),
        )
        self._ledger.content(kept, fits=fits)

    def _written(self, size: int) -> None:
        """Called by whichever thread is through with it."""
        with self._lock:
            self._queued_bytes -= size


class Copied:
    """A stream's events as they pass; those beyond a size pass without being copied."""

    def __init__(self, events: AsyncIterator[bytes], first: bytes, most_bytes: int) -> None:
        self.frames = [first]
        self._events = events
        self._left = most_bytes - len(first)

    def __aiter__(self) -> Copied:
        return self

    async def __anext__(self) -> bytes:
        event = await anext(self._events)
        if self._left > 0:
            self._left -= len(event)
            self.frames.append(event)
        return event

    async def aclose(self) -> None:
        """Close what is copied."""
        close = getattr(self._events, "aclose", None)
        if close is not None:
            await close()


def kept_text(raw: bytes, most_bytes: int) -> str:
    """JSON that is fit to be kept: keys masked, files and long texts cut to fit."""
    most = most_bytes
    with contextlib.suppress(RecursionError):  # nested beyond reason: nobody will read that
        value = msgspec.json.decode(raw)
        while most >= _SHORTEST:
            text = msgspec.json.encode(_shown(value, most))
            if len(text) <= most_bytes:
                return text.decode()
            most //= 4
    return msgspec.json.encode({"omitted_bytes": len(raw)}).decode()


def whole_answer(events: bytes, dialect: str) -> bytes:
    """The events of a streamed answer → the object that it would have been in one piece.

    One that broke off is as far as it came.
    """
    told = (event_object(event) for event in events.split(b"\n\n"))
    objects = (found for found in told if found is not None)
    makers = {"messages": _message, "responses": _response}
    return msgspec.json.encode(makers.get(dialect, _completion)(objects))


def _shown(value: object, most: int) -> object:
    if isinstance(value, str):
        if value.startswith("data:") and len(value) > _FILE_SHOWN:
            return f"{value[:_FILE_SHOWN]}… ({len(value)} characters)"
        shown = redacted(value[: most + _MARGIN])
        cut = len(value) > most
        return f"{shown[:most]}… ({len(value)} characters)" if cut else shown
    if isinstance(value, list):
        return [_shown(item, most) for item in cast("list[object]", value)]
    fields = json_object(value)
    if fields is None:
        return value
    return {_shown(name, most): _shown(item, most) for name, item in fields.items()}


def _completion(objects: Iterator[dict[str, Any]]) -> JsonObject:
    choices: dict[int, tuple[Parts, list[str]]] = {}
    for chunk in objects:
        for choice in json_objects(chunk.get("choices")):
            index = choice.get("index")
            parts, ended = choices.setdefault(index if isinstance(index, int) else 0, (Parts(), []))
            for _ in parts.add(json_object(choice.get("delta")) or {}):
                pass
            if reason := choice.get("finish_reason"):
                ended.append(str(reason))
    told: list[JsonObject] = []
    for index, (parts, ended) in sorted(choices.items()):
        words = {"reasoning": "", "text": "", "refusal": ""}
        calls: list[JsonObject] = []
        for part in parts.parts:
            if part.kind == "call":
                function = {"name": part.name, "arguments": part.text}
                calls.append({"id": part.id, "type": "function", "function": function})
            else:
                words[part.kind] += part.text
        message: dict[str, Any] = {"role": "assistant", "content": words["text"] or None}
        message |= {key: words[key] for key in ("reasoning", "refusal") if words[key]}
        if calls:
            message["tool_calls"] = calls
        reason = ended[-1] if ended else None
        told.append({"index": index, "message": message, "finish_reason": reason})
    return {"object": "chat.completion", "choices": told}


_DELTAS = ("text", "thinking", "partial_json")  # what the deltas of Messages add to


def _message(objects: Iterator[dict[str, Any]]) -> JsonObject:
    blocks: dict[int, dict[str, Any]] = {}
    reason = None
    for event in objects:
        index = event.get("index")
        delta = json_object(event.get("delta")) or {}
        if event.get("type") == "content_block_start" and isinstance(index, int):
            blocks[index] = dict(json_object(event.get("content_block")) or {})
        elif isinstance(index, int) and index in blocks:
            for name in _DELTAS:
                if isinstance(more := delta.get(name), str):
                    blocks[index][name] = str(blocks[index].get(name) or "") + more
        reason = delta.get("stop_reason") or reason
    content = [blocks[index] for index in sorted(blocks)]
    return {"type": "message", "role": "assistant", "content": content, "stop_reason": reason}


def _response(objects: Iterator[dict[str, Any]]) -> JsonObject:
    text = ""
    for event in objects:
        if event.get("type") in ("response.completed", "response.incomplete"):
            return json_object(event.get("response")) or {}
        if event.get("type") == "response.output_text.delta":
            text += str(event.get("delta") or "")
    content = [{"type": "output_text", "text": text}]
    message = {"type": "message", "role": "assistant", "content": content}
    return {"object": "response", "status": "incomplete", "output": [message]}
