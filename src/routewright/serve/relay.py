"""Decide, call, fall back: what the gateway and the in-process client have in common.

A model that fails before anything reached the client is followed by the decision's next best, at
most twice. Once a byte is out there is no second try: a stream that breaks is reported as broken.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, TypeVar

from routewright.analysis.llm import LlmAnalyser
from routewright.errors import (
    RequestError,
    RoutewrightError,
    UpstreamError,
    WeightsError,
)
from routewright.protocols import Provider, Stream
from routewright.serve.call import Attempt, Call
from routewright.serve.decider import Decider
from routewright.serve.ledger import Ledger
from routewright.serve.needs import read_needs
from routewright.serve.stream import RelayedStream
from routewright.serve.wire import ChatRequest
from routewright.types import Decision, Model

logger = logging.getLogger(__name__)

MOST_FALLBACKS = 2
DECIDE_TIMEOUT_S = 2.0  # a router that is later than this counts as failed
T = TypeVar("T")


class Relay:
    """Takes checked requests to the models that a decider chooses."""

    def __init__(
        self,
        decider: Decider,
        providers: Mapping[str, Provider],
        ledger: Ledger,
        analyser: LlmAnalyser | None = None,
    ) -> None:
        self.decider = decider
        self._analyser = analyser
        self._providers = providers
        self._ledger = ledger

    async def decide(self, request: ChatRequest) -> Decision:
        """Choose a model; nothing is called.

        Raises:
            UnknownModelError: nobody answers to the model's name in the request.
            RequestError: no model can take the request, a rule or a limit keeps it from the
                model that it names, or it allows unknown models.
        """
        decider, prompt = self.decider, request.prompt
        asked = decider.names.read(request.model)
        options = decider.names.resolved(request.options)
        for name in options.models or ():
            if name not in decider.pool:
                raise RequestError(
                    f"routewright.models: {name!r} is not in the pool ({', '.join(decider.pool)})",
                    param="routewright.models",
                )
        policy = options.over(asked.policy)
        needs = read_needs(request.messages, request.body)
        if asked.model:
            return decider.named(asked.model, prompt, policy=policy, needs=needs)
        analysis = await self._analyser.analyse(prompt) if self._analyser else None
        try:
            async with asyncio.timeout(DECIDE_TIMEOUT_S):
                return await asyncio.to_thread(
                    decider.decide, prompt, policy=policy, needs=needs, analysis=analysis
                )
        except TimeoutError:
            why = f"the router took over {DECIDE_TIMEOUT_S:g} s"
            logger.warning("%s; the default model answers", why)
            return decider.default(
                prompt, why, policy=policy, needs=needs, analysis=analysis, degraded=why
            )

    async def begin(self, request: ChatRequest) -> Call:
        """Decide; what follows is ``complete`` or ``stream``. Raises as ``decide`` does."""
        call = Call(request, await self.decide(request))
        self._ledger.decided(call)
        return call

    async def complete(self, call: Call) -> dict[str, Any]:
        """The answer in one piece: the upstream's object, with ours under ``routewright``.

        Raises:
            UpstreamError: every model that was asked failed.
            RequestError: the upstream refused the request itself.
        """
        try:
            done = await self._first(call, lambda p, m: p.complete(m, call.request.body))
        except BaseException:
            self._ledger.ended(call, "failed", None, None)
            raise
        self._ledger.ended(call, "complete", done.usage, done.cost_usd)
        expected_score, expected_cost_usd = call.expected()
        ours = {
            "model": call.model,
            "cost_usd": done.cost_usd,
            "latency_s": done.latency_s,
            "decision_id": call.decision.id,
            "reason": call.reason,
            "expected_score": expected_score,
            "expected_cost_usd": expected_cost_usd,
        }
        return {**done.body, "model": call.model, "routewright": ours}

    async def stream(self, call: Call) -> RelayedStream:
        """The answer as server-sent events; its first event has already arrived.

        Raises:
            UpstreamError: every model that was asked failed before its first event.
            RequestError: the upstream refused the request itself.
        """
        try:
            opened = await self._first(call, lambda p, m: _open(p, m, call.request.body))
        except BaseException:
            self._ledger.ended(call, "failed", None, None)
            raise
        return RelayedStream(call, *opened, record=self._ledger.ended)

    async def _first(self, call: Call, ask: Callable[[Provider, Model], Awaitable[T]]) -> T:
        """What the first model that does not fail gives."""
        names = (call.decision.model, *call.decision.fallbacks[:MOST_FALLBACKS])
        for name in names[:-1]:
            try:
                return await self._ask(call, name, ask)
            except (UpstreamError, WeightsError) as error:
                logger.warning("decision %s: %s; asking the next", call.decision.id, error)
        return await self._ask(call, names[-1], ask)

    async def _ask(
        self, call: Call, name: str, ask: Callable[[Provider, Model], Awaitable[T]]
    ) -> T:
        model = self.decider.pool[name]
        started = time.monotonic()
        outcome = "cancelled"
        try:
            got = await ask(self._providers[model.provider], model)
            outcome = "ok"
        except RoutewrightError as error:
            outcome = error.code
            raise
        except Exception:
            outcome = "internal_error"
            raise
        finally:
            call.attempts.append(Attempt(name, outcome, time.monotonic() - started))
        return got


async def _open(
    provider: Provider, model: Model, body: Mapping[str, Any]
) -> tuple[Stream, AsyncIterator[bytes], bytes]:
    """A stream with its first event: until that has come, another model can take over."""
    stream = await provider.stream(model, body)
    try:
        events = aiter(stream)
        return stream, events, await anext(events)
    except StopAsyncIteration as error:
        await stream.aclose()
        raise UpstreamError(f"{model.name}: the stream was empty") from error
    except BaseException:
        await stream.aclose()
        raise
