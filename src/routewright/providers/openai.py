"""The OpenAI chat-completions dialect: any endpoint that speaks it, known by name or not."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from routewright.config import Secret, Timeouts
from routewright.errors import UpstreamError
from routewright.providers.begun import BegunCall, BegunStream
from routewright.providers.completion import ChatCompletion, whole_answer
from routewright.providers.endpoint import MAX_BODY_BYTES, Endpoint, event_data
from routewright.providers.native import (
    NativeAnswer,
    NativeEvents,
    native_answer,
    openai_error,
    openai_usage,
)
from routewright.providers.presets import Preset
from routewright.providers.refusals import told_by
from routewright.providers.response import Response
from routewright.providers.stream import TERMINAL, HttpStream, cut
from routewright.providers.usage import usage_of
from routewright.types import JsonObject, Model, Usage, json_object, json_objects

MAX_VECTORS_BYTES = 64 * 1024 * 1024  # two thousand vectors of 1,536 numbers each, as text


class OpenAIProvider:
    """Calls one base URL, in the words that its preset says it wants."""

    def __init__(
        self,
        name: str,
        *,
        base_url: str,
        api_key: Secret | None = None,
        timeouts: Timeouts | None = None,
        preset: Preset | None = None,
        api_version: str = "",
    ) -> None:
        self.name = name
        self.preset = preset or Preset()
        self.api_version = api_version
        headers: dict[str, str] = {}
        if api_key:
            bearer = "Bearer " if self.preset.key_header == "authorization" else ""
            headers[self.preset.key_header] = f"{bearer}{api_key.reveal()}"
        self._endpoint = Endpoint(name, base_url, headers=headers, timeouts=timeouts)

    async def start(self) -> None:
        """Do nothing: connections are opened as they are needed."""

    async def complete(
        self, model: Model, body: JsonObject, *, cache_prefix: int = 0, idempotency_key: str = ""
    ) -> ChatCompletion:
        """Answer in one piece; see ``protocols.Provider``."""
        started = time.monotonic()
        path, wanted = self._request(model, {**body, "stream": False}, cache_prefix)
        answer = await self._endpoint.post_whole(path, wanted, idempotency_key=idempotency_key)
        return whole_answer(self.name, model, body, answer, latency_s=time.monotonic() - started)

    def begin(self, model: Model, body: JsonObject, *, cache_prefix: int = 0) -> BegunCall | None:
        """Ask on a connection that is at hand; see ``protocols.BeginningProvider``."""
        started = time.monotonic()
        path, wanted = self._request(model, {**body, "stream": False}, cache_prefix)
        response = self._endpoint.begin(path, wanted, streamed=False)
        if response is None:
            return None
        again = partial(self._endpoint.post, path, wanted, streamed=False, fresh=True)
        return BegunCall(body, self._endpoint, model, response, again, started)

    def begin_stream(
        self, model: Model, body: JsonObject, *, cache_prefix: int = 0
    ) -> BegunStream | None:
        """The same for ``stream``."""
        started = time.monotonic()
        path, wanted = self._request(model, {**body, "stream": True}, cache_prefix)
        response = self._endpoint.begin(path, wanted)
        if response is None:
            return None
        again = partial(self._endpoint.post, path, wanted, fresh=True)
        return BegunStream(self._opened, self._endpoint, model, response, again, started)

    async def stream(
        self, model: Model, body: JsonObject, *, cache_prefix: int = 0, idempotency_key: str = ""
    ) -> HttpStream:
        """Answer as server-sent events; usage is always asked for, to know what it cost."""
        started = time.monotonic()
        path, wanted = self._request(model, {**body, "stream": True}, cache_prefix)
        response = await self._endpoint.post(path, wanted, idempotency_key=idempotency_key)
        return self._opened(response, model, started)

    async def complete_native(
        self, dialect: str, model: Model, body: JsonObject, headers: Mapping[str, str]
    ) -> NativeAnswer:
        """Answer a body of Responses or embeddings; see ``protocols.NativeProvider``."""
        started = time.monotonic()
        path, request = self._native(dialect, model, body)
        most_bytes = MAX_VECTORS_BYTES
        if dialect != "embeddings":
            request["stream"], most_bytes = False, MAX_BODY_BYTES
        answer = await self._endpoint.post_whole(path, request, more=headers, most_bytes=most_bytes)
        if not isinstance(answer.get("data" if dialect == "embeddings" else "output"), list):
            raise UpstreamError(f"{self.name}: the answer is not one of {dialect}")
        latency_s = time.monotonic() - started
        return native_answer(
            dialect, model, body, answer, read_usage=openai_usage, latency_s=latency_s
        )

    async def stream_native(
        self, dialect: str, model: Model, body: JsonObject, headers: Mapping[str, str]
    ) -> HttpStream:
        """Answer a Responses body as its events; see ``protocols.NativeProvider``."""
        started = time.monotonic()
        path, request = self._native(dialect, model, body)
        response = await self._endpoint.post(path, {**request, "stream": True}, more=headers)
        reader = NativeEvents(self.name, openai_usage, openai_error)
        return HttpStream(response, self.name, reader, model, started)

    def _opened(self, response: Response, model: Model, started: float) -> HttpStream:
        reader = _AsTheyAre(self.name, ends_in_done=self.preset.ends_in_done)
        return HttpStream(response, self.name, reader, model, started, skips=reader.skips)

    def _native(self, dialect: str, model: Model, body: JsonObject) -> tuple[str, dict[str, Any]]:
        name = model.upstream_name or model.name
        path = self.preset.path_for(name, self.api_version)
        return path.replace("/chat/completions", f"/{dialect}", 1), {**body, "model": name}

    async def aclose(self) -> None:
        """Close the pool; safe to call twice."""
        await self._endpoint.aclose()

    def _request(
        self, model: Model, body: JsonObject, cache_prefix: int
    ) -> tuple[str, dict[str, Any]]:
        name = model.upstream_name or model.name
        shaped = self.preset.shape(name, body, cache_prefix=cache_prefix)
        return self.preset.path_for(name, self.api_version), shaped


class _AsTheyAre:
    """Passes events on untouched; a stream is whole with its terminal event.

    Where an endpoint sends none, it is whole when it has ended properly after a finish reason,
    and the terminal event is added.
    """

    def __init__(self, name: str, *, ends_in_done: bool = True) -> None:
        self.usage: Usage | None = None
        self.finished = False
        self._name = name
        self._has_reason = False
        self._ends_in_done = ends_in_done

    def skips(self, events: bytes) -> bool:
        """Whether there is nothing in them that can matter; see ``HttpStream``."""
        if b'"usage"' in events and events.count(b'"usage"') != events.count(b'"usage":null'):
            return False
        if b'"error"' in events or b"[DONE]" in events:
            return False
        return self._ends_in_done or b'"finish_reason"' not in events

    def read(self, event: bytes) -> Sequence[bytes]:
        # Only events that can matter are looked into: a stream is mostly words.
        if (
            b'"usage"' in event
            or b'"error"' in event
            or b"[DONE]" in event
            or (not self._ends_in_done and b'"finish_reason"' in event)
        ):
            self._look(event_data(event))
        return (event,)

    def end(self) -> Sequence[bytes]:
        if self._ends_in_done or not self._has_reason:
            raise cut(self._name)
        self.finished = True
        return (TERMINAL,)

    def _look(self, data: bytes) -> None:
        if data == b"[DONE]":
            self.finished = True
            return
        try:
            told = json_object(msgspec.json.decode(data)) or {}
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return
        if told.get("error"):
            raise told_by(self._name, told)
        self.usage = usage_of(told.get("usage")) or self.usage
        for choice in json_objects(told.get("choices")):
            if choice.get("finish_reason"):
                self._has_reason = True
