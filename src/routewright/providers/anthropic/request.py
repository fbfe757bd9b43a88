"""An OpenAI chat body → a request of the Anthropic Messages API."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from routewright.providers import chat
from routewright.types import JsonObject

DIALECT = "Anthropic"

DEFAULT_MAX_TOKENS = 4096  # the API wants a limit; every model of it takes this one

# Models without sampling parameters: they refuse any other than the default, so none is sent.
NO_SAMPLING = (
    "claude-opus-4-[7-9]*",
    "claude-mythos-*",
    *(f"claude-{family}-[5-9]*" for family in ("fable", "haiku", "opus", "sonnet")),
)
SAMPLING = ("temperature", "top_p", "top_k")

TAKEN = {
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "parallel_tool_calls",
    "reasoning_effort",
    "response_format",
    "stop",
    "thinking",  # Anthropic's own word, as its clients send it
    "tool_choice",
    "tools",
    *SAMPLING,
}
EFFORTS = ("low", "medium", "high", "xhigh", "max")


def messages_request(model: str, body: JsonObject, *, cache_prefix: int = 0) -> dict[str, Any]:
    """The request that asks ``model`` the same.

    A limit on tokens is required there: without one in the body it is ``DEFAULT_MAX_TOKENS``.
    Of the first ``cache_prefix`` messages the last block is marked, so that all up to it is
    written to the cache, and read from it by the next request that begins with the same.

    Raises:
        RequestError: the body has what this API has not, named by its field.
    """
    chat.refuse_others(body, DIALECT, TAKEN)
    said = chat.conversation(body)
    request: dict[str, Any] = {
        "model": model,
        "max_tokens": chat.token_limit(body) or DEFAULT_MAX_TOKENS,
        "messages": _messages(said.turns, cache_prefix),
        **_sampling(model, body),
        **_output(body),
        **_tools(body),
    }
    if said.system:
        request["system"] = [_text(text) for _, text in said.system]
        if cache_prefix and not any(turn.place < cache_prefix for turn in said.turns):
            shared = sum(place < cache_prefix for place, _ in said.system)
            if shared:
                _mark(request["system"][shared - 1])
    if stop := chat.stop_sequences(body):
        request["stop_sequences"] = stop
    if isinstance(user := body.get("user"), str) and user:
        request["metadata"] = {"user_id": user}
    if body.get("thinking") is not None:
        request["thinking"] = body["thinking"]
    if body.get("stream"):
        request["stream"] = True
    return request


def _messages(turns: list[chat.Turn], cache_prefix: int) -> list[dict[str, Any]]:
    """User and assistant in turns: a tool's answers are blocks of the user's next message."""
    messages: list[dict[str, Any]] = []
    last_shared: dict[str, Any] | None = None
    for turn in turns:
        blocks = _blocks(turn)
        if not blocks:
            continue
        if turn.place < cache_prefix:
            last_shared = blocks[-1]
        role = "assistant" if turn.role == "assistant" else "user"
        if messages and messages[-1]["role"] == role:
            messages[-1]["content"] += blocks
        else:
            messages.append({"role": role, "content": blocks})
    if last_shared is not None:
        _mark(last_shared)
    return messages


def _blocks(turn: chat.Turn) -> list[dict[str, Any]]:
    blocks = [_text(p) if isinstance(p, chat.Text) else _media(p) for p in turn.parts]
    if turn.role == "tool":
        answer: dict[str, Any] = {"type": "tool_result", "tool_use_id": turn.answers}
        return [{**answer, "content": blocks} if blocks else answer]
    blocks += [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments}
        for call in turn.calls
    ]
    return blocks


def _text(part: chat.Text) -> dict[str, Any]:
    return _marked({"type": "text", "text": part.text}, part.cached)


def _media(part: chat.Media) -> dict[str, Any]:
    if part.url:
        source: dict[str, Any] = {"type": "url", "url": part.url}
    else:
        source = {"type": "base64", "media_type": part.mime, "data": part.data}
    if part.url or part.mime in ("image/jpeg", "image/png", "image/gif", "image/webp"):
        return _marked({"type": "image", "source": source}, part.cached)
    if part.mime == "application/pdf":
        return _marked({"type": "document", "source": source}, part.cached)
    raise chat.refuse(part.at, f"{DIALECT} takes JPEG, PNG, GIF, WebP and PDF, not {part.mime!r}")


def _marked(block: dict[str, Any], cached: bool) -> dict[str, Any]:
    if cached:
        _mark(block)
    return block


def _mark(block: dict[str, Any]) -> None:
    block["cache_control"] = {"type": "ephemeral"}


def _sampling(model: str, body: JsonObject) -> dict[str, Any]:
    if any(fnmatchcase(model, glob) for glob in NO_SAMPLING):
        return {}
    given = {
        "temperature": chat.number(body, "temperature", most=1, dialect=DIALECT),
        "top_p": chat.number(body, "top_p", most=1, dialect=DIALECT),
        "top_k": body.get("top_k"),
    }
    return {field: value for field, value in given.items() if value is not None}


def _output(body: JsonObject) -> dict[str, Any]:
    config: dict[str, Any] = {}
    kind, schema = chat.response_format(body)
    if kind == "json_object":
        raise chat.refuse("response_format.type", f"{DIALECT} takes json_schema, not json_object")
    if kind == "json_schema":
        config["format"] = {"type": "json_schema", "schema": schema}
    effort = body.get("reasoning_effort")
    if effort is not None:
        if effort not in EFFORTS:
            offered = ", ".join(EFFORTS)
            raise chat.refuse("reasoning_effort", f"{DIALECT} takes {offered}, not {effort!r}")
        config["effort"] = effort
    return {"output_config": config} if config else {}


def _tools(body: JsonObject) -> dict[str, Any]:
    offered = chat.tools(body)
    kind, name = chat.tool_choice(body)
    if not offered:
        return {}
    tools: list[dict[str, Any]] = []
    for tool in offered:
        told: dict[str, Any] = {"name": tool.name, "input_schema": tool.parameters}
        if tool.description:
            told["description"] = tool.description
        if tool.strict:
            told["strict"] = True
        tools.append(told)
    choice: dict[str, Any] = {"type": {"required": "any", "function": "tool"}.get(kind, kind)}
    if name:
        choice["name"] = name
    if body.get("parallel_tool_calls") is False and kind != "none":
        choice = {**choice, "type": choice["type"] or "auto", "disable_parallel_tool_use": True}
    return {"tools": tools, **({"tool_choice": choice} if choice["type"] else {})}
