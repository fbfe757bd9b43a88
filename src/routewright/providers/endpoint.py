"""One base URL over HTTP: pooled connections, and every failure in this package's words.

Hosts and keys come from the configuration alone; nothing in a request's body can change them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import aiohttp
import msgspec

from routewright.config import Timeouts
from routewright.errors import RequestError, UpstreamError, UpstreamTimeoutError
from routewright.providers.refusals import error_text, refusal
from routewright.types import json_object

MAX_BODY_BYTES = 64 * 1024 * 1024  # an endless answer is an error, not memory
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
        self.timeouts = timeouts or Timeouts()
        self._headers = {"content-type": "application/json", **headers}
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the connection pool; safe to call twice."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                headers=self._headers,
                timeout=aiohttp.ClientTimeout(
                    total=self.timeouts.total_s, sock_connect=self.timeouts.connect_s
                ),
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
                trust_env=False,
            )

    async def aclose(self) -> None:
        """Close the pool; safe to call twice."""
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()

    async def post(
        self, path: str, body: Mapping[str, Any], *, idempotency_key: str = ""
    ) -> aiohttp.ClientResponse:
        """The response to ``body``, its status 200.

        Raises:
            RequestError: the request was refused for what it says.
            UpstreamError: no answer, or one that ``refusals.refusal`` describes.
        """
        await self.start()
        session = self._session
        if session is None:
            raise UpstreamError(f"{self.name}: closed")
        headers = {"idempotency-key": idempotency_key} if idempotency_key else {}
        try:
            payload = msgspec.json.encode(body)
        except (TypeError, UnicodeEncodeError) as error:  # half of an emoji, for one
            raise RequestError(f"the request is no JSON text ({error})") from error
        try:
            response = await _send(session, f"{self.base_url}{path}", payload, headers)
        except TimeoutError as error:
            raise UpstreamTimeoutError(f"{self.name}: no answer in time") from error
        except aiohttp.ClientError as error:
            raise UpstreamError(
                f"{self.name}: {type(error).__name__} at {self.base_url}",
                maybe_paid=not isinstance(error, aiohttp.ClientConnectorError),
            ) from error
        if response.status != 200:
            async with response:
                raw = await self._read(response)
            raise refusal(self.name, response.status, response.headers, raw)
        return response

    async def post_whole(
        self, path: str, body: Mapping[str, Any], *, idempotency_key: str = ""
    ) -> dict[str, Any]:
        """The JSON object that answers ``body``. Raises as ``post`` does."""
        async with await self.post(path, body, idempotency_key=idempotency_key) as response:
            raw = await self._read(response)
        return decode_object(raw, self.name)

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        chunks: list[bytes] = []
        size = 0
        try:
            async for chunk in response.content.iter_any():
                chunks.append(chunk)
                size += len(chunk)
                if size > MAX_BODY_BYTES:
                    raise UpstreamError(f"{self.name}: answer over {MAX_BODY_BYTES} bytes")
        except TimeoutError as error:
            raise UpstreamTimeoutError(f"{self.name}: the answer stalled") from error
        except (aiohttp.ClientError, asyncio.IncompleteReadError) as error:
            raise UpstreamError(
                f"{self.name}: the answer broke off ({type(error).__name__})"
            ) from error
        return b"".join(chunks)


async def _send(
    session: aiohttp.ClientSession, url: str, payload: bytes, headers: Mapping[str, str]
) -> aiohttp.ClientResponse:
    """Post, on another connection where an idle one was closed before the request was written.

    Such a request cannot have been whole, so that it was not served and nothing was paid for.
    """
    post: Callable[[], Any] = lambda: session.post(  # noqa: E731  # two tries of one thing
        url, data=payload, headers=headers, allow_redirects=False
    )
    try:
        return await post()
    except aiohttp.ClientOSError as error:
        if not isinstance(error.__cause__, aiohttp.ClientConnectionResetError):
            raise
    return await post()


async def whole_events(chunks: AsyncIterator[bytes], name: str) -> AsyncIterator[bytes]:
    """The server-sent events in the chunks of a response, each with its blank line.

    Raises:
        UpstreamError: the connection broke or stalled, or an event has no end.
    """
    buffer = bytearray()
    seen = 0  # bytes of the buffer that hold no end of an event: a long one is searched but once
    begun = False
    try:
        async for chunk in chunks:
            if buffer.endswith(b"\r"):  # the other half of a line's end may follow
                chunk = b"\r" + chunk  # noqa: PLW2901  # joined to what it belongs to
                del buffer[-1:]
            buffer += chunk.replace(b"\r\n", b"\n")
            if not begun and len(buffer) >= len(BYTE_ORDER_MARK):
                buffer, begun = buffer.removeprefix(BYTE_ORDER_MARK), True
            while (end := buffer.find(b"\n\n", max(seen - 2, 0))) >= 0:
                event, seen = bytes(buffer[: end + 2]), 0
                del buffer[: end + 2]
                yield event
            seen = len(buffer)
            if seen > MAX_EVENT_BYTES:
                raise UpstreamError(f"{name}: an event over {MAX_EVENT_BYTES} bytes")
    except TimeoutError as error:
        raise UpstreamTimeoutError(f"{name}: the stream stalled") from error
    except aiohttp.ClientError as error:
        raise UpstreamError(f"{name}: the stream broke off") from error


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
        raise UpstreamError(f"{name}: {error_text(decoded)}")
    return decoded
