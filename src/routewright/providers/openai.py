"""The OpenAI chat-completions dialect over HTTP: any endpoint with such a base URL."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast

import aiohttp
import msgspec

from routewright import catalog
from routewright.config import Secret
from routewright.errors import (
    RequestError,
    UpstreamAccountError,
    UpstreamError,
    UpstreamLimitError,
    UpstreamTimeoutError,
)
from routewright.types import JsonObject, Model, Usage, json_object

MAX_BODY_BYTES = 64 * 1024 * 1024  # an endless answer is an error, not memory
MAX_EVENT_BYTES = 4 * 1024 * 1024
TERMINAL = b"[DONE]"


class HttpCompletion(msgspec.Struct, frozen=True):
    """A whole answer: the upstream's object with what it used and cost."""

    body: dict[str, Any]
    usage: Usage
    cost_usd: float
    latency_s: float
    first_token_s: float | None = None

    @property
    def text(self) -> str:
        """The words of the first choice, empty where it has none."""
        content = (json_object(self._choice().get("message")) or {}).get("content")
        return content if isinstance(content, str) else ""

    @property
    def finish_reason(self) -> str:
        """Why the first choice ended, as the upstream says: stop, length, …"""
        return str(self._choice().get("finish_reason") or "")

    @property
    def refused(self) -> bool:
        """Whether the answer was filtered, or is a refusal in the message's own field."""
        message = json_object(self._choice().get("message")) or {}
        return self.finish_reason == "content_filter" or bool(message.get("refusal"))

    def _choice(self) -> dict[str, Any]:
        choices = self.body.get("choices")
        first = cast("list[object]", choices)[:1] if isinstance(choices, list) else []
        return (json_object(first[0]) if first else None) or {}


class OpenAIProvider:
    """Calls one base URL; connections are pooled and opened on first use."""

    def __init__(
        self, name: str, *, base_url: str, api_key: Secret | None = None, timeout_s: float = 600.0
    ) -> None:
        self.name = name
        self.base_url = base_url.rstrip("/")
        self.timeout_s = timeout_s
        self._api_key = api_key or Secret("")
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the connection pool."""
        if self._session is None:
            headers = {"content-type": "application/json"}
            if self._api_key:
                headers["authorization"] = f"Bearer {self._api_key.reveal()}"
            self._session = aiohttp.ClientSession(
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=self.timeout_s, sock_connect=10),
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
                trust_env=False,
            )

    async def complete(
        self,
        model: Model,
        body: JsonObject,
        *,
        cache_prefix: int = 0,
        idempotency_key: str = "",
    ) -> HttpCompletion:
        """Answer in one piece; see ``protocols.Provider``."""
        del cache_prefix  # such endpoints find shared prefixes themselves
        started = time.monotonic()
        wanted = {**body, "stream": False}
        async with await self._post(model, wanted, idempotency_key) as response:
            raw = await _read_capped(response)
        answer = _decode_object(raw, self.name)
        choices = answer.get("choices")
        if not isinstance(choices, list) or not choices:
            raise UpstreamError(f"{self.name}: answer without choices")
        usage = usage_of(answer.get("usage"))
        return HttpCompletion(
            body=answer,
            usage=usage,
            cost_usd=catalog.cost_usd(model, usage),
            latency_s=time.monotonic() - started,
        )

    async def stream(self, model: Model, body: JsonObject) -> HttpStream:
        """Answer as server-sent events; usage is always asked for, to know what it cost."""
        options = {**(json_object(body.get("stream_options")) or {}), "include_usage": True}
        wanted: dict[str, Any] = {**body, "stream": True, "stream_options": options}
        response = await self._post(model, wanted)
        return HttpStream(response, self.name, lambda usage: catalog.cost_usd(model, usage))

    async def aclose(self) -> None:
        """Close the pool; safe to call twice."""
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()

    async def _post(
        self, model: Model, body: JsonObject, idempotency_key: str = ""
    ) -> aiohttp.ClientResponse:
        await self.start()
        session = self._session
        if session is None:
            raise UpstreamError(f"{self.name}: closed")
        payload = msgspec.json.encode({**body, "model": model.upstream_name or model.name})
        try:
            response = await session.post(
                f"{self.base_url}/chat/completions",
                data=payload,
                headers={"idempotency-key": idempotency_key} if idempotency_key else None,
                allow_redirects=False,
            )
        except TimeoutError as error:
            raise UpstreamTimeoutError(f"{self.name}: no answer in {self.timeout_s:g} s") from error
        except aiohttp.ClientError as error:
            raise UpstreamError(
                f"{self.name}: {type(error).__name__} at {self.base_url}",
                maybe_paid=not isinstance(error, aiohttp.ClientConnectorError),
            ) from error
        if response.status != 200:
            async with response:
                raise await _refusal(response, self.name)
        return response


class HttpStream:
    """The events of one answer, whole and untouched; usage and cost once they have passed."""

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        provider: str,
        price: Callable[[Usage], float],
    ) -> None:
        self.usage: Usage | None = None
        self.cost_usd: float | None = None
        self._response = response
        self._provider = provider
        self._price = price
        self._finished = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield events, each with its blank line.

        Raises:
            UpstreamError: the stream was cut before its terminal event.
        """
        try:
            async for event in self._events():
                self._watch(event)
                yield event
                if self._finished:
                    return
        except TimeoutError as error:
            raise UpstreamTimeoutError(f"{self._provider}: the stream stalled") from error
        except aiohttp.ClientError as error:
            raise UpstreamError(f"{self._provider}: the stream broke off") from error
        finally:
            await self.aclose()
        raise UpstreamError(f"{self._provider}: the stream ended without its terminal event")

    async def aclose(self) -> None:
        """Drop the connection, which stops the upstream; safe to call twice."""
        self._response.close()

    async def _events(self) -> AsyncIterator[bytes]:
        buffer = b""
        async for chunk in self._response.content.iter_any():
            buffer = (buffer + chunk).replace(b"\r\n", b"\n")
            while (end := buffer.find(b"\n\n")) >= 0:
                event, buffer = buffer[: end + 2], buffer[end + 2 :]
                yield event
            if len(buffer) > MAX_EVENT_BYTES:
                raise UpstreamError(f"{self._provider}: an event over {MAX_EVENT_BYTES} bytes")

    def _watch(self, event: bytes) -> None:
        # Only events that can matter are looked into: a stream is mostly words.
        if b'"usage"' not in event and TERMINAL not in event:
            return
        for line in event.split(b"\n"):
            if not line.startswith(b"data:"):
                continue
            data = line[5:].strip()
            if data == TERMINAL:
                self._finished = True
            else:
                self._note_usage(data)

    def _note_usage(self, data: bytes) -> None:
        try:
            given = (json_object(msgspec.json.decode(data)) or {}).get("usage")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return
        if given:
            self.usage = usage_of(given)
            self.cost_usd = self._price(self.usage)


