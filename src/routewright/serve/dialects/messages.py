"""Anthropic's Messages: a body → OpenAI's chat words, and answers and errors in its own shape.

    system, messages      text, images, PDFs, tool calls and their results
    max_tokens            and temperature, top_p, stop_sequences, metadata.user_id
    tools, tool_choice    functions; disable_parallel_tool_use
    output_config         format (JSON Schema) and effort

Everything else has no counterpart: only a provider that speaks the dialect itself is sent it.
Thinking is for the model to do or not: what it tells of it comes back as thinking blocks where
the request enables them; earlier thinking is not passed on to others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from routewright.errors import RoutewrightError
from routewright.serve.call import Call
from routewright.serve.dialects.base import (
    Translation,
    Writer,
    given,
    object_,
    objects,
    plain,
    refuse,
    text,
    whole_number,
)
from routewright.serve.dialects.messages_answer import (
    MessagesWriter,
    broke,
    enables_thinking,
    error_object,
    message,
)
from routewright.serve.dialects.writing import Passing
from routewright.serve.wire import ChatRequest
from routewright.types import json_objects

# What is said in OpenAI's words, or changes no answer there.
_TAKEN = {
    "cache_control",
    "max_tokens",
    "messages",
    "metadata",
    "model",
    "output_config",
    "service_tier",
    "stop_sequences",
    "stream",
    "system",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
    "top_p",
}


class Messages:
    """The Messages dialect; see ``base.Dialect``."""

    name = "messages"
    forwarded: tuple[str, ...] = ("anthropic-beta",)

    def read(self, body: Mapping[str, Any]) -> ChatRequest:
        """The request in OpenAI's words.

        Raises:
            RequestError: a field that is malformed; ``param`` names it.
        """
        told = Translation(body)
        if body.get("max_tokens") is None:
            raise refuse("max_tokens", "is required; say how long the answer may be")
        chat: dict[str, Any] = {
            **given(body, "model", "stream", "temperature", "top_p"),
            "messages": [*_system(told, body.get("system")), *_turns(told, body)],
            "max_tokens": whole_number(body["max_tokens"], "max_tokens"),
            **_tools(told, body),
            **_output(told, body),
        }
        if stop := body.get("stop_sequences"):
            chat["stop"] = stop
        user = object_(body.get("metadata") or {}, "metadata").get("user_id")
        if isinstance(user, str) and user:
            chat["user"] = user
        if body.get("service_tier") not in (None, "auto"):
            told.only("service_tier")
        if enables_thinking(body):
            told.dropped("thinking")
        told.only_beside(_TAKEN)
        return told.request(self.name, chat, _without_our_thinking(told.body))

    def whole(self, call: Call, answer: dict[str, Any]) -> dict[str, Any]:
        """The message of an answer."""
        return answer if call.native else message(call, answer)

    def writer(self, call: Call) -> Writer:
        """Writes the events of a message."""
        return Passing(broke) if call.native else MessagesWriter(call)

    def error(self, error: RoutewrightError) -> dict[str, Any]:
        """Anthropic's error object."""
        return error_object(error)


def _system(told: Translation, system: object) -> list[dict[str, Any]]:
    if system is None or system == "" or system == []:
        return []
    if not isinstance(system, str):
        blocks = objects(system, "system")
        parts = [_text(told, block, f"system[{n}]") for n, block in enumerate(blocks)]
        system = plain([part for part in parts if part])
    return [{"role": "system", "content": system}]


def _turns(told: Translation, body: Mapping[str, Any]) -> list[dict[str, Any]]:
    if not body.get("messages"):
        raise refuse("messages", "is empty; send at least one")
    turns: list[dict[str, Any]] = []
    role = ""
    for n, turn in enumerate(objects(body["messages"], "messages")):
        at, role = f"messages[{n}]", turn.get("role")
        if role not in ("user", "assistant"):
            raise refuse(f"{at}.role", "must be user or assistant")
        content = turn.get("content")
        if isinstance(content, str):
            turns.append({"role": role, "content": content})
        elif role == "assistant":
            turns.append(_assistant(told, objects(content, f"{at}.content"), f"{at}.content"))
        else:
            turns += _user(told, objects(content, f"{at}.content"), f"{at}.content")
    if role == "assistant":  # Anthropic goes on with these words; elsewhere they are a turn
        told.only(f"messages[{len(body['messages']) - 1}].role")
    return turns


def _user(told: Translation, blocks: list[dict[str, Any]], at: str) -> list[dict[str, Any]]:
    """A user's turn: the results of tools are messages of their own, before the rest."""
    turns: list[dict[str, Any]] = []
    parts: list[dict[str, Any]] = []
    for n, block in enumerate(blocks):
        place = f"{at}[{n}]"
        if block.get("type") == "tool_result":
            turns.append(_result(told, block, place))
        else:
            parts += _part(told, block, place)
    if parts or not turns:
        turns.append({"role": "user", "content": plain(parts)})
    return turns


def _result(told: Translation, block: dict[str, Any], at: str) -> dict[str, Any]:
    id_ = text(block.get("tool_use_id"), f"{at}.tool_use_id")
    content = block.get("content")
    if content is not None and not isinstance(content, str):
        given_ = objects(content, f"{at}.content")
        parts = [_text(told, part, f"{at}.content[{n}]") for n, part in enumerate(given_)]
        content = plain([part for part in parts if part])
    if block.get("is_error"):
        told.dropped("is_error")
    return {"role": "tool", "tool_call_id": id_, "content": content or ""}


