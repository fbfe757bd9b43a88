"""OpenAI's Responses, as far as they need no memory here: a body → OpenAI's chat words.

    input, instructions   messages with text, images and files; function calls and their outputs
    max_output_tokens     and temperature, top_p, top_logprobs, metadata, user, …
    tools, tool_choice    functions; parallel_tool_calls
    text, reasoning       format (JSON Schema), verbosity; effort

What asks for something kept here (previous_response_id, store, conversation, background, …) is
refused by its name. Everything else has no counterpart: only a provider that speaks the dialect
itself is sent it. Reasoning of earlier turns is not passed on to others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from routewright.errors import RoutewrightError, error_object
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
from routewright.serve.dialects.responses_answer import ResponsesWriter, broke, response
from routewright.serve.dialects.writing import Passing
from routewright.serve.wire import ChatRequest

_SAME = (  # fields with one name and meaning in both
    "metadata",
    "model",
    "parallel_tool_calls",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "stream",
    "temperature",
    "top_p",
    "user",
)
_KEPT = ("previous_response_id", "conversation", "prompt", "background", "store")
_TAKEN = {
    *_SAME,
    *_KEPT,
    "include",
    "input",
    "instructions",
    "max_output_tokens",
    "reasoning",
    "stream_options",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "truncation",
}
_ROLES = ("user", "assistant", "system", "developer")


class Responses:
    """The Responses dialect; see ``base.Dialect``."""

    name = "responses"
    forwarded: tuple[str, ...] = ()

    def read(self, body: Mapping[str, Any]) -> ChatRequest:
        """The request in OpenAI's chat words.

        Raises:
            RequestError: a field that is malformed, or that asks for memory; ``param`` names it.
        """
        for field in _KEPT:
            if body.get(field):
                raise refuse(field, "the gateway keeps no responses; send the whole input instead")
        told = Translation(body)
        chat: dict[str, Any] = {
            **given(body, *_SAME),
            "messages": _messages(told, body),
            **_tools(told, body),
            **_text(told, body),
            **_reasoning(told, body),
        }
        _extras(told, body)
        if body.get("max_output_tokens") is not None:
            chat["max_tokens"] = whole_number(body["max_output_tokens"], "max_output_tokens")
        if body.get("truncation") not in (None, "disabled"):
            told.only("truncation")
        told.only_beside(_TAKEN)
        # OpenAI keeps what does not say otherwise.
        return told.request(self.name, chat, {**told.body, "store": False})

    def whole(self, call: Call, answer: dict[str, Any]) -> dict[str, Any]:
        """The response object of an answer."""
        return answer if call.native else response(call, answer)

    def writer(self, call: Call) -> Writer:
        """Writes the events of a response."""
        return Passing(broke) if call.native else ResponsesWriter(call)

    def error(self, error: RoutewrightError) -> dict[str, Any]:
        """OpenAI's error object."""
        return error_object(error)


def _messages(told: Translation, body: Mapping[str, Any]) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    instructions = body.get("instructions")
    if instructions is not None and instructions != "":
        words = text(instructions, "instructions")
        messages.append({"role": "system", "content": words})
    asked = body.get("input")
    if isinstance(asked, str):
        return [*messages, {"role": "user", "content": asked}]
    if not asked:
        raise refuse("input", "is missing; send a text, or a list of items")
    for n, item in enumerate(objects(asked, "input")):
        _add_item(told, messages, item, f"input[{n}]")
    return messages


def _add_item(
    told: Translation, messages: list[dict[str, Any]], item: dict[str, Any], at: str
) -> None:
    match item.get("type", "message"):
        case "message":
            _add_message(told, messages, item, at)
        case "function_call":
            function = {
                "name": text(item.get("name"), f"{at}.name"),
                "arguments": text(item.get("arguments"), f"{at}.arguments"),
            }
            id_ = text(item.get("call_id"), f"{at}.call_id")
            call = {"id": id_, "type": "function", "function": function}
            turn: dict[str, Any] = messages[-1] if messages else {}
            if turn.get("role") != "assistant":  # calls belong to the words before them
                turn = {"role": "assistant", "content": None, "tool_calls": []}
                messages.append(turn)
            turn.setdefault("tool_calls", []).append(call)
        case "function_call_output":
            id_ = text(item.get("call_id"), f"{at}.call_id")
            output = item.get("output")
            if not isinstance(output, str):
                output = plain(_parts(told, output, f"{at}.output"))
                if not isinstance(output, str):
                    told.only(f"{at}.output")
            messages.append({"role": "tool", "tool_call_id": id_, "content": output})
        case "reasoning":
            told.dropped("reasoning items")
        case kind:
            text(kind, f"{at}.type")
            told.only(f"{at}.type")


