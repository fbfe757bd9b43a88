"""Who is asked, in which order, and when nobody is: the one owner of second calls.

A candidate that cools or keeps failing is passed over, which costs nothing. One that fails before
anything reached the client is followed by the decision's next best, within the retry budget and
the request's total time. What the request itself is refused for is passed on.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeVar

import msgspec

from routewright.errors import (
    ContextError,
    CoolingError,
    OverloadedError,
    RequestError,
    RoutewrightError,
    UnavailableError,
    UpstreamAccountError,
    UpstreamError,
    UpstreamLimitError,
    UpstreamTimeoutError,
    WeightsError,
)
from routewright.protocols import BeginningProvider, Begun, Provider
from routewright.providers.taken import SENDS
from routewright.serve.call import Attempt, Call
from routewright.serve.health import WHOLE_ACCOUNT, Health, Pause, Target
from routewright.serve.limits import RetryBudget, Turns
from routewright.types import Model

logger = logging.getLogger(__name__)

MOST_FALLBACKS = 2
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Sent(Protocol[T_co]):
    """A call of the chosen model that was sent already."""

    @property
    def started(self) -> float:
        """``time.monotonic()`` when it was."""
        ...

    async def complete(self) -> T_co:
        """What it gives; raises as any other call."""
        ...


class Fallbacks:
    """Asks a decision's candidates until one answers.

    Args:
        pool: the models by name.
        providers: by name.
        accounts: whose limits each provider's calls count against, by provider.
        health: of the upstreams, shared by every request of this process.
        budget: of second calls, shared likewise.
        turns: at providers that are asked only so much at once.
        total_s: from a request's arrival to the first byte of its answer at most.
    """

    def __init__(
        self,
        pool: Mapping[str, Model],
        providers: Mapping[str, Provider],
        accounts: Mapping[str, str],
        health: Health,
        budget: RetryBudget,
        *,
        turns: Turns,
        total_s: float,
    ) -> None:
        self.health = health
        self.turns = turns
        self.total_s = total_s
        self._pool = pool
        self._providers = providers
        self._targets = {
            name: Target(accounts.get(model.provider, model.provider), name)
            for name, model in pool.items()
        }
        self._budget = budget
        # Told once: what a protocol is an instance of takes longer to tell than the rest.
        self._begin = {
            name: (provider.begin, provider.begin_stream)
            for name, model in pool.items()
            if isinstance(provider := providers.get(model.provider), BeginningProvider)
            and model.provider not in turns.gates
        }

    def target(self, name: str) -> Target:
        """What the health of a model of the pool is kept under."""
        return self._targets[name]

    def begin(self, call: Call, cache_prefix: int) -> Begun[Any] | None:
        """Send the request to the chosen model, where nothing has to be waited for before that.

        What is sent is for ``answered`` or ``first`` to end.
        """
        name = call.decision.model
        ways, target = self._begin.get(name), self._targets[name]
        if ways is None or self.health.pause(target) is not None:
            return None
        begin = ways[call.request.stream]
        begun = begin(self._pool[name], call.request.body, cache_prefix=cache_prefix)
        if begun is not None:
            self._budget.earn()
            self.health.admit(target)
        return begun

    def answered(self, call: Call, begun: Begun[Any], *, cancelled: bool = False) -> None:
        """What ``begin`` has sent was answered, or was ended here because the client left."""
        outcome = "cancelled" if cancelled else "ok"
        took_s = time.monotonic() - begun.started
        call.attempts.append(Attempt(call.decision.model, outcome, took_s))

    async def first(
        self,
        call: Call,
        ask: Callable[[Provider, Model], Awaitable[T]],
        begun: Sent[T] | None = None,
    ) -> T:
        """What the first candidate that does not fail gives.

        ``begun`` is the call of the chosen one, where it was sent already.

        Raises:
            CoolingError: every candidate cools.
            UnavailableError: none may be asked now.
            UpstreamError: those that were asked failed; the last error is told.
            RequestError: an upstream refused the request itself.
        """
        if begun is None:
            self._budget.earn()
        try:
            async with asyncio.timeout(call.remaining_s):
                return await self._first(call, ask, begun)
        except TimeoutError as error:
            late = f"{call.model}: no answer in {self.total_s:g} s, all fallbacks included"
            if call.attempts and call.attempts[-1].outcome == "cancelled":
                last = msgspec.structs.replace(call.attempts[-1], outcome=UpstreamTimeoutError.code)
                call.attempts[-1] = last
                self.health.failed(self.target(last.model))
            raise UpstreamTimeoutError(late) from error

    async def _first(
        self, call: Call, ask: Callable[[Provider, Model], Awaitable[T]], begun: Sent[T] | None
    ) -> T:
        names = [call.decision.model, *call.decision.fallbacks]
        failure: RoutewrightError | None = None
        while names and len(call.attempts) <= MOST_FALLBACKS:
            name = names.pop(0)
            sent, begun = begun, None
            if sent is None:
                if why := await self._kept_from(call, name):
                    call.skipped[name] = why
                    continue
                if failure is not None and not (_is_free(failure) or self._budget.spend()):
                    logger.warning("decision %s: the retry budget is spent", call.decision.id)
                    call.end_turn()
                    break
                if pause := self.health.admit(self.target(name)):  # it may have had to wait
                    call.skipped[name] = pause.why
                    call.end_turn()
                    continue
            try:
                return await self._ask(call, name, ask, sent)
            except ContextError as error:
                failure = error
                names = [n for n in names if _is_larger(self._pool[n], self._pool[name])]
            except UpstreamAccountError as error:
                failure = error
                names = self._elsewhere(names, name)
            except (UpstreamError, WeightsError) as error:
                failure = error
                if isinstance(error, UpstreamError) and not error.reached:
                    names = self._elsewhere(names, name)
            logger.warning("decision %s: %s", call.decision.id, failure.unquoted)
        raise self._refusal(call, failure)

    async def _kept_from(self, call: Call, name: str) -> str:
        """Why a model is not to be asked now; "" gives the call its turn there."""
        pause = self.health.pause(self.target(name))
        if pause is not None:
            return pause.why
        try:
            call.turn = await self.turns.enter(self._pool[name].provider)
        except OverloadedError:
            return "full"
        return ""

    def _elsewhere(self, names: list[str], name: str) -> list[str]:
        """Those of ``names`` that are called with another account than ``name``."""
        account = self.target(name).account
        return [n for n in names if self.target(n).account != account]

    async def _ask(
        self,
        call: Call,
        name: str,
        ask: Callable[[Provider, Model], Awaitable[T]],
        begun: Sent[T] | None,
    ) -> T:
        model = self._pool[name]
        target = self.target(name)
        started = begun.started if begun is not None else time.monotonic()
        sent_again = SENDS.get()
        outcome = "cancelled"
        try:
            if begun is not None:
                got = await begun.complete()
            else:
                got = await ask(self._providers[model.provider], model)
            outcome = "ok"
        except RoutewrightError as error:
            outcome = error.code
            self._note(target, error)
            raise
        except Exception:
            outcome = "internal_error"
            raise
        finally:
            if outcome != "ok":  # else it is held until the answer has ended
                call.end_turn()
            sent = 1 + SENDS.get() - sent_again
            call.attempts.append(Attempt(name, outcome, time.monotonic() - started, sent))
        return got

    def _note(self, target: Target, error: RoutewrightError) -> None:
        if isinstance(error, UpstreamLimitError):
            self.health.cool(target.account, error.retry_after_s)
        elif isinstance(error, (UpstreamError, WeightsError)):
            self.health.failed(target)
            if isinstance(error, UpstreamError) and not error.reached:
                self.health.failed(Target(target.account, WHOLE_ACCOUNT))
        elif isinstance(error, RequestError):
            self.health.succeeded(target)

    def _refusal(self, call: Call, failure: RoutewrightError | None) -> RoutewrightError:
        """The error to tell: the last one, unless waiting is what would help."""
        names = (call.decision.model, *call.decision.fallbacks)
        pauses = [self.health.pause(self.target(name)) for name in names]
        paused: list[Pause] = [pause for pause in pauses if pause is not None]
        if failure is not None and not (
            isinstance(failure, UpstreamLimitError) and len(paused) == len(names)
        ):
            return failure
        wait_s = min((pause.wait_s for pause in paused), default=1.0)
        if paused and all(pause.why == "cooling" for pause in paused):
            told = "every candidate was asked to slow down; wait as Retry-After says"
            return CoolingError(told, retry_after_s=wait_s)
        if not paused and "full" in call.skipped.values():
            told = "every candidate is asked as much at once as it may be; wait as Retry-After says"
            return UnavailableError(told, retry_after_s=1.0)
        told = "every candidate keeps failing or cools; wait as Retry-After says"
        return UnavailableError(told, retry_after_s=wait_s)


def _is_free(failure: RoutewrightError) -> bool:
    """Whether a call after this failure floods nobody: its account is left alone from now on, or
    the prompt was at fault.
    """
    return isinstance(failure, (UpstreamLimitError, ContextError))


def _is_larger(other: Model, model: Model) -> bool:
    """Whether a prompt that is too long for the one may fit the other; unknown windows may."""
    if other.context_window is None or model.context_window is None:
        return True
    return other.context_window > model.context_window
