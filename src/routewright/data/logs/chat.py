"""Conversations and answers in the shapes of logs: OpenAI's two APIs, Anthropic's, plain text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import msgspec

from routewright.data.logs.entry import Reason, UnusableError
from routewright.data.logs.records import first, value
from routewright.data.messages import MAX_PROMPT_BYTES, ROLES
from routewright.data.times import iso_time
from routewright.errors import DataError
from routewright.types import Message, Usage, json_object

_ROLES = {"human": "user", "ai": "assistant", "model": "assistant", "function": "tool"}
_PROMPTS = ("messages", "input", "prompt", "contents")
_TEXT_PARTS = ("text", "input_text", "output_text", "")
_TOOL_PARTS = (
    "tool",
    "function",
    "server_tool",
    "mcp",
    "computer_call",
    "web_search",
    "file_search",
)
_SILENT_PARTS = ("thinking", "redacted_thinking", "reasoning")


class Reply(NamedTuple):
    """The words of one answer, why they ended, and whether the model declined."""

    text: str
    finish_reason: str = ""
    refused: bool = False


def conversation(raw: object, system: object = None) -> tuple[Message, ...]:
    """The turns of a prompt: a text, a list of turns, or an object with either.

    Parts of texts are joined to one text.

    Raises:
        UnusableError: no conversation, an empty one, or one with more than text in it.
    """
    raw = _turns_in(raw)
    fields = json_object(raw)
    if fields is not None:
        if "role" in fields:
            raw = [fields]
        else:
            given = [fields[name] for name in _PROMPTS if name in fields]
            if given and all(one in ("", [], {}) for one in given):
                raise UnusableError(Reason.EMPTY)
            raw = _turns_in(first(fields, *_PROMPTS))
            system = system or first(fields, "system", "instructions", "system_instruction")
    if isinstance(raw, str):
        turns = [Message("user", raw)]
    elif isinstance(raw, list):
        turns = [_turn(turn) for turn in cast("list[object]", raw) if not _is_thought(turn)]
    else:
        raise UnusableError(Reason.NO_CONVERSATION)
    if system is not None:
        turns.insert(0, Message("system", _text(value(system))))
    return checked(turns)


def checked(turns: Sequence[Message]) -> tuple[Message, ...]:
    """The turns, if they ask something.

    Raises:
        UnusableError: they don't, or are too large.
    """
    size = sum(len(turn.text.encode("utf-8", "surrogatepass")) for turn in turns)
    if size > MAX_PROMPT_BYTES:
        raise UnusableError(Reason.TOO_LARGE, f"{size:,} bytes")
    if not any(turn.role == "user" and turn.text.strip() for turn in turns):
        raise UnusableError(Reason.EMPTY)
    for turn in turns:
        if not turn.text.isascii() and not _is_unicode(turn.text):
            raise UnusableError(Reason.ENCODING, "half a character in a text")
    return tuple(turns)


def without_answer(turns: tuple[Message, ...]) -> tuple[tuple[Message, ...], str | None]:
    """The turns up to the last question, and the last turn's words if a model said them."""
    if turns[-1].role != "assistant":
        return turns, None
    answer = turns[-1].text
    return checked(turns[:-1]), answer


def replies(raw: object) -> list[Reply]:
    """The answers in a response: several where it has several choices.

    Raises:
        UnusableError: no words in it, such as a call of a tool.
    """
    decoded = value(raw)
    if isinstance(decoded, str):
        return [Reply(decoded)]
    fields = json_object(decoded)
    found = None
    if fields is not None:
        found = _of_object(fields)
    elif isinstance(decoded, list):
        found = _of_list([json_object(turn) or {} for turn in cast("list[object]", decoded)])
    if found is not None:
        return found
    # JSON of another shape is what the model was asked to write.
    return [Reply(raw if isinstance(raw, str) else msgspec.json.encode(raw).decode())]


def _of_object(fields: dict[str, Any]) -> list[Reply] | None:
    choices = fields.get("choices")
    if isinstance(choices, list) and choices:
        return [_choice(json_object(choice) or {}) for choice in cast("list[object]", choices)]
    if isinstance(fields.get("output"), list):
        return [_output(fields)]
    inner = json_object(fields.get("message")) or fields
    if "role" in inner:
        return [_reply(inner, first(fields, "stop_reason", "finish_reason"))]
    return None


def _of_list(turns: list[dict[str, Any]]) -> list[Reply] | None:
    if not turns or not all("role" in turn for turn in turns):
        return None
    if all("finish_reason" in turn for turn in turns):  # OpenTelemetry: one turn a choice
        return [_reply(turn, turn["finish_reason"]) for turn in turns]
    return [_reply(turns[-1], None)]


def usage_of(raw: object) -> Usage:
    """Tokens of a ``usage`` object, in OpenAI's words or Anthropic's.

    Anthropic counts tokens that were read from or written to its cache beside the input; here
    they are part of it.
    """
    fields = json_object(value(raw)) or {}
    inputs = json_object(first(fields, "prompt_tokens_details", "input_tokens_details")) or {}
    outputs = json_object(first(fields, "completion_tokens_details", "output_tokens_details")) or {}
    cached = count(inputs.get("cached_tokens"))
    given = count(first(fields, "prompt_tokens", "input_tokens", "promptTokens"))
    read = count(fields.get("cache_read_input_tokens"))
    if "prompt_tokens" not in fields and read + count(fields.get("cache_creation_input_tokens")):
        given += read + count(fields.get("cache_creation_input_tokens"))
    return Usage(
        input_tokens=given,
        output_tokens=count(
            first(fields, "completion_tokens", "output_tokens", "completionTokens")
        ),
        cached_tokens=min(cached or read, given),
        reasoning_tokens=count(outputs.get("reasoning_tokens")),
    )


