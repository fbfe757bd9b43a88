"""Calls Gemini's API, or a server that speaks it."""

from __future__ import annotations

import time
from urllib.parse import quote

from routewright.config import Secret, Timeouts
from routewright.providers.completion import ChatCompletion, whole_answer
from routewright.providers.endpoint import Endpoint
from routewright.providers.gemini.answer import GeminiEvents, chat_completion
from routewright.providers.gemini.request import generate_request
from routewright.providers.stream import HttpStream
from routewright.types import JsonObject, Model

BASE_URL = "https://generativelanguage.googleapis.com/v1beta"
API_KEY_ENV = "GEMINI_API_KEY"


class GeminiProvider:
    """Takes and gives OpenAI's words; ``request`` and ``answer`` translate.

    Gemini keeps prefixes in its cache by itself, so ``cache_prefix`` changes nothing.
    """

    def __init__(
        self,
        name: str,
        *,
        base_url: str = BASE_URL,
        api_key: Secret | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        self.name = name
        # The key travels in a header: an address with it would stand in logs and errors.
        headers = {"x-goog-api-key": api_key.reveal()} if api_key else {}
        self._endpoint = Endpoint(name, base_url, headers=headers, timeouts=timeouts)

    async def start(self) -> None:
        """Do nothing: connections are opened as they are needed."""

    async def complete(
        self, model: Model, body: JsonObject, *, cache_prefix: int = 0, idempotency_key: str = ""
    ) -> ChatCompletion:
        """Answer in one piece; see ``protocols.Provider``."""
        del cache_prefix
        started = time.monotonic()
        name = model.upstream_name or model.name
        response = await self._endpoint.post_whole(
            f"/models/{quote(name, safe='')}:generateContent",
            generate_request(name, body),
            idempotency_key=idempotency_key,
        )
        answer = chat_completion(self.name, response)
        return whole_answer(self.name, model, body, answer, latency_s=time.monotonic() - started)

    async def stream(
        self, model: Model, body: JsonObject, *, cache_prefix: int = 0, idempotency_key: str = ""
    ) -> HttpStream:
        """Answer as server-sent events; see ``protocols.Provider``."""
        del cache_prefix
        started = time.monotonic()
        name = model.upstream_name or model.name
        response = await self._endpoint.post(
            f"/models/{quote(name, safe='')}:streamGenerateContent?alt=sse",
            generate_request(name, body),
            idempotency_key=idempotency_key,
        )
        return HttpStream(response, self.name, GeminiEvents(self.name), model, started)

    async def aclose(self) -> None:
        """Close the pool; safe to call twice."""
        await self._endpoint.aclose()
