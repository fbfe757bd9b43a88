"""One base URL over HTTP: pooled connections, and every failure in this package's words.

Hosts and keys come from the configuration alone; nothing in a request's body can change them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from routewright.config import Timeouts
from routewright.errors import RequestError, UpstreamError
from routewright.providers.pool import Pool
from routewright.providers.refusals import refusal, told_by
from routewright.providers.response import Response
from routewright.types import json_object

MAX_BODY_BYTES = 16 * 1024 * 1024  # an endless answer is an error, not memory
MAX_ERROR_BYTES = 256 * 1024  # of an answer that refuses: a few of its words are told
MAX_EVENT_BYTES = 4 * 1024 * 1024
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Endpoint:
    """A place to post JSON to; connections are opened on first use.

    ``headers`` carry the key: they are sent with every request and never printed.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        *,
        headers: Mapping[str, str],
        timeouts: Timeouts | None = None,
    ) -> None:
        self.name = name
        self.base_url = base_url.rstrip("/")
        sent = {"content-type": "application/json", **headers}
        self._pool = Pool(name, self.base_url, headers=sent, timeouts=timeouts or Timeouts())

    async def aclose(self) -> None:
        """Close the pool; safe to call twice."""
        await self._pool.aclose()

    async def post(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        idempotency_key: str = "",
        streamed: bool = True,
        more: Mapping[str, str] | None = None,
        fresh: bool = False,
    ) -> Response:
        """The response to ``body``, its status 200; ``streamed`` where pieces of it can be late.

        ``more`` are headers of this one request; a ``fresh`` connection is for a repetition.

        Raises:
            RequestError: the request was refused for what it says.
            UpstreamError: no answer, or one that ``refusals.refusal`` describes.
        """
        headers = dict(more or {})
        if idempotency_key:
            headers["idempotency-key"] = idempotency_key
        payload = _text_of(body)
        response = await self._pool.post(path, payload, headers, streamed=streamed, fresh=fresh)
        return await self.checked(response)

    def begin(
        self, path: str, body: Mapping[str, Any], *, streamed: bool = True
    ) -> Response | None:
        """The response to ``body``, of which nothing has come yet; None without a kept connection.

        Raises:
            RequestError: the body is no JSON text.
        """
        return self._pool.begin(path, _text_of(body), streamed=streamed)

    async def checked(self, response: Response) -> Response:
        """The response, if its status is 200. Raises as ``post`` does."""
        await response.head()
        if response.status != 200:
            raw = await response.read(MAX_ERROR_BYTES)
            raise refusal(self.name, response.status, response.headers, raw)
        return response

    async def post_whole(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        idempotency_key: str = "",
        more: Mapping[str, str] | None = None,
        most_bytes: int = MAX_BODY_BYTES,
    ) -> dict[str, Any]:
        """The JSON object that answers ``body``. Raises as ``post`` does, and where it is larger
        than ``most_bytes``.
        """
        response = await self.post(
            path, body, idempotency_key=idempotency_key, streamed=False, more=more
        )
        return decode_object(await response.read(most_bytes), self.name)


def _text_of(body: Mapping[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(body)
    except (TypeError, UnicodeEncodeError) as error:  # half of an emoji, for one
        raise RequestError(f"the request is no JSON text ({error})") from error


class EventSplitter:
    """Cuts a body into its server-sent events, however its bytes arrive.

    An event ends with a blank line; of the ends of lines that the standard allows, those of
    endpoints are known: LF and CRLF, which becomes LF.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._rest = bytearray()
        self._seen = 0  # bytes of the rest without an end in them: they are searched but once
        self._begun = False

    def is_whole(self, chunk: bytes) -> bool:
        """Whether a piece of the body is one or more events as ``feed`` would give them."""
        return self._begun and not self._rest and chunk.endswith(b"\n\n") and b"\r" not in chunk

    def feed(self, chunk: bytes) -> list[bytes]:
        """The events that this piece of the body completes, each with its blank line.

        Raises:
            UpstreamError: an event has no end.
        """
        if self._begun and not self._rest and b"\r" not in chunk:
            if chunk.find(b"\n\n") == len(chunk) - 2 >= 0:  # one event, as most arrive
                return [chunk]
        elif self._rest.endswith(b"\r"):  # the other half of a line's end may follow
            chunk = b"\r" + chunk
            del self._rest[-1:]
        rest = self._rest
        rest += chunk.replace(b"\r\n", b"\n")
        if not self._begun:
            if len(rest) < len(BYTE_ORDER_MARK):
                return []
            self._begun = True
            if rest.startswith(BYTE_ORDER_MARK):
                del rest[: len(BYTE_ORDER_MARK)]
        events: list[bytes] = []
        begin = 0
        while (end := rest.find(b"\n\n", max(self._seen - 2, begin))) >= 0:
            events.append(bytes(rest[begin : end + 2]))
            begin, self._seen = end + 2, 0
        del rest[:begin]
        self._seen = len(rest)
        if self._seen > MAX_EVENT_BYTES:
            raise UpstreamError(f"{self._name}: an event over {MAX_EVENT_BYTES} bytes")
        return events


def event_data(event: bytes) -> bytes:
    """What an event carries; empty for a comment."""
    lines = (line for line in event.split(b"\n") if line.startswith(b"data:"))
    return b"\n".join(line[5:].strip() for line in lines)


def event_object(event: bytes, name: str) -> dict[str, Any]:
    """The JSON object that an event carries; an empty one for a comment.

    Raises:
        UpstreamError: it carries anything else.
    """
    data = event_data(event)
    if not data:
        return {}
    try:
        found = json_object(msgspec.json.decode(data))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = None
    if found is None:
        raise UpstreamError(f"{name}: an event is not a JSON object")
    return found


def decode_object(raw: bytes, name: str) -> dict[str, Any]:
    """The JSON object in ``raw``.

    Raises:
        UpstreamError: it is none, or it is an error in place of an answer.
    """
    try:
        decoded = json_object(msgspec.json.decode(raw))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UpstreamError(f"{name}: the answer is not JSON") from error
    if decoded is None:
        raise UpstreamError(f"{name}: the answer is not an object")
    if decoded.get("error"):
        raise told_by(name, decoded)
    return decoded
