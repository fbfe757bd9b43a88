"""Open LLMs on this machine: one llama.cpp process per model, charged by its CPU seconds."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec

from routewright import catalog
from routewright.errors import UpstreamError, require
from routewright.providers.completion import ChatCompletion
from routewright.providers.openai import OpenAIProvider
from routewright.providers.stream import HttpStream
from routewright.providers.weights import find_weights
from routewright.types import JsonObject, Model, Usage

CONTEXT_TOKENS = 4096  # more would only cost memory for prompts of this size of model
START_TIMEOUT_S = 120.0


class LocalProvider:
    """Starts a model's process on its first call and keeps it warm.

    Calls to one model take turns: with one answer at a time, the CPU seconds that its process
    spent in between are that answer's, which makes the cost a measurement.
    """

    def __init__(
        self, name: str = "local", *, weights_file: Callable[[str], Path | None] = lambda _: None
    ) -> None:
        self.name = name
        self._weights_file = weights_file
        self._servers: dict[str, _Server] = {}

    async def start(self) -> None:
        """Check that the engine is installed; weights load on a model's first call.

        Raises:
            MissingExtraError: the extra ``local`` is not installed.
        """
        require("xllamacpp", "local")
        require("psutil", "local")

    async def load(self, model: Model) -> None:
        """Start a model's process now rather than on its first call."""
        server = self._server(model)
        async with server.turn:
            await server.start()

    async def complete(
        self, model: Model, body: JsonObject, *, cache_prefix: int = 0, idempotency_key: str = ""
    ) -> ChatCompletion:
        """Answer in one piece; see ``protocols.Provider``."""
        server = self._server(model)
        async with server.turn:
            endpoint = await server.start()
            before = server.cpu_s()
            done = await endpoint.complete(
                model, body, cache_prefix=cache_prefix, idempotency_key=idempotency_key
            )
            usage = msgspec.structs.replace(done.usage, cpu_s=server.cpu_s() - before)
        return msgspec.structs.replace(done, usage=usage, cost_usd=catalog.cost_usd(model, usage))

    async def stream(
        self, model: Model, body: JsonObject, *, cache_prefix: int = 0, idempotency_key: str = ""
    ) -> LocalStream:
        """Answer as server-sent events; the model's turn ends with the stream."""
        server = self._server(model)
        await server.turn.acquire()
        try:
            endpoint = await server.start()
            before = server.cpu_s()
            inner = await endpoint.stream(
                model, body, cache_prefix=cache_prefix, idempotency_key=idempotency_key
            )
        except BaseException:
            server.turn.release()
            raise
        return LocalStream(inner, server, before, model)

    async def aclose(self) -> None:
        """End every process; safe to call twice."""
        servers, self._servers = self._servers, {}
        await asyncio.gather(*(server.stop() for server in servers.values()))

    def _server(self, model: Model) -> _Server:
        if model.name not in self._servers:
            self._servers[model.name] = _Server(model, self._weights_file(model.name))
        return self._servers[model.name]


class LocalStream:
    """An answer on its way from a local model; its turn is held until it is closed."""

    def __init__(self, inner: HttpStream, server: _Server, cpu_before: float, model: Model) -> None:
        self.usage: Usage | None = None
        self.cost_usd: float | None = None
        self.started = inner.started
        self._inner = inner
        self._server = server
        self._cpu_before = cpu_before
        self._model = model
        self._open = True

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the engine's events; the cost is known once they have passed."""
        try:
            async for event in self._inner:
                self._measure()
                yield event
        finally:
            await self.aclose()

    def _measure(self) -> None:
        spent = self._server.cpu_s() - self._cpu_before
        self.usage = msgspec.structs.replace(self._inner.usage or Usage(), cpu_s=spent)
        self.cost_usd = catalog.cost_usd(self._model, self.usage)

    async def aclose(self) -> None:
        """Stop the engine and give the turn back; safe to call twice."""
        await self._inner.aclose()
        if self._open:
            self._open = False
            self._server.turn.release()


class _Server:
    """The process of one model."""

    def __init__(self, model: Model, weights_file: Path | None) -> None:
        self.model = model
        self.turn = asyncio.Lock()
        self._weights_file = weights_file
        self._process: asyncio.subprocess.Process | None = None
        self._endpoint: OpenAIProvider | None = None
        self._meter: Any = None

    async def start(self) -> OpenAIProvider:
        """The running endpoint; started anew if its process has ended."""
        if self._process is not None and self._process.returncode is None and self._endpoint:
            return self._endpoint
        await self.stop()
        weights = await asyncio.to_thread(find_weights, self.model, self._weights_file)
        context = min(self.model.context_window or CONTEXT_TOKENS, CONTEXT_TOKENS)
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "routewright.providers.llama_server",
            str(weights),
            self.model.name,
            str(context),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={**os.environ, "OMP_WAIT_POLICY": "passive"},
        )
        address = await self._address(self._process)
        self._endpoint = OpenAIProvider(self.model.name, base_url=f"{address}/v1")
        psutil = require("psutil", "local")
        self._meter = psutil.Process(self._process.pid)
        return self._endpoint

    async def _address(self, process: asyncio.subprocess.Process) -> str:
        if process.stdout is None:
            raise UpstreamError(f"{self.model.name}: its process has no output to read")
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                while line := await process.stdout.readline():
                    if line.startswith(b"{"):
                        return str(msgspec.json.decode(line)["address"])
        except TimeoutError as error:
            await self.stop()
            raise UpstreamError(
                f"{self.model.name}: not loaded after {START_TIMEOUT_S:g} s"
            ) from error
        await self.stop()
        raise UpstreamError(
            f"{self.model.name}: llama.cpp could not load its weights; check free memory"
        )

    def cpu_s(self) -> float:
        """CPU seconds, user and system, that the process has used so far."""
        try:
            times = self._meter.cpu_times()
        except Exception as error:  # psutil's NoSuchProcess: the process died under the answer
            raise UpstreamError(f"{self.model.name}: its process ended") from error
        return float(times.user + times.system)

    async def stop(self) -> None:
        """End the process by closing its input, by force if it does not listen."""
        endpoint, self._endpoint = self._endpoint, None
        process, self._process = self._process, None
        if endpoint is not None:
            await endpoint.aclose()
        if process is None or process.returncode is not None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(5):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
