"""Decide, call, fall back: what the gateway and the in-process client have in common.

Until a byte has reached the client another model can take over (``fallback``). From then on there
is no second try: a stream that breaks is reported as broken.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from routewright.errors import (
    RoutewrightError,
)
from routewright.protocols import Begun, Completion, NativeAnswer, Opened, Stream
from routewright.serve.answers import Entry
from routewright.serve.arrival import Arrival
from routewright.serve.asking import ask_stream, ask_whole, prefix
from routewright.serve.cache import Cache, Recorder, Replay
from routewright.serve.call import TRUNCATED, Call, State
from routewright.serve.content import Contents
from routewright.serve.deciding import Question, decide, decide_together, is_quick, question
from routewright.serve.generation import Generation
from routewright.serve.ledger import Ledger
from routewright.serve.limits import Admission
from routewright.serve.quota import Quota
from routewright.serve.sticky import Trail, trail_of
from routewright.serve.stream import RelayedStream
from routewright.serve.watch import Watch
from routewright.serve.wire import ChatRequest
from routewright.state.api_key import ApiKey
from routewright.types import Decision, Usage

logger = logging.getLogger(__name__)


class Wish(NamedTuple):
    """A checked request that nobody has decided yet."""

    request: ChatRequest
    owner: str
    arrival: Arrival
    started: float
    generation: Generation
    asked: Question
    trail: Trail


class Relay:
    """Takes checked requests to the models that a decider chooses.

    ``generation`` may be replaced at any time: a request ends on the one that it began on.
    """

    def __init__(
        self,
        generation: Generation,
        ledger: Ledger,
        admission: Admission,
        watches: Sequence[Watch] = (),
        cache: Cache | None = None,
        quota: Quota | None = None,
        contents: Contents | None = None,
    ) -> None:
        self.generation = generation
        self.admission = admission
        self.cache = cache
        self._ledger = ledger
        self._watches = watches
        self._quota = quota
        self._contents = contents

    async def decide(self, request: ChatRequest, key: ApiKey | None = None) -> Decision:
        """Choose a model, among those that the key may be answered by; nothing is called.

        Raises:
            AccessError: the model that it names is not among them.
            UnknownModelError: nobody answers to the model's name in the request.
            RequestError: no model can take the request, a rule or a limit keeps it from the
                model that it names, or it allows unknown models.
        """
        trail = trail_of(request.body, owner=_owner(key))
        return await decide(self.generation, request, trail, key)

    async def begin(self, request: ChatRequest, key: ApiKey | None = None) -> Call:
        """Decide; what follows is ``complete`` or ``stream``, which gives the request's slot back.

        Raises:
            OverloadedError: too many requests run.
            RateLimitedError: the key asks too much a minute.
            BudgetError: its budget is spent; otherwise as ``decide``.
        """
        started = time.monotonic()
        await self.admission.enter()
        generation = self.generation
        generation.enter()
        try:
            owner = _owner(key)
            trail = trail_of(request.body, owner=owner)
            decision = await decide(generation, request, trail, key)
            call = Call(request, decision, generation, trail, key_id=owner, started=started)
            call.decided_s = time.monotonic() - started
            if self._quota is not None:
                call.hold = await self._quota.reserve(key, call)
            self._ledger.decided(call)
        except BaseException:
            self._leave(generation)
            raise
        return call

    def wish(self, request: ChatRequest, key: ApiKey | None, arrival: Arrival) -> Wish | None:
        """What ``begin_together`` begins; None for a request that has to wait before it is begun.

        Raises:
            RoutewrightError: as ``begin``.
        """
        if self.cache is not None or (key is not None and key.terms.counted):
            return None
        started, generation, owner = time.monotonic(), self.generation, _owner(key)
        asked = question(generation, request, key)
        if not is_quick(generation, asked):
            return None
        trail = trail_of(request.body, owner=owner)
        return Wish(request, owner, arrival, started, generation, asked, trail)

    def begin_together(self, wishes: Sequence[Wish]) -> list[Call | None]:
        """``begin`` for requests that came together; None, and no trace, of those that cannot be
        begun now or at all, which ``begin`` tells.
        """
        generation = self.generation
        told = decide_together(generation, [(wish.asked, wish.trail) for wish in wishes])
        return [
            None if decision is None else self._begun(wish, decision)
            for wish, decision in zip(wishes, told, strict=True)
        ]

    def _begun(self, wish: Wish, decision: Decision) -> Call | None:
        generation = wish.generation
        if generation is not self.generation or not self.admission.enter_now():
            return None
        generation.enter()
        call = Call(
            wish.request,
            decision,
            generation,
            wish.trail,
            key_id=wish.owner,
            started=wish.started,
            arrival=wish.arrival,
        )
        call.decided_s = time.monotonic() - wish.started
        self._ledger.decided(call)
        return call

    def ask_now(self, call: Call) -> Begun[Any] | None:
        """Send a begun call, where that has nothing to wait for; None is for ``complete``."""
        model = call.generation.decider.pool[call.decision.model]
        try:
            return call.generation.fallbacks.begin(call, prefix(call, model))
        except RoutewrightError:
            return None  # it is told when the call is made again

    def answered(self, call: Call, begun: Begun[Any], done: Completion) -> dict[str, Any]:
        """As ``complete``, of a call that ``ask_now`` has sent and that went well."""
        call.generation.fallbacks.answered(call, begun)
        return self._completed(call, done)

    def opened(self, call: Call, begun: Begun[Any], opened: Opened) -> RelayedStream:
        """As ``stream``, of a call that ``ask_now`` has sent and whose first event is here."""
        call.generation.fallbacks.answered(call, begun)
        return self._streamed(call, b"", opened)

    def left(self, call: Call, begun: Begun[Any]) -> None:
        """The client of a call that ``ask_now`` has sent has left."""
        begun.close()
        call.generation.fallbacks.answered(call, begun, cancelled=True)
        self._ended(call, "failed", None, None)

    async def complete(self, call: Call, begun: Begun[Completion] | None = None) -> dict[str, Any]:
        """The answer in one piece: the upstream's object, with ours under ``routewright``.

        Args:
            call: what ``begin`` gave.
            begun: what ``ask_now`` has sent, where it went otherwise than ``answered`` wants.

        Raises:
            UpstreamError: every model that was asked failed.
            RequestError: the upstream refused the request itself.
        """
        key, entry = await self._looked_up(call)
        if entry is not None:
            call.answer = entry.body
            self._ended(call, "cached", None, 0.0)
            return _told(call, call.answer, 0.0, time.monotonic() - call.started)
        try:
            done = await call.generation.fallbacks.first(
                call, lambda p, m: ask_whole(call, p, m), begun
            )
        except BaseException:
            self._ended(call, "failed", None, None)
            raise
        told = self._completed(call, done)
        if key:
            self._keep(call, key, (msgspec.json.encode(done.body),), done.cost_usd)
        return told

    async def stream(self, call: Call, begun: Begun[Opened] | None = None) -> RelayedStream:
        """The answer as server-sent events; its first event has already arrived.

        ``begun`` is what ``ask_now`` has sent.

        Raises:
            UpstreamError: every model that was asked failed before its first event.
            RequestError: the upstream refused the request itself.
        """
        key, entry = await self._looked_up(call)
        if entry is not None:
            replay = Replay(entry)
            events = aiter(replay)
            opened = self._copied(call, Opened(replay, events, await anext(events)))
            return RelayedStream(call, *opened, record=self._replayed)
        try:
            opened = await call.generation.fallbacks.first(
                call, lambda p, m: ask_stream(call, p, m), begun
            )
        except BaseException:
            self._ended(call, "failed", None, None)
            raise
        return self._streamed(call, key, opened)

    def _streamed(self, call: Call, key: bytes, opened: Opened) -> RelayedStream:
        """A stream that has begun, kept under ``key`` where there is one."""
        opened = self._copied(call, opened)
        call.first_byte_s = time.monotonic() - call.started
        fallbacks = call.generation.fallbacks
        fallbacks.health.began(fallbacks.target(call.model))
        if key and self.cache is not None:
            return self._recorded(call, key, self.cache.largest_bytes, *opened)
        return RelayedStream(call, *opened, record=self._ended)

    def _completed(self, call: Call, done: NativeAnswer) -> dict[str, Any]:
        call.answer = done.body
        self._ended(call, "complete", done.usage, done.cost_usd)
        return _told(call, done.body, done.cost_usd, done.latency_s)

    async def _looked_up(self, call: Call) -> tuple[bytes, Entry | None]:
        """The call's key in the response cache, b"" if it has none, and what stands there."""
        if self.cache is None:
            return b"", None
        try:
            return await self.cache.find(call)
        except BaseException:  # a client that leaves while Redis is asked
            self._ended(call, "failed", None, None)
            raise

    def _copied(self, call: Call, opened: Opened) -> Opened:
        """A stream, its events copied where contents are kept."""
        if self._contents is None:
            return opened
        stream, events, first = opened
        return Opened(stream, self._contents.copied(call, events, first), first)

    def _keep(self, call: Call, key: bytes, frames: tuple[bytes, ...], cost_usd: float) -> None:
        """Keep a whole answer, if the model that was chosen gave it."""
        if self.cache is not None and call.model == call.decision.model:
            self.cache.put(key, Entry(frames, cost_usd, call.native), call.likeness)

    def _recorded(
        self,
        call: Call,
        key: bytes,
        most_bytes: int,
        stream: Stream,
        events: AsyncIterator[bytes],
        first: bytes,
    ) -> RelayedStream:
        """A stream that is kept if it reaches its end."""
        recorder = Recorder(events, first, most_bytes)

        def ended(call: Call, state: State, usage: Usage | None, cost_usd: float | None) -> None:
            self._ended(call, state, usage, cost_usd)
            if state == "complete" and recorder.frames is not None:
                self._keep(call, key, recorder.frames, cost_usd or 0.0)

        return RelayedStream(call, stream, recorder, first, record=ended)

    def _replayed(
        self, call: Call, state: State, usage: Usage | None, cost_usd: float | None
    ) -> None:
        self._ended(call, "cached" if state == "complete" else state, usage, cost_usd)

    def _ended(
        self,
        call: Call,
        state: State,
        usage: Usage | None,
        cost_usd: float | None,
        first_token_s: float | None = None,
    ) -> None:
        """A call that was begun has ended, for whatever reason; only the first time counts."""
        if call.recorded:
            return
        call.end_turn()
        memory = call.generation.memory
        if call.attempts and state != "failed":
            if memory is not None and call.trail is not None:
                memory.remember(call.trail, call.model, usage, call.prefix)
            fallbacks = call.generation.fallbacks
            target = fallbacks.target(call.model)
            if call.attempts[-1].outcome == TRUNCATED:
                fallbacks.health.failed(target)
            elif state == "complete":
                fallbacks.health.succeeded(target)
        self._leave(call.generation)
        if self._quota is not None:
            self._quota.settle(call, state, usage, cost_usd)
        for watch in self._watches:
            watch.ended(call, state, usage, cost_usd)
        self._ledger.ended(call, state, usage, cost_usd, first_token_s)
        if self._contents is not None:
            self._contents.keep(call)

    def _leave(self, generation: Generation) -> None:
        generation.leave()
        self.admission.leave()


def _told(call: Call, body: Mapping[str, Any], cost_usd: float, latency_s: float) -> dict[str, Any]:
    """The upstream's object with ours."""
    expected_score, expected_cost_usd = call.expected()
    ours = {
        "model": call.model,
        "cost_usd": cost_usd,
        "latency_s": latency_s,
        "decision_id": call.decision.id,
        "reason": call.reason,
        "expected_score": expected_score,
        "expected_cost_usd": expected_cost_usd,
    }
    return {**body, "model": call.model, "routewright": ours}


def _owner(key: ApiKey | None) -> str:
    """Whose a request is; "" where no key is asked for."""
    return key.id if key is not None else ""
