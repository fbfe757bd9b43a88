"""Requests and tokens a minute, counted in this process or in Redis."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from routewright.config import Secret
from routewright.errors import require

if TYPE_CHECKING:
    from limits import RateLimitItem
    from limits.aio.strategies import SlidingWindowCounterRateLimiter

logger = logging.getLogger(__name__)

PATIENCE_S = 0.25  # for Redis; a request is not to wait longer for a count
AWAY_S = 5.0  # how long a Redis that failed is left alone
_ANY = 2**53  # a limit that no correction passes


class Rates:
    """Sliding minutes by name. While Redis is away each worker counts for itself.

    Raises:
        MissingExtraError: a URL is given and the extra ``redis`` is not installed.
    """

    def __init__(self, redis: Secret) -> None:
        from limits.aio.storage import MemoryStorage
        from limits.aio.strategies import SlidingWindowCounterRateLimiter

        self._local = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._shared: SlidingWindowCounterRateLimiter | None = None
        self._pool: Any = None
        self._away_until = 0.0
        if redis:
            pool = require("redis.asyncio", "redis").BlockingConnectionPool.from_url(
                redis.reveal(),
                timeout=PATIENCE_S,
                socket_timeout=PATIENCE_S,
                socket_connect_timeout=PATIENCE_S,
            )
            self._pool = pool
            from limits.aio.storage import RedisStorage

            self._shared = SlidingWindowCounterRateLimiter(
                RedisStorage(
                    f"async+{redis.reveal()}",
                    implementation="redispy",
                    key_prefix="routewright",
                    connection_pool=pool,
                )
            )

    async def take(self, name: str, most: int, amount: int = 1) -> tuple[bool, int, float]:
        """Count an amount if there is room for it.

        Returns:
            Whether there was, what is left, and in how many seconds all is free again.
        """
        item = _minute(most)
        limiter = self._limiter()
        try:
            return await _take(limiter, item, name, amount)
        except Exception as error:
            if limiter is self._local:
                raise
            self._lost(error)
        return await _take(self._local, item, name, amount)

    async def aclose(self) -> None:
        """Let go of connections."""
        if self._pool is not None:
            await self._pool.aclose()

    async def correct(self, name: str, most: int, amount: int) -> None:
        """Count an amount more, or less, without asking whether there is room."""
        item = _minute(most)
        limiter = self._limiter()
        try:
            await limiter.storage.acquire_sliding_window_entry(  # pyright: ignore
                item.key_for(name), _ANY, item.get_expiry(), amount
            )
        except Exception as error:
            if limiter is self._local:
                raise
            self._lost(error)

    def _limiter(self) -> SlidingWindowCounterRateLimiter:
        if self._shared is None or time.monotonic() < self._away_until:
            return self._local
        return self._shared

    def _lost(self, error: Exception) -> None:
        self._away_until = time.monotonic() + AWAY_S
        logger.warning("Redis cannot count (%s); this worker does", type(error).__name__)


async def _take(
    limiter: SlidingWindowCounterRateLimiter, item: RateLimitItem, name: str, amount: int
) -> tuple[bool, int, float]:
    taken = await limiter.hit(item, name, cost=amount)
    stats = await limiter.get_window_stats(item, name)
    return taken, max(stats.remaining, 0), max(stats.reset_time - time.time(), 0.0)


def _minute(most: int) -> RateLimitItem:
    from limits import RateLimitItemPerMinute

    return RateLimitItemPerMinute(most)