def _add_message(
    told: Translation, messages: list[dict[str, Any]], item: dict[str, Any], at: str
) -> None:
    role = item.get("role")
    if role not in _ROLES:
        raise refuse(f"{at}.role", f"must be one of: {', '.join(_ROLES)}")
    content = item.get("content")
    if not isinstance(content, str):
        content = plain(_parts(told, content, f"{at}.content"))
    # Chat servers know one word for both; OpenAI itself takes either.
    messages.append({"role": "system" if role == "developer" else role, "content": content})


def _parts(told: Translation, content: object, at: str) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    for n, part in enumerate(objects(content, at)):
        place, kind = f"{at}[{n}]", part.get("type")
        match kind:
            case "input_text" | "output_text" | "text":
                words = text(part.get("text"), f"{place}.text")
                parts.append({"type": "text", "text": words})
            case "refusal":
                words = text(part.get("refusal"), f"{place}.refusal")
                parts.append({"type": "text", "text": words})
            case "input_image" if isinstance(part.get("image_url"), str):
                image = {"url": part["image_url"], **given(part, "detail")}
                parts.append({"type": "image_url", "image_url": image})
            case "input_file" if isinstance(part.get("file_data"), str):
                parts.append({"type": "file", "file": given(part, "filename", "file_data")})
            case _:
                text(kind, f"{place}.type")
                told.only(place)
    return parts


def _tools(told: Translation, body: Mapping[str, Any]) -> dict[str, Any]:
    tools: list[dict[str, Any]] = []
    for n, tool in enumerate(objects(body.get("tools") or [], "tools")):
        if tool.get("type") != "function":
            text(tool.get("type"), f"tools[{n}].type")
            told.only(f"tools[{n}].type")
            continue
        text(tool.get("name"), f"tools[{n}].name")
        function = given(tool, "name", "description", "parameters", "strict")
        tools.append({"type": "function", "function": function})
    chat: dict[str, Any] = {"tools": tools} if tools else {}
    choice = body.get("tool_choice")
    if choice is None or not tools:
        return chat
    if isinstance(choice, str):
        chat["tool_choice"] = choice
    elif object_(choice, "tool_choice").get("type") == "function":
        name = text(choice.get("name"), "tool_choice.name")
        chat["tool_choice"] = {"type": "function", "function": {"name": name}}
    else:
        told.only("tool_choice")
    return chat


def _text(told: Translation, body: Mapping[str, Any]) -> dict[str, Any]:
    chat: dict[str, Any] = {}
    for field, value in object_(body.get("text") or {}, "text").items():
        if field == "verbosity" and value is not None:
            chat["verbosity"] = value
        elif field == "format" and value is not None:
            chat |= _format(object_(value, "text.format"))
        elif value is not None:
            told.only(f"text.{field}")
    return chat


def _format(form: dict[str, Any]) -> dict[str, Any]:
    match form.get("type"):
        case "text":
            return {}
        case "json_object":
            return {"response_format": {"type": "json_object"}}
        case "json_schema":
            text(form.get("name"), "text.format.name")
            object_(form.get("schema"), "text.format.schema")
            schema = given(form, "name", "description", "schema", "strict")
            return {"response_format": {"type": "json_schema", "json_schema": schema}}
        case _:
            raise refuse("text.format.type", "must be text, json_object or json_schema")


def _reasoning(told: Translation, body: Mapping[str, Any]) -> dict[str, Any]:
    chat: dict[str, Any] = {}
    for field, value in object_(body.get("reasoning") or {}, "reasoning").items():
        if field == "effort" and value is not None:
            chat["reasoning_effort"] = value
        elif field in ("summary", "generate_summary") and value in (None, "auto"):
            continue  # a summary where there is one
        elif value is not None:
            told.only(f"reasoning.{field}")
    return chat


def _extras(told: Translation, body: Mapping[str, Any]) -> None:
    """Log probabilities cannot be carried back; encrypted reasoning is there or not."""
    if body.get("top_logprobs"):
        told.only("top_logprobs")
    if body.get("include") not in (None, [], ["reasoning.encrypted_content"]):
        told.only("include")