class _Details(msgspec.Struct, frozen=True):
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


class _WireUsage(msgspec.Struct, frozen=True):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None


def usage_of(given: object) -> Usage:
    """Usage from an OpenAI ``usage`` object; what is absent, null or odd counts as 0."""
    try:
        wire = msgspec.convert(given, _WireUsage)
    except msgspec.ValidationError:
        return Usage()
    read = wire.prompt_tokens_details or _Details()
    written = wire.completion_tokens_details or _Details()
    return Usage(
        input_tokens=max(wire.prompt_tokens or 0, 0),
        output_tokens=max(wire.completion_tokens or 0, 0),
        cached_tokens=max(read.cached_tokens or 0, 0),
        reasoning_tokens=max(written.reasoning_tokens or 0, 0),
    )


async def _read_capped(response: aiohttp.ClientResponse) -> bytes:
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in response.content.iter_any():
            chunks.append(chunk)
            size += len(chunk)
            if size > MAX_BODY_BYTES:
                raise UpstreamError(f"answer over {MAX_BODY_BYTES} bytes")
    except TimeoutError as error:
        raise UpstreamTimeoutError("the answer stalled") from error
    except (aiohttp.ClientError, asyncio.IncompleteReadError) as error:
        raise UpstreamError(f"the answer broke off ({type(error).__name__})") from error
    return b"".join(chunks)


def _decode_object(raw: bytes, provider: str) -> dict[str, Any]:
    try:
        decoded = json_object(msgspec.json.decode(raw))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UpstreamError(f"{provider}: the answer is not JSON") from error
    if decoded is None:
        raise UpstreamError(f"{provider}: the answer is not an object")
    if "error" in decoded:
        raise UpstreamError(f"{provider}: {_error_text(decoded)}")
    return decoded


def _error_text(decoded: object) -> str:
    error = (json_object(decoded) or {}).get("error")
    message = (json_object(error) or {"message": error}).get("message")
    return str(message)[:300] if message else "refused without a message"


async def _refusal(response: aiohttp.ClientResponse, provider: str) -> Exception:
    """The error that an upstream's status stands for, with its own message."""
    raw = await _read_capped(response)
    try:
        text = _error_text(msgspec.json.decode(raw))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        text = "no JSON body"
    message = f"{provider}: HTTP {response.status}: {text}"
    wait_s = retry_after_s(response.headers.get("retry-after", ""))
    if response.status == 429 or (response.status == 503 and wait_s is not None):
        return UpstreamLimitError(message, retry_after_s=wait_s)
    if response.status in (400, 404, 413, 422):
        return RequestError(message, status=400)
    if response.status in (401, 402, 403):
        return UpstreamAccountError(message)
    if response.status in (408, 504):
        return UpstreamTimeoutError(message)  # what stood behind it may have gone on and charged
    return UpstreamError(message, maybe_paid=False)


def retry_after_s(header: str) -> float | None:
    """Seconds that a Retry-After header asks to wait, given as a number or as an HTTP date."""
    try:
        seconds = float(header)
    except ValueError:
        try:
            until = parsedate_to_datetime(header)
        except ValueError:
            return None
        if until.tzinfo is None:
            return None
        seconds = (until - datetime.now(UTC)).total_seconds()
    return max(seconds, 0.0) if math.isfinite(seconds) else None
