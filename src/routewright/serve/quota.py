"""How much a key may ask: requests and tokens a minute, dollars a day, a month and for good.

Nothing here asks the database on the way of a request. What was spent is read from it at the
start and every half minute, so that a lost count, or another host's, is caught up with.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from routewright.config import Secret
from routewright.errors import BudgetError, RateLimitedError, RoutewrightError
from routewright.serve.admission import UNKNOWN_ANSWER_TOKENS, rough_cost_usd
from routewright.serve.call import TRUNCATED, Call, State
from routewright.serve.keyring import Keyring
from routewright.serve.needs import read_needs
from routewright.serve.rates import Rates
from routewright.serve.till import NANO, Till
from routewright.state.api_key import ApiKey
from routewright.types import Usage

logger = logging.getLogger(__name__)

RECOUNT_S = 30.0
_MAYBE_PAID = ("upstream_timeout", TRUNCATED)
Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Hold:
    """What was reserved for one call."""

    key: ApiKey
    nano: int
    spans: dict[str, int]
    tokens: int
    until: float  # monotonic; a minute that is over is not corrected


class Quota:
    """Reserves before a call, settles after it.

    Args:
        keyring: the keys.
        folder: where the count of this host is.
        redis: where rates are counted for all workers; empty for each by itself.
    """

    def __init__(self, keyring: Keyring, folder: Path, redis: Secret) -> None:
        self._keyring = keyring
        self._folder = folder
        self._redis = redis
        self._till: Till | None = None
        self._rates: Rates | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Open the count and bring it up to date; safe to call twice.

        Raises:
            MissingExtraError: Redis is configured and its extra is not installed.
        """
        if self._till is not None:
            return
        self._till = await asyncio.to_thread(Till, self._folder)
        self._rates = Rates(self._redis)
        await self._recount_once()
        self._spawn(self._recount_on())

    async def aclose(self) -> None:
        """Settle what is settled and close; safe to call twice."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._rates is not None:
            await self._rates.aclose()
        if self._till is not None:
            self._till.close()
            self._till = None

    async def admit(self, key: ApiKey) -> Headers:
        """Count a request of the key, and tell in headers what is left.

        Raises:
            RateLimitedError: too many this minute.
        """
        most = key.terms.requests_per_min
        if most is None or self._rates is None:
            return []
        taken, left, reset_s = await self._rates.take(f"{key.id}:requests", most)
        if not taken:
            raise RateLimitedError(
                f"this key may send {most} requests a minute", retry_after_s=reset_s / 2
            )
        return _headers("requests", most, left, reset_s)

    async def reserve(self, key: ApiKey | None, call: Call) -> Hold | None:
        """Reserve the expected tokens and cost of a call.

        Raises:
            RateLimitedError: too many tokens this minute.
            BudgetError: the cost does not fit into a budget.
        """
        if key is None or self._till is None or self._rates is None:
            return None
        terms = key.terms
        if not terms.budgeted and terms.tokens_per_min is None:
            return None
        needs = read_needs(call.request.messages, call.request.body)
        usd = call.expected()[1]
        if usd is None or not math.isfinite(usd):
            usd = rough_cost_usd(call.generation.decider.pool[call.decision.model], needs)
        nano, spans = math.ceil(usd * NANO), _spans(key, datetime.now(UTC))
        tokens = 0
        if terms.tokens_per_min is not None:
            tokens = needs.tokens + (needs.answer_tokens or UNKNOWN_ANSWER_TOKENS)
            # One that alone is more than a minute's may go when the minute is free.
            tokens = min(tokens, terms.tokens_per_min)
            taken, _, reset_s = await self._rates.take(
                f"{key.id}:tokens", terms.tokens_per_min, tokens
            )
            if not taken:
                raise RateLimitedError(
                    f"this key may use {terms.tokens_per_min} tokens a minute, and about {tokens} "
                    "are asked for",
                    retry_after_s=reset_s / 2,
                )
        hold = Hold(key, nano, spans, tokens, time.monotonic() + 60)
        if full := self._till.reserve(key.id, spans, nano) if spans else "":
            self._correct(hold, 0)
            raise _over(full)
        return hold

    def settle(self, call: Call, state: State, usage: Usage | None, cost_usd: float | None) -> None:
        """A call has ended: what it really took is counted in place of what was reserved."""
        hold: Hold | None = call.hold
        if hold is None:
            return
        call.hold = None
        paid = hold.nano if cost_usd is None else math.ceil(cost_usd * NANO)
        if cost_usd is None and state == "failed":
            maybe = any(attempt.outcome in _MAYBE_PAID for attempt in call.attempts)
            paid = hold.nano if maybe else 0
        if self._till is not None and hold.spans and paid != hold.nano:
            self._till.add(hold.key.id, hold.spans, paid - hold.nano)
        if usage is not None:
            self._correct(hold, usage.input_tokens + usage.output_tokens)
        elif state in ("failed", "cached"):
            self._correct(hold, 0)

    def spent_usd(self, key: ApiKey) -> dict[str, float]:
        """What a key has spent, by span: ``2026-11-26``, ``2026-11`` and ``total``."""
        if self._till is None:
            return {}
        now = datetime.now(UTC)
        return {span: self._till.spent(key.id, span) / NANO for span in _spans(key, now)}

    def _correct(self, hold: Hold, tokens: int) -> None:
        most = hold.key.terms.tokens_per_min
        if most is not None and tokens != hold.tokens and time.monotonic() < hold.until:
            assert self._rates is not None  # noqa: S101  # a hold has tokens of it
            name = f"{hold.key.id}:tokens"
            self._spawn(self._rates.correct(name, most, tokens - hold.tokens))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _recount_on(self) -> None:
        while True:
            await asyncio.sleep(RECOUNT_S)
            await self._recount_once()

    async def _recount_once(self) -> None:
        try:
            await asyncio.to_thread(self._recount)
        except RoutewrightError as error:
            logger.warning("what keys have spent cannot be read now: %s", error)
        except Exception:
            logger.exception("what keys have spent cannot be counted")

    def _recount(self) -> None:
        """Raise this host's count to what the database knows. Blocking."""
        if self._till is None:
            return
        now = datetime.now(UTC)
        day = now.replace(hour=0, minute=0, second=0, microsecond=0)
        for key in self._keyring.all:
            if not key.terms.budgeted or key.state(now.timestamp()) != "active":
                continue
            for span in _spans(key, now):
                since = 0.0
                if span != "total":
                    since = (day if len(span) > 7 else day.replace(day=1)).timestamp()
                usd = self._keyring.keys.spent_usd(key.id, since)
                self._till.raise_to(key.id, span, math.ceil(usd * NANO))


def _spans(key: ApiKey, now: datetime) -> dict[str, int]:
    """The spans that are budgeted, each with its most in billionths."""
    terms = key.terms
    limits = (
        (now.strftime("%Y-%m-%d"), terms.day_usd),
        (now.strftime("%Y-%m"), terms.month_usd),
        ("total", terms.total_usd),
    )
    return {span: round(usd * NANO) for span, usd in limits if usd is not None}


def _over(span: str) -> BudgetError:
    now = datetime.now(UTC)
    if span == "total":
        return BudgetError("this key's budget is spent", retry_after_s=None)
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    monthly = len(span) == 7
    ends = (
        (day.replace(day=1) + timedelta(days=32)).replace(day=1)
        if monthly
        else day + timedelta(days=1)
    )
    word = "month" if monthly else "day"
    return BudgetError(
        f"this key's budget of the {word} (UTC) is spent, or too little of it is left",
        retry_after_s=(ends - now).total_seconds(),
    )


def _headers(what: str, most: int, left: int, reset_s: float) -> Headers:
    told = {"limit": str(most), "remaining": str(left), "reset": f"{math.ceil(reset_s)}s"}
    return [(f"x-ratelimit-{n}-{what}".encode(), value.encode()) for n, value in told.items()]
