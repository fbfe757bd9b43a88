"""What a client may send: JSON bytes → a checked request. Everything malformed is one 400."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from routewright.errors import RequestError
from routewright.serve.naming import AUTO
from routewright.types import Message, PolicySettings, Prompt

T = TypeVar("T")


class Native(msgspec.Struct, frozen=True):
    """A request as it came in another dialect than chat completions.

    A provider that speaks the ``dialect`` is sent ``body``, and ``headers`` with it. ``only``
    names a field that no other provider understands, "" where there is none; ``dropped`` are the
    fields that others are not told of.
    """

    dialect: str
    body: dict[str, Any]
    headers: tuple[tuple[str, str], ...] = ()
    only: str = ""
    dropped: tuple[str, ...] = ()


class ChatRequest(msgspec.Struct, frozen=True):
    """A chat-completions request; ``body`` is what goes upstream, untouched but for our field.

    ``options`` is what the field ``routewright`` of its body says about its routing. ``native`` is
    the request as it came, where it came in another dialect.
    """

    model: str
    messages: tuple[Message, ...]
    stream: bool
    include_usage: bool
    options: PolicySettings
    body: dict[str, Any]
    native: Native | None = None

    @property
    def prompt(self) -> Prompt:
        """The request as a router sees it."""
        return Prompt(id="", messages=self.messages)


class _Chat(msgspec.Struct, frozen=True):
    model: str
    messages: tuple[Message, ...]
    stream: bool | None = None
    stream_options: dict[str, Any] | None = None
    routewright: PolicySettings | None = None


class _Route(msgspec.Struct, frozen=True):
    model: str = AUTO
    messages: tuple[Message, ...] = ()
    prompt: str = ""
    routewright: PolicySettings | None = None


def decode_object(raw: bytes) -> dict[str, Any]:
    """The JSON object in a body.

    Raises:
        RequestError: not JSON (NaN, half a surrogate pair, bytes that are not UTF-8, nesting
            beyond reason), or not an object.
    """
    try:
        decoded = msgspec.json.decode(raw)
    except RecursionError as error:
        raise RequestError("the body is nested too deeply") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RequestError(f"the body is not JSON: {error}") from error
    if not isinstance(decoded, dict):
        raise RequestError("the body must be a JSON object")
    return decoded  # pyright: ignore[reportUnknownVariableType]  # JSON objects have string keys


def chat_request(body: Mapping[str, Any]) -> ChatRequest:
    """Check a chat-completions body.

    Raises:
        RequestError: a field is missing, of the wrong type or impossible; ``param`` names it.
    """
    chat = _convert(body, _Chat)
    if not chat.messages:
        raise RequestError("messages is empty; send at least one", param="messages")
    return ChatRequest(
        model=chat.model,
        messages=chat.messages,
        stream=bool(chat.stream),
        include_usage=(chat.stream_options or {}).get("include_usage") is True,
        options=_checked(chat.routewright),
        body={key: value for key, value in body.items() if key != "routewright"},
    )


def route_request(body: Mapping[str, Any]) -> ChatRequest:
    """Check the body of a request for a decision alone: ``messages``, or ``prompt`` as text.

    All other fields are those of chat completions, as far as a decision depends on them.

    Raises:
        RequestError: neither or both are given, or a field is of the wrong type.
    """
    asked = _convert(body, _Route)
    if bool(asked.messages) == bool(asked.prompt):
        raise RequestError("send either messages or prompt", param="messages")
    return ChatRequest(
        model=asked.model,
        messages=asked.messages or (Message("user", asked.prompt),),
        stream=False,
        include_usage=False,
        options=_checked(asked.routewright),
        body={key: value for key, value in body.items() if key != "routewright"},
    )


def _checked(options: PolicySettings | None) -> PolicySettings:
    if options is None:
        return PolicySettings()
    field, wrong = options.trouble()
    if wrong:
        raise RequestError(f"routewright.{field} {wrong}", param=f"routewright.{field}")
    return options


def _convert(body: Mapping[str, Any], wanted: type[T]) -> T:
    try:
        return msgspec.convert(body, wanted)
    except msgspec.ValidationError as error:
        raise _refusal(str(error)) from error


def _refusal(said: str) -> RequestError:
    """msgspec's sentence, with the field it speaks of first and in ``param``."""
    text, _, place = said.partition(" - at ")
    path = place.strip("`").removeprefix("$").removeprefix(".")
    field = re.search(r"field `([^`]+)`", text)
    param = ".".join(part for part in (path, field[1] if field else "") if part)
    hint = ""
    if "unknown field" in text:
        hint = f"; known: {', '.join(PolicySettings.__struct_fields__)}"
    return RequestError(f"{param}: {text[0].lower()}{text[1:]}{hint}", param=param or None)
