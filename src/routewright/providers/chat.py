"""An OpenAI chat body read into plain values, for dialects that say the same in other words.

What cannot be read, or has no counterpart in a dialect, is refused by the field's name: a request
is answered as it was asked or not at all.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple, cast

import msgspec

from routewright.errors import RequestError
from routewright.types import JsonObject, json_object, json_objects

# Fields that change no answer: how it is sent, stored or labelled. The seed is among them: OpenAI
# itself promises no more than to try, and greedy decoding needs none.
WITHOUT_EFFECT = {
    "metadata",
    "model",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "seed",
    "store",
    "stream",
    "stream_options",
    "user",
}
# Values that ask for what every dialect does anyway.
NEUTRAL: Mapping[str, tuple[object, ...]] = {
    "frequency_penalty": (0,),
    "logit_bias": ({},),
    "logprobs": (False,),
    "modalities": (["text"],),
    "n": (1,),
    "parallel_tool_calls": (True,),
    "presence_penalty": (0,),
    "service_tier": ("auto", "default"),
    "top_logprobs": (0,),
}

_DATA_URL = re.compile(r"data:([\w.+/-]+);base64,([A-Za-z0-9+/=\s]+)")


class Text(NamedTuple):
    """Words; ``cached`` where the caller marked them as the end of a prefix to keep."""

    text: str
    cached: bool = False


class Media(NamedTuple):
    """An image, a sound or a document: its bytes in base64, or where they are."""

    mime: str
    data: str
    url: str
    at: str  # the field it stands in, for messages
    cached: bool = False


class ToolCall(NamedTuple):
    """A call that the model asked for earlier in the conversation."""

    id: str
    name: str
    arguments: dict[str, Any]
    extra: JsonObject  # what a provider wants back with it


class Turn(NamedTuple):
    """The message at ``place``; ``role`` is user, assistant or tool."""

    place: int
    role: str
    parts: list[Text | Media]
    calls: list[ToolCall]
    answers: str = ""  # the id of the call that this tool message answers


class Tool(NamedTuple):
    """A function that the model may call."""

    name: str
    description: str
    parameters: dict[str, Any]
    strict: bool


class Conversation(NamedTuple):
    """What stands before the first turn, each with the index of its message; then the turns."""

    system: list[tuple[int, Text]]
    turns: list[Turn]


def refuse(field: str, why: str) -> RequestError:
    """The error of a field that cannot be said in a dialect."""
    return RequestError(f"{field}: {why}", param=field)


def refuse_others(body: JsonObject, dialect: str, taken: Collection[str]) -> None:
    """Refuse every field that a dialect neither takes nor can leave out unnoticed.

    Raises:
        RequestError: with the first such field's name.
    """
    for field, value in body.items():
        if value is None or field in taken or field in WITHOUT_EFFECT:
            continue
        if value not in NEUTRAL.get(field, ()):
            raise refuse(field, f"{dialect} has nothing like it; leave it out")


def number(body: JsonObject, field: str, *, most: float, dialect: str) -> float | None:
    """A number from 0 to ``most``; None where the body gives none.

    Raises:
        RequestError: it is no such number.
    """
    value = body.get(field)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise refuse(field, f"{dialect} takes a number from 0 to {most:g}, not {value!r}")
    return value


def token_limit(body: JsonObject) -> int | None:
    """The limit on the answer's tokens, under either of its names."""
    for field in ("max_completion_tokens", "max_tokens"):
        value = body.get(field)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise refuse(field, f"must be a whole number of 1 or more, not {value!r}")
        return value
    return None


def stop_sequences(body: JsonObject) -> list[str]:
    """The texts that end an answer."""
    given = body.get("stop")
    if given is None:
        return []
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not all(isinstance(t, str) for t in cast("list[Any]", texts)):
        raise refuse("stop", "must be a text or a list of texts")
    return cast("list[str]", texts)


def tools(body: JsonObject) -> list[Tool]:
    """The functions that the model may call."""
    found: list[Tool] = []
    for number_, given in enumerate(_listed(body.get("tools"), "tools")):
        function = json_object(given.get("function"))
        if given.get("type") != "function" or function is None:
            raise refuse(f"tools[{number_}].type", "only functions can be passed on")
        found.append(
            Tool(
                name=str(function.get("name") or ""),
                description=str(function.get("description") or ""),
                parameters=json_object(function.get("parameters"))
                or {"type": "object", "properties": {}},
                strict=bool(function.get("strict")),
            )
        )
    return found


def tool_choice(body: JsonObject) -> tuple[str, str]:
    """``auto``, ``none``, ``required`` or ``function`` and its name; "" where nothing is said."""
    given = body.get("tool_choice")
    if given is None:
        return "", ""
    if given in ("auto", "none", "required"):
        return str(given), ""
    name = (json_object((json_object(given) or {}).get("function")) or {}).get("name")
    if not isinstance(name, str):
        raise refuse("tool_choice", "must be auto, none, required or one function")
    return "function", name