def count(raw: object) -> int:
    """A number of tokens; 0 where it is none."""
    number = amount(raw)
    return int(number) if number is not None else 0


def amount(raw: object) -> float | None:
    """A number of 0 or more; None where it is none."""
    if isinstance(raw, bool) or raw is None or raw == "":
        return None
    try:
        number = float(cast("Any", raw))
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and number >= 0 else None


def time_of(raw: object) -> str:
    """A time in ISO 8601; empty where it is none."""
    try:
        return iso_time("" if raw is None else str(raw))
    except (DataError, OverflowError, OSError):
        return ""


def limit_of(raw: object) -> int | None:
    """A limit of output tokens from 1; None where it is none."""
    return count(raw) or None


def _turns_in(raw: object) -> object:
    """Turns that a text holds as JSON; a text that holds something else is itself the prompt."""
    decoded = value(raw)
    if not isinstance(raw, str) or isinstance(decoded, str):
        return decoded
    listed = cast("list[object]", decoded) if isinstance(decoded, list) else [decoded]
    fields = (json_object(listed[0]) if listed else None) or {}
    return cast("object", decoded) if {"role", "messages", "content"} & set(fields) else raw


def _turn(raw: object) -> Message:
    fields = json_object(raw)
    if fields is None:
        if isinstance(raw, str):
            return Message("user", raw)
        raise UnusableError(Reason.NO_CONVERSATION, "a turn is not an object")
    named = first(fields, "role", "type")
    role = _ROLES.get(str(named), str(named))
    if _calls_tools(fields) or role == "tool" or str(named).startswith(_TOOL_PARTS):
        raise UnusableError(Reason.TOOLS)
    if role not in ROLES:
        raise UnusableError(Reason.NO_CONVERSATION, "a turn without a known role")
    content = fields.get("content")
    return Message(role, _text(fields.get("parts") if content is None else content))


def _is_thought(turn: object) -> bool:
    """Whether an item of the Responses API is the model's own thinking, which nobody asked."""
    return (json_object(turn) or {}).get("type") == "reasoning"


def _calls_tools(fields: dict[str, Any]) -> bool:
    return bool(fields.get("tool_calls") or fields.get("function_call"))


def _text(content: object) -> str:
    """Parts of text as one text."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    parts = cast("list[object]", content) if isinstance(content, list) else [content]
    texts = [_part(part) for part in parts]
    return "\n".join(text for text in texts if text is not None)


def _part(raw: object) -> str | None:
    if isinstance(raw, str):
        return raw
    fields = json_object(raw)
    if fields is None:
        raise UnusableError(Reason.NO_CONVERSATION, "a part is neither text nor object")
    kind = str(fields.get("type") or "")
    if kind in _SILENT_PARTS:
        return None
    words = first(fields, "text", "content", "refusal")
    if kind.startswith(_TOOL_PARTS):
        raise UnusableError(Reason.TOOLS)
    if kind not in (*_TEXT_PARTS, "refusal"):
        raise UnusableError(Reason.MEDIA, "a part that is not text")
    if words is None and set(fields) - {"type", "text", "content"}:
        raise UnusableError(Reason.MEDIA, "a part that is not text")
    if words is not None and not isinstance(words, str):
        raise UnusableError(Reason.NO_CONVERSATION, "a part is neither text nor object")
    return words or ""


def _choice(choice: dict[str, Any]) -> Reply:
    message = json_object(choice.get("message"))
    if message is None:
        return Reply(_words(choice.get("text")), str(choice.get("finish_reason") or ""))
    return _reply(message, choice.get("finish_reason"))


def _reply(message: dict[str, Any], ended: object) -> Reply:
    reason = _FINISH.get(str(ended), str(ended)) if ended else ""
    refusal = message.get("refusal")
    content = message.get("parts") if message.get("content") is None else message["content"]
    if _calls_tools(message):
        raise UnusableError(Reason.NOT_PLAIN, "it calls tools")
    text = _words(content) or (refusal if isinstance(refusal, str) else "")
    return Reply(text, reason, bool(refusal) or reason == "content_filter")


def _output(fields: dict[str, Any]) -> Reply:
    """The answer of the Responses API: its messages' texts, one after the other."""
    items = [json_object(item) or {} for item in cast("list[object]", fields["output"])]
    if any(str(item.get("type")).endswith("_call") for item in items):
        raise UnusableError(Reason.NOT_PLAIN, "it calls tools")
    texts = [_words(item.get("content")) for item in items if item.get("type") == "message"]
    cut = (json_object(fields.get("incomplete_details")) or {}).get("reason")
    reason = {"max_output_tokens": "length", None: "stop"}.get(cut, str(cut))
    return Reply("\n".join(texts), reason, reason == "content_filter")


def _words(content: object) -> str:
    try:
        return _text(content)
    except UnusableError as error:
        raise UnusableError(Reason.NOT_PLAIN, error.note) from error


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "MAX_TOKENS": "length",
    "STOP": "stop",
    "SAFETY": "content_filter",
    "refusal": "content_filter",
}
"""Other providers' words for why an answer ended, in OpenAI's."""
