"""The gateway without a server: the same decisions and calls, in this process.

    with rw.Client("routewright.toml") as client:
        answer = client.chat.completions.create(
            model="auto", messages=[{"role": "user", "content": "What is 17 * 3?"}]
        )
        answer.choices[0].message.content, answer.routewright.cost_usd

It has the shape of the official OpenAI client, so that moving to the gateway, or away from it, is
one line.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self, TypeVar, overload

from routewright.config import Settings, load_settings
from routewright.serve.configured import with_flags
from routewright.serve.gateway import Gateway
from routewright.serve.stream import RelayedStream, event_object
from routewright.serve.wire import chat_request, route_request
from routewright.types import Decision

T = TypeVar("T")

Messages = Sequence[Mapping[str, Any]]

# Fields that OpenAI's objects have even when the answer on the wire leaves them out.
_OPTIONAL = frozenset(
    {"content", "finish_reason", "function_call", "logprobs", "refusal", "role"}
    | {"service_tier", "system_fingerprint", "tool_calls", "usage"}
)


class Record:
    """A JSON object whose fields are attributes; lists and objects within it likewise."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = dict(fields)

    def __getattr__(self, name: str) -> Any:
        if name in self._fields:
            return _wrapped(self._fields[name])
        if name in _OPTIONAL:
            return None
        raise AttributeError(f"no field {name!r}; there are {', '.join(self._fields)}")

    def model_dump(self) -> dict[str, Any]:
        """The object as plain dicts and lists."""
        return dict(self._fields)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record) and self._fields == other._fields

    __hash__ = None  # pyright: ignore[reportAssignmentType]  # mutable content, like a dict's

    def __repr__(self) -> str:
        return f"Record({self._fields!r})"


class Client:
    """Decides, calls and falls back as the gateway does; blocking, safe to share among threads.

    Args:
        config: routewright.toml; that name in the working folder is the default.
        settings: settings instead of a file.
        artefact: a trained router, instead of the configured one.
        worth_usd: dollars for one whole unit of score, instead of the configured amount.

    Raises:
        ConfigError: the configuration is missing or impossible.
        ArtefactError: the artefact cannot be used.
    """

    def __init__(
        self,
        config: str | Path | None = None,
        *,
        settings: Settings | None = None,
        artefact: str | Path | None = None,
        worth_usd: float | None = None,
    ) -> None:
        if settings is None:
            settings = load_settings(config if config is not None else "routewright.toml")
        self._gateway = Gateway(with_flags(settings, artefact=artefact, worth_usd=worth_usd))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="routewright-client", daemon=True
        )
        self._thread.start()
        self._running: set[asyncio.Task[Any]] = set()
        self._streams: set[RelayedStream] = set()
        self.chat = _Chat(self)
        try:
            self.run(self._gateway.start(preload=False))  # weights load on a model's first call
        except BaseException:
            self.close()
            raise

    @property
    def closed(self) -> bool:
        """Whether ``close`` has been called."""
        return self._loop.is_closed()

    def route(
        self, prompt: str | Messages, *, model: str = "auto", worth_usd: float | None = None
    ) -> Decision:
        """Decide for a text or a conversation; no model is called.

        Args:
            prompt: a text, or messages.
            model: ``auto``, or any name that a request may give, such as ``auto:quality=0.95``.
            worth_usd: dollars for one whole unit of score, instead of what else would hold.

        Raises:
            RequestError: no model can take it.
            UnknownModelError: nobody answers to the name.
        """
        body: dict[str, Any] = {"prompt" if isinstance(prompt, str) else "messages": prompt}
        body["model"] = model
        if worth_usd is not None:
            body["routewright"] = {"worth_usd": worth_usd}
        return self.run(self._gateway.relay.decide(route_request(body)))

    def close(self) -> None:
        """End running calls, write what is queued, let go of everything; safe to call twice."""
        if self.closed:
            return
        self.run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the client's loop and wait for it; an interrupt cancels it.

        Raises:
            RuntimeError: the client is closed.
        """
        if self.closed:
            work.close()
            raise RuntimeError("the client is closed")
        future = asyncio.run_coroutine_threadsafe(self._tracked(work), self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def call(self, body: Mapping[str, Any]) -> Record | ChunkStream:
        """Answer a chat-completions body; ``chat.completions.create`` is its usual face."""
        made = self.run(self._answer(body))
        return ChunkStream(self, made) if isinstance(made, RelayedStream) else Record(made)

    async def drop(self, stream: RelayedStream) -> None:
        """Stop an answer and forget it; safe to call twice."""
        self._streams.discard(stream)
        await stream.aclose()

    async def _answer(self, body: Mapping[str, Any]) -> dict[str, Any] | RelayedStream:
        relay = self._gateway.relay
        request = chat_request(body)
        call = await relay.begin(request)
        if not request.stream:
            return await relay.complete(call)
        stream = await relay.stream(call)
        self._streams.add(stream)
        return stream

    async def _tracked(self, work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await task

    async def _end(self) -> None:
        calls = self._running - {asyncio.current_task()}
        for task in calls:
            task.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        for stream in tuple(self._streams):
            await self.drop(stream)
        await self._gateway.aclose()
        await self._loop.shutdown_asyncgens()
        await self._loop.shutdown_default_executor()


class ChunkStream:
    """An answer on its way: iterate for its chunks; ``routewright`` is complete after the last."""

    def __init__(self, client: Client, stream: RelayedStream) -> None:
        self._client = client
        self._stream = stream

    @property
    def routewright(self) -> Record:
        """Model, cost (None until the answer has ended) and decision."""
        return Record(self._stream.outcome)

    def __iter__(self) -> Iterator[Record]:
        """Yield chunks.

        Raises:
            UpstreamError: the stream broke before its end.
        """
        try:
            while (event := self._client.run(self._next())) is not None:
                chunk = event_object(event)
                if chunk is not None:
                    yield Record(chunk)
        finally:
            self.close()

    def close(self) -> None:
        """Stop the answer; safe to call twice."""
        if not self._client.closed:
            self._client.run(self._client.drop(self._stream))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def _next(self) -> bytes | None:
        return await anext(self._stream, None)


class _Completions:
    def __init__(self, client: Client) -> None:
        self._client = client

    @overload
    def create(
        self, *, model: str = ..., messages: Messages, stream: Literal[False] = ..., **more: Any
    ) -> Record: ...

    @overload
    def create(
        self, *, model: str = ..., messages: Messages, stream: Literal[True], **more: Any
    ) -> ChunkStream: ...

    def create(
        self, *, model: str = "auto", messages: Messages, stream: bool = False, **more: Any
    ) -> Record | ChunkStream:
        """Answer a conversation; arguments are the fields of OpenAI's chat-completions body.

        Raises:
            RequestError: a field that cannot be; ``param`` names it.
            UnknownModelError: a model that is not in the pool.
            UpstreamError: every model that was asked failed.
        """
        body = {"model": model, "messages": messages, "stream": stream, **more}
        return self._client.call(body)


class _Chat:
    def __init__(self, client: Client) -> None:
        self.completions = _Completions(client)


def _wrapped(value: Any) -> Any:
    if isinstance(value, Mapping):
        return Record(value)  # pyright: ignore[reportUnknownArgumentType]  # JSON of any shape
    if isinstance(value, list):
        return [_wrapped(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return value