def response_format(body: JsonObject) -> tuple[str, dict[str, Any]]:
    """``text``, ``json_object``, or ``json_schema`` and the schema."""
    given = json_object(body.get("response_format")) or {"type": "text"}
    kind = given.get("type")
    if kind not in ("text", "json_object", "json_schema"):
        raise refuse("response_format.type", f"{kind!r} cannot be passed on")
    schema = json_object((json_object(given.get("json_schema")) or {}).get("schema"))
    if kind == "json_schema" and schema is None:
        raise refuse("response_format.json_schema.schema", "must be a JSON schema")
    return str(kind), schema or {}


def conversation(body: JsonObject) -> Conversation:
    """The messages of a body.

    Raises:
        RequestError: with the place of what is no message, or has no counterpart elsewhere.
    """
    system: list[tuple[int, Text]] = []
    turns: list[Turn] = []
    for index, message in enumerate(_listed(body.get("messages"), "messages")):
        at = f"messages[{index}]"
        role = message.get("role")
        if role in ("system", "developer"):
            if turns:
                raise refuse(f"{at}.role", f"a {role} message can only stand before the others")
            parts = _parts(message.get("content"), at)
            system += [(index, part) for part in parts if isinstance(part, Text)]
            if len(parts) != sum(isinstance(part, Text) for part in parts):
                raise refuse(f"{at}.content", f"a {role} message can hold only text")
        else:
            turns.append(_turn(index, message, at))
    if not turns:
        raise refuse("messages", "at least one message of the user is needed")
    return Conversation(system, turns)


def _turn(index: int, message: dict[str, Any], at: str) -> Turn:
    role = message.get("role")
    if role not in ("user", "assistant", "tool"):
        raise refuse(f"{at}.role", f"{role!r} cannot be passed on")
    for field in ("name", "function_call", "audio"):
        if message.get(field) and not (role == "tool" and field == "name"):
            raise refuse(f"{at}.{field}", "this dialect has nothing like it; leave it out")
    parts = _parts(message.get("content"), at)
    if isinstance(message.get("refusal"), str) and role == "assistant":
        parts.append(Text(message["refusal"]))
    calls = [
        _call(given, f"{at}.tool_calls[{n}]")
        for n, given in enumerate(_listed(message.get("tool_calls"), f"{at}.tool_calls"))
    ]
    answers = message.get("tool_call_id") if role == "tool" else ""
    if not isinstance(answers, str) or (role == "tool" and not answers):
        raise refuse(f"{at}.tool_call_id", "must name the call that is answered")
    if role == "user" and not parts:
        raise refuse(f"{at}.content", "must say something")
    return Turn(index, role, parts, calls, answers)


def _call(given: dict[str, Any], at: str) -> ToolCall:
    function = json_object(given.get("function")) or {}
    try:
        arguments = json_object(msgspec.json.decode(function.get("arguments") or "{}"))
    except (msgspec.DecodeError, UnicodeError, RecursionError, TypeError):
        arguments = None
    if arguments is None:
        raise refuse(f"{at}.function.arguments", "must be a JSON object")
    extra = json_object(given.get("extra_content")) or {}
    return ToolCall(str(given.get("id") or ""), str(function.get("name") or ""), arguments, extra)


def _parts(content: object, at: str) -> list[Text | Media]:
    """The parts of a message; empty texts say nothing and are left out."""
    if content is None or isinstance(content, str):
        return [Text(content)] if content else []
    found: list[Text | Media] = []
    for number_, part in enumerate(_listed(content, f"{at}.content")):
        read = _part(part, f"{at}.content[{number_}]")
        if not isinstance(read, Text) or read.text:
            found.append(read)
    return found


def _part(part: dict[str, Any], at: str) -> Text | Media:
    kind = part.get("type")
    cached = _cached(part, at)
    if kind in ("text", "refusal"):
        text = part.get(kind)
        if not isinstance(text, str):
            raise refuse(f"{at}.{kind}", "must be a text")
        return Text(text, cached)
    held = json_object(part.get(str(kind))) or {}
    if kind == "input_audio":
        mime = {"wav": "audio/wav", "mp3": "audio/mpeg"}.get(str(held.get("format")), "")
        return Media(mime, str(held.get("data") or ""), "", f"{at}.input_audio", cached)
    field = {"image_url": "url", "file": "file_data"}.get(str(kind))
    if field is None:
        raise refuse(f"{at}.type", f"{kind!r} cannot be passed on")
    at = f"{at}.{kind}.{field}"
    url = held.get(field)
    if isinstance(url, str) and (found := _DATA_URL.fullmatch(url)):
        return Media(found[1], found[2], "", at, cached)
    if kind == "image_url" and isinstance(url, str) and url.startswith(("https://", "http://")):
        return Media("", "", url, at, cached)
    raise refuse(at, "must be a data: URL in base64" + (" or a web address" * (field == "url")))


def _listed(value: object, field: str) -> list[dict[str, Any]]:
    """A list of objects; empty where there is none."""
    if value is None:
        return []
    found = json_objects(value)
    if not isinstance(value, list) or len(found) != len(cast("list[object]", value)):
        raise refuse(field, "must be a list of objects")
    return found


def _cached(part: dict[str, Any], at: str) -> bool:
    """Whether the caller marked a part as Anthropic's clients do."""
    marker = json_object(part.get("cache_control"))
    if marker is None:
        return False
    if marker.get("ttl", "5m") != "5m":
        raise refuse(f"{at}.cache_control.ttl", "only 5m can be passed on: others have no price")
    return True
