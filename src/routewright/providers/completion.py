"""A whole answer, whatever dialect it came in; and one put together from a stream's events."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from routewright import catalog
from routewright.errors import UpstreamError
from routewright.protocols import Provider
from routewright.providers.endpoint import event_data
from routewright.providers.usage import estimated_usage, usage_of
from routewright.types import JsonObject, Model, Usage, json_object, json_objects

REASONING = ("reasoning_content", "reasoning")  # DeepSeek's word and OpenRouter's


class ChatCompletion(msgspec.Struct, frozen=True):
    """A chat.completion object with what it used and cost; see ``protocols.Completion``."""

    body: dict[str, Any]
    usage: Usage
    cost_usd: float
    latency_s: float
    first_token_s: float | None = None

    @property
    def text(self) -> str:
        """The words of the first choice, empty where it has none."""
        content = (json_object(self._choice().get("message")) or {}).get("content")
        return content if isinstance(content, str) else ""

    @property
    def finish_reason(self) -> str:
        """Why the first choice ended, in OpenAI's words: stop, length, …"""
        return str(self._choice().get("finish_reason") or "")

    @property
    def refused(self) -> bool:
        """Whether the answer was filtered, or is a refusal in the message's own field."""
        message = json_object(self._choice().get("message")) or {}
        return self.finish_reason == "content_filter" or bool(message.get("refusal"))

    def _choice(self) -> dict[str, Any]:
        choices = json_objects(self.body.get("choices"))
        return choices[0] if choices else {}


def whole_answer(
    name: str,
    model: Model,
    asked: JsonObject,
    answer: dict[str, Any],
    *,
    latency_s: float,
    first_token_s: float | None = None,
) -> ChatCompletion:
    """The completion that a chat.completion object makes; usage that it lacks is estimated.

    Raises:
        UpstreamError: it has no choices.
    """
    if not json_objects(answer.get("choices")):
        raise UpstreamError(f"{name}: answer without choices")
    usage = usage_of(answer.get("usage"))
    if usage is None:
        said = ChatCompletion(answer, Usage(), 0.0, latency_s).text
        usage = estimated_usage(asked, said)
    cost_usd = catalog.cost_usd(model, usage)
    return ChatCompletion(answer, usage, cost_usd, latency_s, first_token_s)


async def complete_streamed(
    provider: Provider,
    model: Model,
    body: JsonObject,
    *,
    cache_prefix: int = 0,
    idempotency_key: str = "",
) -> ChatCompletion:
    """Ask as ``provider.complete`` does, over a stream, to learn when the first words came.

    Words are those of the answer: text, a refusal or a tool call, not the reasoning before them.

    Raises:
        RequestError, UpstreamError: as ``Provider.stream``; a stream that was cut is an error.
    """
    stream = await provider.stream(
        model, body, cache_prefix=cache_prefix, idempotency_key=idempotency_key
    )
    pieces = Pieces()
    first: float | None = None
    try:
        async for event in stream:
            if pieces.add(event) and first is None:
                first = time.monotonic()
        ended = time.monotonic()
    finally:
        await stream.aclose()
    done = whole_answer(
        provider.name,
        model,
        body,
        pieces.whole(),
        latency_s=ended - stream.started,
        first_token_s=None if first is None else first - stream.started,
    )
    if stream.usage is None or stream.cost_usd is None:
        return done
    # The stream may know more than its events tell, such as the CPU seconds of a local model.
    return msgspec.structs.replace(done, usage=stream.usage, cost_usd=stream.cost_usd)


class Pieces:
    """Puts a chat.completion together from chat.completion.chunk events."""

    def __init__(self) -> None:
        self._head: dict[str, Any] = {}
        self._choices: dict[int, dict[str, Any]] = {}

    def add(self, event: bytes) -> bool:
        """Take one event in; True if it held words of an answer."""
        try:
            chunk = json_object(msgspec.json.decode(event_data(event)))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False  # a comment, or the terminal event
        if chunk is None:
            return False
        self._head |= {k: v for k, v in chunk.items() if k != "choices" and v is not None}
        said = [self._add_choice(choice) for choice in json_objects(chunk.get("choices"))]
        return any(said)

    def whole(self) -> dict[str, Any]:
        """The chat.completion object of all pieces so far; its choices in order."""
        choices: list[dict[str, Any]] = []
        for index, choice in sorted(self._choices.items()):
            message: dict[str, Any] = {"role": "assistant", "content": None, **choice["message"]}
            if calls := choice["calls"]:
                message["tool_calls"] = [call for _, call in sorted(calls.items())]
            reason = choice["finish_reason"]
            choices.append({"index": index, "message": message, "finish_reason": reason})
        return {**self._head, "object": "chat.completion", "choices": choices}

    def _add_choice(self, given: dict[str, Any]) -> bool:
        index = given.get("index")
        choice = self._choices.setdefault(
            index if isinstance(index, int) else 0,
            {"message": {}, "calls": {}, "finish_reason": None},
        )
        choice["finish_reason"] = given.get("finish_reason") or choice["finish_reason"]
        delta = json_object(given.get("delta")) or {}
        said = False
        for key in ("content", "refusal", *REASONING):
            text = delta.get(key)
            if isinstance(text, str) and text:
                choice["message"][key] = choice["message"].get(key, "") + text
                said = said or key not in REASONING
        for call in json_objects(delta.get("tool_calls")):
            self._add_call(choice["calls"], call)
            said = True
        return said

    def _add_call(self, calls: dict[int, dict[str, Any]], given: dict[str, Any]) -> None:
        # The index is what joins deltas: id and name come with the first of a call alone.
        index = given.get("index")
        call = calls.setdefault(
            index if isinstance(index, int) else len(calls),
            {"id": "", "type": "function", "function": {"name": "", "arguments": ""}},
        )
        call["id"] = call["id"] or given.get("id") or ""
        if given.get("extra_content"):
            call["extra_content"] = given["extra_content"]
        function = json_object(given.get("function")) or {}
        call["function"]["name"] = call["function"]["name"] or function.get("name") or ""
        arguments = function.get("arguments") or ""
        if not isinstance(arguments, str):  # some servers send the object itself
            arguments = msgspec.json.encode(arguments).decode()
        call["function"]["arguments"] += arguments