def _assistant(told: Translation, blocks: list[dict[str, Any]], at: str) -> dict[str, Any]:
    parts: list[dict[str, Any]] = []
    calls: list[dict[str, Any]] = []
    for n, block in enumerate(blocks):
        place = f"{at}[{n}]"
        if block.get("type") in ("thinking", "redacted_thinking"):
            told.dropped("thinking")
        elif block.get("type") == "tool_use":
            arguments = msgspec.json.encode(object_(block.get("input"), f"{place}.input")).decode()
            function = {"name": text(block.get("name"), f"{place}.name"), "arguments": arguments}
            id_ = text(block.get("id"), f"{place}.id")
            calls.append({"id": id_, "type": "function", "function": function})
        elif part := _text(told, block, place):
            parts.append(part)
    turn: dict[str, Any] = {"role": "assistant", "content": plain(parts) if parts else None}
    return {**turn, "tool_calls": calls} if calls else turn


def _part(told: Translation, block: dict[str, Any], at: str) -> list[dict[str, Any]]:
    kind = block.get("type")
    if kind not in ("image", "document"):
        return [part] if (part := _text(told, block, at)) else []
    source = object_(block.get("source"), f"{at}.source")
    match kind, source.get("type"):
        case "image", "url":
            url = text(source.get("url"), f"{at}.source.url")
            return [{"type": "image_url", "image_url": {"url": url}}]
        case "image", "base64":
            return [{"type": "image_url", "image_url": {"url": _data_url(source, at)}}]
        case "document", "base64":
            name = str(block.get("title") or "document.pdf")
            held = {"filename": name, "file_data": _data_url(source, at)}
            return [{"type": "file", "file": held}]
        case "document", "text":
            words = text(source.get("data"), f"{at}.source.data")
            return [{"type": "text", "text": words}]
        case _:
            told.only(f"{at}.source.type")
            return []


def _data_url(source: dict[str, Any], at: str) -> str:
    mime = text(source.get("media_type"), f"{at}.source.media_type")
    return f"data:{mime};base64,{text(source.get('data'), f'{at}.source.data')}"


def _text(told: Translation, block: dict[str, Any], at: str) -> dict[str, Any] | None:
    """A text part; None for an empty one, and for a block that only this dialect has."""
    if block.get("type") != "text":
        text(block.get("type"), f"{at}.type")
        told.only(f"{at}.type")
        return None
    words = text(block.get("text"), f"{at}.text")
    return {"type": "text", "text": words} if words else None


def _tools(told: Translation, body: Mapping[str, Any]) -> dict[str, Any]:
    tools: list[dict[str, Any]] = []
    for n, tool in enumerate(objects(body.get("tools") or [], "tools")):
        if tool.get("type") not in (None, "custom"):
            told.only(f"tools[{n}].type")
            continue
        name = text(tool.get("name"), f"tools[{n}].name")
        schema = object_(tool.get("input_schema"), f"tools[{n}].input_schema")
        function = {"name": name, **given(tool, "description", "strict"), "parameters": schema}
        tools.append({"type": "function", "function": function})
    chat: dict[str, Any] = {"tools": tools} if tools else {}
    choice = body.get("tool_choice")
    if choice is None or not tools:
        return chat
    choice = object_(choice, "tool_choice")
    match choice.get("type"):
        case "auto" | "none" as same:
            chat["tool_choice"] = same
        case "any":
            chat["tool_choice"] = "required"
        case "tool":
            name = text(choice.get("name"), "tool_choice.name")
            chat["tool_choice"] = {"type": "function", "function": {"name": name}}
        case _:
            raise refuse("tool_choice.type", "must be auto, any, tool or none")
    if choice.get("disable_parallel_tool_use"):
        chat["parallel_tool_calls"] = False
    return chat


def _output(told: Translation, body: Mapping[str, Any]) -> dict[str, Any]:
    config = object_(body.get("output_config") or {}, "output_config")
    chat: dict[str, Any] = {}
    for field, value in config.items():
        if field == "effort" and value in ("low", "medium", "high"):
            chat["reasoning_effort"] = value
        elif field == "format" and value is not None:
            form = object_(value, "output_config.format")
            schema = object_(form.get("schema"), "output_config.format.schema")
            named = {"name": "answer", "schema": schema, "strict": True}
            chat["response_format"] = {"type": "json_schema", "json_schema": named}
        elif value is not None:
            told.only(f"output_config.{field}")
    return chat


def _without_our_thinking(body: dict[str, Any]) -> dict[str, Any]:
    """The body without thinking that was another model's: it has no signature to be checked."""
    if b'"signature":""' not in msgspec.json.encode(body["messages"]):
        return body
    return {**body, "messages": [_signed(turn) for turn in body["messages"]]}


def _signed(turn: dict[str, Any]) -> dict[str, Any]:
    if isinstance(turn.get("content"), str):
        return turn
    kept = [
        block
        for block in json_objects(turn.get("content"))
        if block.get("type") != "thinking" or block.get("signature")
    ]
    return {**turn, "content": kept}
