"""What is known of the upstreams: which asked for time, and which keep failing.

A rate limit belongs to an account, so that the pause it asks for holds for every model that is
called there. A failure belongs to a model at an account: one that is broken takes no neighbour
down, unless their endpoint cannot be reached. Both are kept in memory, by each worker for itself,
and forgotten with it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

COOLING_S = 5.0  # for an upstream that asks for time and does not say how much
MOST_COOLING_S = 60.0  # a longer wish is tried again after this
FAILURES = 5  # in a row open the breaker
PROBE_EVERY_S = 5.0  # one call is let through an open breaker this often
WHOLE_ACCOUNT = ""  # stands for the model where an endpoint cannot be reached at all


class Target(NamedTuple):
    """Who is called: an account (base URL and key, as a fingerprint) and a model there."""

    account: str
    model: str


class Pause(NamedTuple):
    """Why a target is not to be called now, and for how many seconds."""

    why: Literal["cooling", "failing"]
    wait_s: float


@dataclass
class _Breaker:
    """Open from a number of failures in a row on, until a call that it lets through succeeds."""

    failures: int = 0
    probe_at: float = 0.0

    @property
    def open(self) -> bool:
        return self.failures >= FAILURES


class Health:
    """Pauses and breakers by target; every method returns at once.

    Args:
        clock: seconds that never jump, unlike the wall clock's.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._cool_until: dict[str, float] = {}
        self._breakers: dict[Target, _Breaker] = {}

    def pause(self, target: Target) -> Pause | None:
        """Why the target is not to be called now; None if it may be."""
        if not self._cool_until and not self._breakers:  # as nearly always
            return None
        now = self._clock()
        cool_until = self._cool_until.get(target.account, now)
        if cool_until > now:
            return Pause("cooling", cool_until - now)
        probe_at = max((b.probe_at for b in self._open(target)), default=now)
        return Pause("failing", probe_at - now) if probe_at > now else None

    def admit(self, target: Target) -> Pause | None:
        """As ``pause``; None is leave to call, and takes the turn of an open breaker's probe.

        The turn comes again by the clock, so that a probe that never reports costs nothing.
        """
        found = self.pause(target)
        if found is None:
            for breaker in self._open(target):
                breaker.probe_at = self._clock() + PROBE_EVERY_S
        return found

    def cool(self, account: str, retry_after_s: float | None) -> None:
        """The account asked for time. Nothing is said of failures: the upstream is alive."""
        wait_s = COOLING_S if retry_after_s is None else min(retry_after_s, MOST_COOLING_S)
        until = self._clock() + wait_s
        self._cool_until[account] = max(until, self._cool_until.get(account, until))

    def failed(self, target: Target) -> None:
        """A call failed; the last of ``FAILURES`` in a row opens the breaker."""
        breaker = self._breakers.setdefault(target, _Breaker())
        breaker.failures += 1
        if breaker.failures == FAILURES:
            breaker.probe_at = self._clock() + PROBE_EVERY_S

    def began(self, target: Target) -> None:
        """A stream's first event came: an open breaker closes, on trial until an answer is whole.

        Otherwise the failures before it stand: an upstream that breaks off every stream must open
        its breaker although each of them began well.
        """
        for breaker in self._open(target):
            breaker.failures = FAILURES - 1

    def succeeded(self, target: Target) -> None:
        """A call was answered properly, be it by a refusal of the request."""
        self._breakers.pop(target, None)
        self._breakers.pop(Target(target.account, WHOLE_ACCOUNT), None)

    def open(self) -> tuple[Target, ...]:
        """The targets whose breaker is open."""
        return tuple(target for target, breaker in self._breakers.items() if breaker.open)

    def cooling(self) -> dict[str, float]:
        """The accounts that cool, and for how many seconds yet."""
        now = self._clock()
        return {a: until - now for a, until in self._cool_until.items() if until > now}

    def _open(self, target: Target) -> list[_Breaker]:
        """The open breakers between here and the target: the model's, its account's."""
        if not self._breakers:
            return []
        found = (self._breakers.get(t) for t in (target, Target(target.account, WHOLE_ACCOUNT)))
        return [breaker for breaker in found if breaker is not None and breaker.open]
