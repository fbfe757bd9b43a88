"""Answers of Gemini's generateContent → OpenAI's chat.completion and its chunks."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import msgspec

from routewright.errors import UpstreamError, UpstreamLimitError
from routewright.providers.completion import Pieces
from routewright.providers.endpoint import event_object
from routewright.providers.refusals import told_by
from routewright.providers.stream import TERMINAL, Chunks, cut
from routewright.providers.usage import count, wire_usage
from routewright.types import Usage, json_object, json_objects

# Why an answer ended, in OpenAI's words; a reason that is not known stays as it is, in small
# letters: it is neither a whole answer nor one that was cut at its limit.
FINISH_REASONS = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    **dict.fromkeys(
        (
            "SAFETY",
            "RECITATION",
            "BLOCKLIST",
            "PROHIBITED_CONTENT",
            "SPII",
            "IMAGE_SAFETY",
            "IMAGE_PROHIBITED_CONTENT",
            "IMAGE_RECITATION",
            "MODEL_ARMOR",
        ),
        "content_filter",
    ),
}


def chat_completion(name: str, response: dict[str, Any]) -> dict[str, Any]:
    """The chat.completion object of a response; a prompt that was blocked is a filtered answer.

    Raises:
        UpstreamError: it has neither candidates nor the reason why.
    """
    reader = GeminiEvents(name)
    pieces = Pieces()
    for chunk in reader.chunks(response):
        pieces.add(chunk)
    answer = pieces.whole()
    if not answer["choices"]:
        raise UpstreamError(f"{name}: answer without candidates")
    if reader.usage:
        answer["usage"] = wire_usage(reader.usage)
    return answer


def usage_of(given: object) -> Usage | None:
    """Usage in our terms; None where none is told. Thoughts are counted beside the answer."""
    wire = json_object(given)
    if wire is None or not isinstance(wire.get("promptTokenCount"), int):
        return None
    thoughts = count(wire.get("thoughtsTokenCount"))
    read = count(wire.get("promptTokenCount")) + count(wire.get("toolUsePromptTokenCount"))
    return Usage(
        input_tokens=read,
        output_tokens=count(wire.get("candidatesTokenCount")) + thoughts,
        cached_tokens=min(count(wire.get("cachedContentTokenCount")), read),
        reasoning_tokens=thoughts,
    )


class GeminiEvents:
    """Turns a stream's events into chunks; see ``stream.EventReader``.

    There is no terminal event: an answer is whole when the stream has ended properly after
    every candidate has told why it ended.
    """

    def __init__(self, name: str) -> None:
        self.usage: Usage | None = None
        self.finished = False
        self._name = name
        self._chunks = Chunks()
        self._chunks.head["id"] = f"chatcmpl-{uuid.uuid4().hex}"
        self._calls: dict[int, int] = {}  # of each candidate that was seen
        self._ended: set[int] = set()

    def read(self, event: bytes) -> Sequence[bytes]:
        """The chunks of one event.

        Raises:
            UpstreamLimitError: the upstream told, mid-stream, that its limit is reached.
            UpstreamError: any other error that it told, or an event that is no JSON object.
        """
        told = event_object(event, self._name)
        if error := json_object(told.get("error")):
            limited = error.get("code") in (429, 503)
            raise told_by(self._name, told, UpstreamLimitError if limited else UpstreamError)
        return self.chunks(told)

    def end(self) -> Sequence[bytes]:
        """Usage and the terminal event.

        Raises:
            UpstreamError: a candidate has not told why it ended, or there was none.
        """
        if not self._calls or self._ended != set(self._calls):
            raise cut(self._name)
        self.finished = True
        return (*([self._chunks.usage(self.usage)] if self.usage else []), TERMINAL)

    def chunks(self, response: dict[str, Any]) -> Sequence[bytes]:
        """The chunks of one response, which may be a whole answer."""
        if response.get("responseId"):
            self._chunks.head["id"] = response["responseId"]
        self._chunks.head["model"] = response.get("modelVersion") or self._chunks.head["model"]
        self.usage = usage_of(response.get("usageMetadata")) or self.usage
        told: list[bytes] = []
        for candidate in json_objects(response.get("candidates")):
            told += self._candidate(candidate)
        blocked = (json_object(response.get("promptFeedback")) or {}).get("blockReason")
        if blocked:
            told += self._opened(0)
            self._ended.add(0)
            why = {"refusal": f"the prompt was blocked: {blocked}"}
            told.append(self._chunks.delta(why, finish_reason="content_filter"))
        return told

    def _opened(self, index: int) -> list[bytes]:
        if index in self._calls:
            return []
        self._calls[index] = 0
        return [self._chunks.delta({"role": "assistant", "content": ""}, index=index)]

    def _candidate(self, candidate: dict[str, Any]) -> list[bytes]:
        index = count(candidate.get("index"))
        told = self._opened(index)
        content = json_object(candidate.get("content")) or {}
        for part in json_objects(content.get("parts")):
            if delta := self._delta(part, index):
                told.append(self._chunks.delta(delta, index=index))
        if reason := candidate.get("finishReason"):
            ended = FINISH_REASONS.get(str(reason), str(reason).lower())
            if ended == "stop" and self._calls[index]:
                ended = "tool_calls"
            self._ended.add(index)
            told.append(self._chunks.delta({}, index=index, finish_reason=ended))
        return told

    def _delta(self, part: dict[str, Any], index: int) -> dict[str, Any]:
        if call := json_object(part.get("functionCall")):
            return {"tool_calls": [self._call(call, part.get("thoughtSignature"), index)]}
        text = part.get("text")
        if not isinstance(text, str) or not text:
            return {}
        return {"reasoning_content": text} if part.get("thought") else {"content": text}

    def _call(self, call: dict[str, Any], signature: object, index: int) -> dict[str, Any]:
        """A call in one piece. Its signature must come back with it, as Google's endpoint wants."""
        number = self._calls[index]
        self._calls[index] += 1
        arguments = msgspec.json.encode(call.get("args") or {}).decode()
        told: dict[str, Any] = {
            "index": number,
            "id": call.get("id") or f"call_{uuid.uuid4().hex[:24]}",
            "type": "function",
            "function": {"name": call.get("name"), "arguments": arguments},
        }
        if signature:
            told["extra_content"] = {"google": {"thought_signature": signature}}
        return told
