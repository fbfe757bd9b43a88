"""Calls the Anthropic Messages API, or a server that speaks it."""

from __future__ import annotations

import time
from collections.abc import Mapping

from routewright.config import Secret, Timeouts
from routewright.errors import UpstreamError
from routewright.providers.anthropic.answer import (
    AnthropicEvents,
    chat_completion,
    error_of,
    usage_of,
)
from routewright.providers.anthropic.request import messages_request
from routewright.providers.completion import ChatCompletion, whole_answer
from routewright.providers.endpoint import Endpoint
from routewright.providers.native import NativeAnswer, NativeEvents, native_answer
from routewright.providers.stream import HttpStream
from routewright.types import JsonObject, Model

BASE_URL = "https://api.anthropic.com/v1"
API_KEY_ENV = "ANTHROPIC_API_KEY"
VERSION = "2023-06-01"  # of the wire format: the one that the API documents


class AnthropicProvider:
    """Takes and gives OpenAI's words; ``request`` and ``answer`` translate."""

    def __init__(
        self,
        name: str,
        *,
        base_url: str = BASE_URL,
        api_key: Secret | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        self.name = name
        headers = {"anthropic-version": VERSION}
        if api_key:
            headers["x-api-key"] = api_key.reveal()
        self._endpoint = Endpoint(name, base_url, headers=headers, timeouts=timeouts)

    async def start(self) -> None:
        """Do nothing: connections are opened as they are needed."""

    async def complete(
        self, model: Model, body: JsonObject, *, cache_prefix: int = 0, idempotency_key: str = ""
    ) -> ChatCompletion:
        """Answer in one piece; see ``protocols.Provider``."""
        started = time.monotonic()
        asked = {**body, "stream": False}
        name = model.upstream_name or model.name
        request = messages_request(name, asked, cache_prefix=cache_prefix)
        message = await self._endpoint.post_whole(
            "/messages", request, idempotency_key=idempotency_key
        )
        answer = chat_completion(self.name, message)
        return whole_answer(self.name, model, body, answer, latency_s=time.monotonic() - started)

    async def stream(
        self, model: Model, body: JsonObject, *, cache_prefix: int = 0, idempotency_key: str = ""
    ) -> HttpStream:
        """Answer as server-sent events; see ``protocols.Provider``."""
        started = time.monotonic()
        asked = {**body, "stream": True}
        name = model.upstream_name or model.name
        request = messages_request(name, asked, cache_prefix=cache_prefix)
        response = await self._endpoint.post("/messages", request, idempotency_key=idempotency_key)
        return HttpStream(response, self.name, AnthropicEvents(self.name), model, started)

    async def complete_native(
        self, dialect: str, model: Model, body: JsonObject, headers: Mapping[str, str]
    ) -> NativeAnswer:
        """Answer a Messages body; see ``protocols.NativeProvider``."""
        started = time.monotonic()
        request = {**body, "model": model.upstream_name or model.name, "stream": False}
        message = await self._endpoint.post_whole("/messages", request, more=headers)
        if message.get("type") != "message":
            raise UpstreamError(f"{self.name}: the answer is not a message")
        latency_s = time.monotonic() - started
        return native_answer(
            dialect, model, body, message, read_usage=usage_of, latency_s=latency_s
        )

    async def stream_native(
        self, dialect: str, model: Model, body: JsonObject, headers: Mapping[str, str]
    ) -> HttpStream:
        """Answer a Messages body as its events; see ``protocols.NativeProvider``."""
        del dialect  # there is one
        started = time.monotonic()
        request = {**body, "model": model.upstream_name or model.name, "stream": True}
        response = await self._endpoint.post("/messages", request, more=headers)
        reader = NativeEvents(self.name, usage_of, error_of)
        return HttpStream(response, self.name, reader, model, started)

    async def count_tokens(self, model: Model, body: JsonObject, headers: Mapping[str, str]) -> int:
        """Count a Messages body's tokens; see ``protocols.TokenCounter``."""
        request = {**body, "model": model.upstream_name or model.name}
        told = await self._endpoint.post_whole("/messages/count_tokens", request, more=headers)
        counted = told.get("input_tokens")
        if not isinstance(counted, int):
            raise UpstreamError(f"{self.name}: no count in the answer")
        return counted

    async def aclose(self) -> None:
        """Close the pool; safe to call twice."""
        await self._endpoint.aclose()
