"""What a dialect is, and how its fields become OpenAI's."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Protocol, cast

import msgspec

from routewright.errors import RequestError, RoutewrightError
from routewright.serve.call import Call
from routewright.serve.wire import ChatRequest, Native, chat_request
from routewright.types import JsonObject, json_object, json_objects


class Writer(Protocol):
    """Writes one streamed answer; a new one for each."""

    def event(self, event: bytes) -> bytes:
        """What the client gets for an event of the relay; nothing is b"".

        The last one holds the relay's comment and ``data: [DONE]``.
        """
        ...

    def broke(self, error: RoutewrightError) -> bytes:
        """The event that tells that the answer broke off; none follows it."""
        ...


class Dialect(Protocol):
    """One way of asking and answering.

    ``forwarded`` are the headers of a request that a provider of the dialect is sent.
    """

    name: str
    forwarded: tuple[str, ...]

    def read(self, body: Mapping[str, Any]) -> ChatRequest:
        """The request in OpenAI's chat words.

        Raises:
            RequestError: a field that is malformed; ``param`` names it.
        """
        ...

    def whole(self, call: Call, answer: dict[str, Any]) -> dict[str, Any]:
        """The answer in this dialect, from a chat.completion object or from one of its own."""
        ...

    def writer(self, call: Call) -> Writer:
        """What writes a streamed answer."""
        ...

    def error(self, error: RoutewrightError) -> dict[str, Any]:
        """An error in this dialect's shape."""
        ...


class Translation:
    """The fields of one body on their way into OpenAI's words.

    A field without a counterpart there does not end it: a provider that speaks the dialect itself
    may still take the body as it is, so that the first such field is kept for the decision.
    """

    def __init__(self, body: Mapping[str, Any]) -> None:
        self.body = {key: value for key, value in body.items() if key != "routewright"}
        self._options = body.get("routewright")
        self._only = ""
        self._dropped: dict[str, None] = {}

    def only(self, field: str) -> None:
        """The field can be said in its own dialect alone."""
        self._only = self._only or field

    def only_beside(self, taken: Collection[str]) -> None:
        """All that says something and is not among these."""
        for field, value in self.body.items():
            if field not in taken and value is not None:
                self.only(field)

    def dropped(self, field: str) -> None:
        """The field is left out elsewhere, because it changes how an answer comes, not what."""
        self._dropped[field] = None

    def request(self, dialect: str, chat: dict[str, Any], native: dict[str, Any]) -> ChatRequest:
        """The checked request.

        Args:
            dialect: of the body.
            chat: the translation.
            native: what a provider of the dialect is sent.
        """
        if self._only and not chat["messages"]:
            chat = {**chat, "messages": [{"role": "user", "content": ""}]}  # for its own alone
        if self._options is not None:
            chat = {**chat, "routewright": self._options}
        asked = chat_request(chat)
        own = Native(dialect, native, only=self._only, dropped=tuple(self._dropped))
        # A translated stream needs the usage that its own closing events tell.
        return msgspec.structs.replace(asked, native=own, include_usage=True)


def refuse(field: str, why: str) -> RequestError:
    """The error of a field that cannot be."""
    return RequestError(f"{field}: {why}", param=field)


def text(value: object, field: str) -> str:
    """A string, or a refusal."""
    if not isinstance(value, str):
        raise refuse(field, "must be a text")
    return value


def whole_number(value: object, field: str) -> int:
    """A whole number of 1 or more, or a refusal."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise refuse(field, "must be a whole number of 1 or more")
    return value


def objects(value: object, field: str) -> list[dict[str, Any]]:
    """A list of JSON objects, or a refusal."""
    found = json_objects(value)
    if not isinstance(value, list) or len(found) != len(cast("list[object]", value)):
        raise refuse(field, "must be a list of objects")
    return found


def object_(value: object, field: str) -> dict[str, Any]:
    """A JSON object, or a refusal."""
    found = json_object(value)
    if found is None:
        raise refuse(field, "must be an object")
    return found


def given(body: JsonObject, *fields: str) -> dict[str, Any]:
    """Those of the fields that say something."""
    return {field: body[field] for field in fields if body.get(field) is not None}


def plain(parts: list[dict[str, Any]]) -> str | list[dict[str, Any]]:
    """Parts of a message as one text where they are nothing else: every server reads that."""
    if all(part.get("type") == "text" for part in parts):
        return "\n".join(part["text"] for part in parts)
    return parts


def sse(payload: dict[str, Any]) -> bytes:
    """A named server-sent event."""
    return b"event: %b\ndata: %b\n\n" % (payload["type"].encode(), msgspec.json.encode(payload))
