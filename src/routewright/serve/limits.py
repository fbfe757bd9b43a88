"""What one worker takes on at once, and how many calls it adds to those its clients make."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping

from routewright.errors import OverloadedError

QUEUE_S = 1.0  # a request that waits longer than this for its turn is refused
QUEUE_SHARE = 8  # one request may wait for every so many that run

TURN_S = 2.0  # a call waits this long for its provider; then another model is asked

RETRY_SHARE = 0.1  # second calls on top of the clients' own
RETRY_FLOOR_PER_S = 0.5  # so that a gateway with little traffic can fall back at all
RETRY_BURST = 10.0


class Admission:
    """At most ``most`` requests at once, a short queue behind them, a refusal beyond.

    Args:
        most: that run.
        may_wait: how many may wait behind them; an eighth of ``most`` unless given.
        wait_s: how long each of these may.
    """

    def __init__(self, most: int, *, may_wait: int = 0, wait_s: float = QUEUE_S) -> None:
        self.most = most
        self.running = 0
        self.waiting = 0
        self._may_wait = may_wait or max(most // QUEUE_SHARE, 1)
        self._wait_s = wait_s
        self._queue: deque[asyncio.Future[None]] = deque()

    async def enter(self) -> None:
        """Take a slot; every return is followed by one ``leave``.

        Raises:
            OverloadedError: the queue is full, or the turn did not come in time.
        """
        if self.enter_now():
            return
        if self.waiting >= self._may_wait:
            raise OverloadedError("too many requests at once; try again in a second")
        turn = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        self.waiting += 1
        try:
            async with asyncio.timeout(self._wait_s):
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

    def enter_now(self) -> bool:
        """Take a slot if one is free; likewise followed by one ``leave``."""
        if self.running >= self.most:
            return False
        self.running += 1
        return True

    def leave(self) -> None:
        """Give the slot back, to the one that has waited longest if any does."""
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.running -= 1


class Turns:
    """How many calls each provider is asked at once, where the configuration bounds that.

    As many may wait for a turn as may run. A bound that a reload has changed counts anew, so that
    until the calls before it have ended there may be more.

    Args:
        most: by provider; one that is not named is not bounded.
        before: the turns of the configuration before, which go on where the bound is the same.
    """

    def __init__(self, most: Mapping[str, int], before: Turns | None = None) -> None:
        former = before.gates if before is not None else dict[str, Admission]()
        self.gates: dict[str, Admission] = {
            provider: former[provider]
            if provider in former and former[provider].most == bound
            else Admission(bound, may_wait=bound, wait_s=TURN_S)
            for provider, bound in most.items()
        }

    async def enter(self, provider: str) -> Callable[[], None] | None:
        """Take a turn; what is returned gives it back, and is None where nothing is bounded.

        Raises:
            OverloadedError: as many as may already wait, or the turn did not come in time.
        """
        gate = self.gates.get(provider)
        if gate is None:
            return None
        await gate.enter()
        return gate.leave


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
