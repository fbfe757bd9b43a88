"""How many calls one account takes at a time: found by trying, never assumed."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

START = 4.0
BASE_WAIT_S = 0.5
MAX_WAIT_S = 60.0
BREAK_AFTER = 10


@dataclass
class Pace:
    """Calls in flight for one account: additive increase, multiplicative decrease.

    The limit doubles every round trip until the account first says no, as TCP's slow start does,
    then grows by one a round trip; it halves when the account asks to slow down. Everything that
    was sent before a halving belongs to the same window, and halves nothing again. An account
    that fails ``BREAK_AFTER`` times on end is left alone for a while and then tried with one call.

    Times are of a monotonic clock, in seconds.
    """

    ceiling: int
    draw: random.Random = field(default_factory=random.Random)
    limit: float = 0.0
    in_flight: int = 0
    window: int = 0
    resume_at: float = 0.0
    waits: int = 0  # asked for since a call was last accepted
    misses: int = 0  # failures since a call was last accepted
    accepted_at: float | None = None
    halved: int = 0
    _steady: bool = False
    _peak: int = 0  # calls in flight at most since the limit last fell

    def __post_init__(self) -> None:
        self.limit = min(START, self.ceiling)

    def room(self, now: float) -> bool:
        """Whether one more call may go out."""
        return self.in_flight < int(self.limit) and now >= self.resume_at

    def enter(self, now: float) -> int:
        """A call goes out; give what this returns to ``slow_down`` if it is sent back."""
        if self.accepted_at is None:
            self.accepted_at = now  # nothing can have been accepted before
        self.in_flight += 1
        self._peak = max(self._peak, self.in_flight)
        return self.window

    def leave(self) -> None:
        """A call has ended, however it did."""
        self.in_flight -= 1

    def accepted(self, now: float) -> None:
        """A call was taken; a limit that is not made use of does not grow."""
        self.accepted_at, self.waits, self.misses = now, 0, 0
        if self.limit < 2 * self._peak:
            self.limit = min(
                self.limit + (1 / self.limit if self._steady else 1.0), float(self.ceiling)
            )

    def slow_down(self, window: int, asked_s: float | None, now: float) -> None:
        """A call was sent back with 429; ``asked_s`` is what its Retry-After said."""
        first = window == self.window
        if first:
            self.window += 1
            self.halved += 1
            self._steady = True
            self.limit = max(self.limit / 2, 1.0)
            self._peak = 0
        if asked_s is not None:
            self._pause(asked_s, now)
        elif first:
            self._pause(jittered(self.waits, self.draw), now)
        if first:
            self.waits += 1

    def missed(self, now: float) -> None:
        """A call for a cell that had not failed before did; many in a row: the account is down."""
        self.misses += 1
        if self.misses >= BREAK_AFTER and now >= self.resume_at:
            self.window += 1
            self._steady = True
            self.limit = 1.0
            self._peak = 0
            self._pause(jittered(self.waits, self.draw), now)
            self.waits += 1

    def silent_s(self, now: float) -> float:
        """How long nothing has been accepted; 0 before the first call."""
        return 0.0 if self.accepted_at is None else now - self.accepted_at

    def _pause(self, seconds: float, now: float) -> None:
        self.resume_at = max(self.resume_at, now + min(seconds, MAX_WAIT_S))


def jittered(attempt: int, draw: random.Random) -> float:
    """Seconds to wait before a next attempt, from 0: exponential backoff with full jitter."""
    return draw.uniform(0.0, min(BASE_WAIT_S * 2.0 ** min(attempt, 16), MAX_WAIT_S))
