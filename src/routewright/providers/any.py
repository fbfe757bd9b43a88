"""The long tail of providers (Bedrock, Cohere, watsonx, …) through any-llm.

Requests and answers pass through its own translation: what a vendor's adapter leaves out of a
request, it leaves out without a word. The dialects of this package refuse instead; prefer them
where they reach the same model.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from routewright import catalog
from routewright.config import Secret
from routewright.errors import (
    ConfigError,
    RequestError,
    RoutewrightError,
    UpstreamError,
    UpstreamTimeoutError,
    quoting,
    require,
)
from routewright.providers.completion import ChatCompletion, whole_answer
from routewright.providers.refusals import refusal
from routewright.providers.stream import TERMINAL, cut
from routewright.providers.usage import usage_of
from routewright.types import JsonObject, Model, Usage

# What any-llm's completion takes of a chat body. Nothing else is passed on: other names would be
# arguments of a vendor's SDK, and a body must not be able to set those (hosts, headers, keys).
PASSED_ON = {
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "n",
    "parallel_tool_calls",
    "presence_penalty",
    "reasoning_effort",
    "response_format",
    "seed",
    "stop",
    "temperature",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
}
LEFT_OUT = {"metadata", "model", "store", "stream", "stream_options"}

# The library's class → the HTTP status that says the same, where the vendor gave none.
STATUSES = {
    "RateLimitError": 429,
    "AuthenticationError": 401,
    "InsufficientFundsError": 402,
    "InvalidRequestError": 400,
    "ContextLengthExceededError": 400,
    "ContentFilterError": 400,
    "ModelNotFoundError": 404,
    "UnsupportedParameterError": 400,
    "GatewayTimeoutError": 504,
}


class AnyProvider:
    """Calls one vendor by any-llm's name for it; the extra ``longtail`` brings the library."""

    def __init__(
        self,
        name: str,
        *,
        vendor: str,
        base_url: str = "",
        api_key: Secret | None = None,
        timeout_s: float = 600.0,
    ) -> None:
        self.name = name
        self.vendor = vendor
        self.base_url = base_url
        self.timeout_s = timeout_s
        self._api_key = api_key or Secret("")
        self._client: Any = None

    async def start(self) -> None:
        """Load the library and the vendor's adapter.

        Raises:
            MissingExtraError: any-llm is not installed.
            ConfigError: it knows no such vendor, or the vendor's SDK, key or account is missing.
        """
        if self._client is not None:
            return
        library: Any = require("any_llm", "longtail").AnyLLM
        given: dict[str, Any] = {"unified_exceptions": True}
        if self._api_key:
            given["api_key"] = self._api_key.reveal()
        if self.base_url:
            given["api_base"] = self.base_url
        try:
            adapter = library.get_provider_class(self.vendor)
            if adapter.MAX_RETRIES_SUPPORT != "unsupported":
                given["max_retries"] = 0  # retries have one owner, and it is not the SDK
            self._client = library.create(self.vendor, **given)
        except Exception as error:  # whatever a vendor's SDK raises for a missing key or region
            raise ConfigError(
                f"providers.{self.name}: {self.vendor}: {_one_line(error, self._api_key)}"
            ) from None

    async def complete(
        self, model: Model, body: JsonObject, *, cache_prefix: int = 0, idempotency_key: str = ""
    ) -> ChatCompletion:
        """Answer in one piece; see ``protocols.Provider``. Hints and keys cannot be passed on."""
        del cache_prefix, idempotency_key
        started = time.monotonic()
        answer = await self._ask(model, body, stream=False)
        told: dict[str, Any] = answer.model_dump(mode="json", exclude_none=True)
        return whole_answer(self.name, model, body, told, latency_s=time.monotonic() - started)

    async def stream(
        self, model: Model, body: JsonObject, *, cache_prefix: int = 0, idempotency_key: str = ""
    ) -> AnyStream:
        """Answer as server-sent events; see ``protocols.Provider``."""
        del cache_prefix, idempotency_key
        started = time.monotonic()
        return AnyStream(self, await self._ask(model, body, stream=True), model, started)

    async def aclose(self) -> None:
        """Close the vendor's client where its SDK can; safe to call twice."""
        client, self._client = self._client, None
        sdk = getattr(client, "client", None)
        close = getattr(sdk, "close", None) or getattr(sdk, "aclose", None)
        if close is not None:
            closing = close()
            if inspect.isawaitable(closing):
                await closing

    async def _ask(self, model: Model, body: JsonObject, *, stream: bool) -> Any:
        await self.start()
        for field in body:
            if field not in PASSED_ON and field not in LEFT_OUT and body[field] is not None:
                raise RequestError(
                    f"{field}: any-llm takes no such field; leave it out", param=field
                )
        given = {k: v for k, v in body.items() if k in PASSED_ON and v is not None}
        if stream:  # without it, vendors in OpenAI's dialect tell no usage
            given["stream_options"] = {"include_usage": True}
        try:
            return await self._client.acompletion(
                model=model.upstream_name or model.name,
                stream=stream,
                timeout=self.timeout_s,
                **given,
            )
        except Exception as error:  # an SDK's own errors have no common base
            raise self.failure(error) from None

    def failure(self, error: Exception) -> RoutewrightError:
        """An error of the library or a vendor's SDK in this package's words."""
        if isinstance(error, RoutewrightError):
            return error
        kinds = [kind.__name__ for kind in type(error).__mro__]
        if isinstance(error, TimeoutError) or any("Timeout" in kind for kind in kinds):
            return UpstreamTimeoutError(f"{self.name}: no answer in {self.timeout_s:g} s")
        status = getattr(error, "status_code", None) or next(
            (STATUSES[kind] for kind in kinds if kind in STATUSES), None
        )
        said = _one_line(error, self._api_key)
        if not isinstance(status, int) or status < 400:
            return quoting(UpstreamError(f"{self.name}: {said}"), said)
        wait = getattr(error, "retry_after", None)
        headers = {"retry-after": str(wait)} if wait else {}
        code = getattr(error, "code", None)
        raw = msgspec.json.encode({"error": {"message": said, "code": code}})
        return refusal(self.name, status, headers, raw)


