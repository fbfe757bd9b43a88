"""What one worker takes on at once, and how many calls it adds to those its clients make."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from routewright.errors import OverloadedError

QUEUE_S = 1.0  # a request that waits longer than this for its turn is refused
QUEUE_SHARE = 8  # one request may wait for every so many that run

RETRY_SHARE = 0.1  # second calls on top of the clients' own
RETRY_FLOOR_PER_S = 0.5  # so that a gateway with little traffic can fall back at all
RETRY_BURST = 10.0


class Admission:
    """At most ``most`` requests at once, a short queue behind them, a refusal beyond."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.running = 0
        self.waiting = 0
        self._queue: deque[asyncio.Future[None]] = deque()

    async def enter(self) -> None:
        """Take a slot; every return is followed by one ``leave``.

        Raises:
            OverloadedError: the queue is full, or the turn did not come in ``QUEUE_S``.
        """
        if self.running < self.most:
            self.running += 1
            return
        if self.waiting >= max(self.most // QUEUE_SHARE, 1):
            raise OverloadedError("too many requests at once; try again in a second")
        turn = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        self.waiting += 1
        try:
            async with asyncio.timeout(QUEUE_S):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self.leave()  # the slot came in the same moment: somebody else has it
            if isinstance(error, TimeoutError):
                told = "too many requests at once; try again in a second"
                raise OverloadedError(told) from None
            raise
        finally:
            self.waiting -= 1

    def leave(self) -> None:
        """Give the slot back, to the one that has waited longest if any does."""
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.running -= 1


class RetryBudget:
    """Lets second calls be a share of the first ones, so that a failing upstream is not flooded.

    Args:
        clock: seconds that never jump.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tokens = RETRY_BURST
        self._filled_at = clock()

    def earn(self) -> None:
        """A client's request came."""
        self._add(RETRY_SHARE)

    def spend(self) -> bool:
        """Whether a second call may be made now; if so, it is paid for."""
        now = self._clock()
        self._add((now - self._filled_at) * RETRY_FLOOR_PER_S)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def left(self) -> float:
        """How many second calls may be made now."""
        idle_s = self._clock() - self._filled_at
        return min(self._tokens + idle_s * RETRY_FLOOR_PER_S, RETRY_BURST)

    def _add(self, tokens: float) -> None:
        self._tokens = min(self._tokens + tokens, RETRY_BURST)
