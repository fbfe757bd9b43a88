"""An OpenAI chat body → a request of Gemini's generateContent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from routewright.providers import chat
from routewright.types import JsonObject, json_object

DIALECT = "Gemini"

TAKEN = {
    "frequency_penalty",
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "n",
    "presence_penalty",
    "reasoning_effort",
    "response_format",
    "stop",
    "temperature",
    "tool_choice",
    "tools",
    "top_k",
    "top_p",
}

# OpenAI's field → Gemini's, where the values mean the same.
SAME = {
    "seed": "seed",
    "n": "candidateCount",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
    "top_k": "topK",
}
# What an effort is in tokens of thought, for the models before levels came: Google's own table for
# its OpenAI-compatible endpoint.
BUDGETS = {"none": 0, "minimal": 1024, "low": 1024, "medium": 8192, "high": 24576}
LEVELS = ("minimal", "low", "medium", "high")


def generate_request(model: str, body: JsonObject) -> dict[str, Any]:
    """The request that asks ``model`` the same.

    Raises:
        RequestError: the body has what this API has not, named by its field.
    """
    chat.refuse_others(body, DIALECT, TAKEN)
    said = chat.conversation(body)
    request: dict[str, Any] = {"contents": _contents(said.turns), **_tools(body)}
    if said.system:
        request["systemInstruction"] = {"parts": [{"text": text.text} for _, text in said.system]}
    if config := _config(model, body):
        request["generationConfig"] = config
    return request


def _contents(turns: Sequence[chat.Turn]) -> list[dict[str, Any]]:
    """User and model in turns: a tool's answers are parts of the user's next turn."""
    names = {call.id: call.name for turn in turns for call in turn.calls}
    contents: list[dict[str, Any]] = []
    for turn in turns:
        parts = _answered(turn, names) if turn.role == "tool" else _parts(turn)
        if not parts:
            continue
        role = "model" if turn.role == "assistant" else "user"
        if contents and contents[-1]["role"] == role:
            contents[-1]["parts"] += parts
        else:
            contents.append({"role": role, "parts": parts})
    return contents


def _parts(turn: chat.Turn) -> list[dict[str, Any]]:
    parts = [{"text": p.text} if isinstance(p, chat.Text) else _media(p) for p in turn.parts]
    for call in turn.calls:
        told: dict[str, Any] = {
            "functionCall": {"id": call.id, "name": call.name, "args": call.arguments}
        }
        signature = (json_object(call.extra.get("google")) or {}).get("thought_signature")
        parts.append({**told, "thoughtSignature": signature} if signature else told)
    return parts


def _answered(turn: chat.Turn, names: dict[str, str]) -> list[dict[str, Any]]:
    """A tool's answer: Gemini wants the function's name with it, and an object."""
    field = f"messages[{turn.place}]"
    if turn.answers not in names:
        raise chat.refuse(f"{field}.tool_call_id", "no call before it has this id")
    if not all(isinstance(part, chat.Text) for part in turn.parts):
        raise chat.refuse(f"{field}.content", f"{DIALECT} takes only text from a tool")
    text = "".join(part.text for part in turn.parts if isinstance(part, chat.Text))
    try:
        response = json_object(msgspec.json.decode(text))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        response = None
    answer = {
        "id": turn.answers,
        "name": names[turn.answers],
        "response": {"output": text} if response is None else response,
    }
    return [{"functionResponse": answer}]


def _media(part: chat.Media) -> dict[str, Any]:
    if part.url:
        raise chat.refuse(part.at, f"{DIALECT} takes the bytes, as a data: URL, not an address")
    if not part.mime:
        raise chat.refuse(part.at, "its media type is not known")
    return {"inlineData": {"mimeType": part.mime, "data": part.data}}


def _config(model: str, body: JsonObject) -> dict[str, Any]:
    kind, schema = chat.response_format(body)
    config: dict[str, Any] = {
        "temperature": chat.number(body, "temperature", most=2, dialect=DIALECT),
        "topP": chat.number(body, "top_p", most=1, dialect=DIALECT),
        "maxOutputTokens": chat.token_limit(body),
        "stopSequences": chat.stop_sequences(body) or None,
        "responseMimeType": None if kind == "text" else "application/json",
        "responseJsonSchema": schema if kind == "json_schema" else None,
        "thinkingConfig": _thinking(model, body.get("reasoning_effort")),
        **{theirs: body.get(ours) for ours, theirs in SAME.items()},
    }
    return {field: value for field, value in config.items() if value is not None}


def _thinking(model: str, effort: object) -> dict[str, Any] | None:
    if effort is None:
        return None
    budgets = model.startswith("gemini-2")
    offered = tuple(BUDGETS) if budgets else LEVELS
    if effort not in offered:
        raise chat.refuse("reasoning_effort", f"{model} takes {', '.join(offered)}, not {effort!r}")
    return {"thinkingBudget": BUDGETS[str(effort)]} if budgets else {"thinkingLevel": effort}


def _tools(body: JsonObject) -> dict[str, Any]:
    offered = chat.tools(body)
    kind, name = chat.tool_choice(body)
    if not offered:
        return {}
    declared: list[dict[str, Any]] = []
    for tool in offered:
        told: dict[str, Any] = {"name": tool.name, "parametersJsonSchema": tool.parameters}
        declared.append({**told, "description": tool.description} if tool.description else told)
    told = {"tools": [{"functionDeclarations": declared}]}
    if not kind:
        return told
    modes = {"auto": "AUTO", "none": "NONE", "required": "ANY", "function": "ANY"}
    calling: dict[str, Any] = {"mode": modes[kind]}
    if name:
        calling["allowedFunctionNames"] = [name]
    return {**told, "toolConfig": {"functionCallingConfig": calling}}