class AnyStream:
    """A stream of any-llm's chunks as events."""

    def __init__(self, provider: AnyProvider, chunks: Any, model: Model, started: float) -> None:
        self.usage: Usage | None = None
        self.cost_usd: float | None = None
        self.started = started
        self._provider = provider
        self._chunks = chunks
        self._model = model

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield events, the terminal one after a chunk that tells why the answer ended.

        Raises:
            UpstreamError: the stream broke, or ended without a reason.
        """
        ended = False
        try:
            async for chunk in self._chunks:
                told = chunk.model_dump(mode="json", exclude_none=True)
                self._note(told)
                ended = ended or any(c.get("finish_reason") for c in told.get("choices", ()))
                yield b"data: %b\n\n" % msgspec.json.encode(told)
        except Exception as error:  # as above
            raise self._provider.failure(error) from None
        finally:
            await self.aclose()
        if not ended:
            raise cut(self._provider.name)
        yield TERMINAL

    async def aclose(self) -> None:
        """Stop the upstream call where the SDK can; safe to call twice."""
        close = getattr(self._chunks, "aclose", None)
        if close is not None:
            await close()

    def _note(self, told: dict[str, Any]) -> None:
        found = usage_of(told.get("usage"))
        if found is not None:
            self.usage = found
            self.cost_usd = catalog.cost_usd(self._model, found)


def _one_line(error: Exception, api_key: Secret) -> str:
    """An error's text, without the key that some SDKs repeat in it."""
    text = " ".join(str(error).split())[:300] or type(error).__name__
    return text.replace(api_key.reveal(), "***") if api_key else text
