"""Where cached answers are kept: in this process's memory, or in Redis for all processes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from routewright.config import Secret
from routewright.errors import require

logger = logging.getLogger(__name__)

LARGEST_SHARE = 8  # an answer larger than this part of the whole would push out too many others
PATIENCE_S = 0.25  # for Redis: a request is not to wait longer for an answer that may not be there
AWAY_S = 5.0  # how long a Redis that failed is left alone
MOST_WRITES = 64  # on their way to Redis at once; what comes on top is not kept
_OVERHEAD_BYTES = 512  # of an entry in memory, beside its answer
_PREFIX = b"routewright:answer:1:"  # the number is of the layout of what is kept there


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """A whole answer: its JSON object, or the events of a stream with the terminal one."""

    frames: tuple[bytes, ...]
    cost_usd: float
    native: bool = False  # in the words of the request's own dialect

    @property
    def size_bytes(self) -> int:
        """Memory that it takes, nearly."""
        return _OVERHEAD_BYTES + sum(len(frame) + 40 for frame in self.frames)

    @property
    def body(self) -> dict[str, Any]:
        """The object of an answer that was not streamed."""
        return msgspec.json.decode(self.frames[0], type=dict[str, Any])


class Answers(Protocol):
    """Keeps answers by key; nothing that goes wrong in it may reach a request."""

    size_bytes: int  # that they take in this process
    failures: int  # answers that could be neither read nor written

    async def get(self, key: bytes) -> Entry | None:
        """The answer, if it is there and young enough."""
        ...

    def put(self, key: bytes, entry: Entry) -> None:
        """Keep an answer; returns at once."""
        ...

    async def aclose(self) -> None:
        """Write what is on its way and let go; safe to call twice."""
        ...


class MemoryAnswers:
    """The least recently used answers go when the bytes are spent; a restart empties it.

    Args:
        most_bytes: of all answers.
        ttl_s: how long one is given again.
        clock: seconds that never jump.
    """

    def __init__(
        self, most_bytes: int, ttl_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.size_bytes = 0
        self.failures = 0
        self._most_bytes = most_bytes
        self._ttl_s = ttl_s
        self._clock = clock
        self._entries: OrderedDict[bytes, tuple[float, Entry]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    async def get(self, key: bytes) -> Entry | None:
        """The answer, if it is there and young enough."""
        found = self._entries.get(key)
        if found is None:
            return None
        if found[0] <= self._clock():
            self._remove(key)
            return None
        self._entries.move_to_end(key)
        return found[1]

    def put(self, key: bytes, entry: Entry) -> None:
        """Keep an answer, and let others go for it."""
        if key in self._entries:
            self._remove(key)
        self._entries[key] = (self._clock() + self._ttl_s, entry)
        self.size_bytes += entry.size_bytes
        while self.size_bytes > self._most_bytes:
            self._remove(next(iter(self._entries)))

    async def aclose(self) -> None:
        """Nothing has to be let go of."""

    def _remove(self, key: bytes) -> None:
        self.size_bytes -= self._entries.pop(key)[1].size_bytes


class RedisAnswers:
    """Answers that all workers and hosts with this Redis share; it drops them when they are old.

    How much they take is for Redis to bound (``maxmemory``). One that fails or is slow is left
    alone for a while: requests miss, and the model is asked.

    Args:
        url: of Redis.
        ttl_s: how long an answer is given again.

    Raises:
        MissingExtraError: the extra ``redis`` is not installed.
    """

    def __init__(self, url: Secret, ttl_s: float) -> None:
        redis = require("redis.asyncio", "redis")
        pool = redis.BlockingConnectionPool.from_url(
            url.reveal(),
            timeout=PATIENCE_S,
            socket_timeout=PATIENCE_S,
            socket_connect_timeout=PATIENCE_S,
        )
        self.size_bytes = 0
        self.failures = 0
        self._redis: Any = redis.Redis(connection_pool=pool)
        self._pool: Any = pool
        self._ttl_ms = max(int(ttl_s * 1000), 1)
        self._away_until = 0.0
        self._writes: set[asyncio.Task[None]] = set()

    async def get(self, key: bytes) -> Entry | None:
        """The answer, if it is there; None as well where Redis cannot tell."""
        if self._is_away():
            return None
        try:
            async with asyncio.timeout(PATIENCE_S):
                kept = await self._redis.get(_PREFIX + key.hex().encode())
            return None if kept is None else msgspec.msgpack.decode(kept, type=Entry)
        # Whatever the client raises, the request can do without the answer.
        except Exception as error:
            self._failed(error)
            return None

    def put(self, key: bytes, entry: Entry) -> None:
        """Send an answer there, beside the request that it came with."""
        if self._is_away():
            return
        if len(self._writes) >= MOST_WRITES:
            self.failures += 1
            return
        task = asyncio.create_task(self._write(key, entry))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)

    async def aclose(self) -> None:
        """Wait for what is on its way, and let go of connections."""
        await asyncio.gather(*self._writes, return_exceptions=True)
        await self._redis.aclose()
        await self._pool.aclose()

    async def _write(self, key: bytes, entry: Entry) -> None:
        try:
            async with asyncio.timeout(4 * PATIENCE_S):
                name = _PREFIX + key.hex().encode()
                await self._redis.set(name, msgspec.msgpack.encode(entry), px=self._ttl_ms)
        except Exception as error:
            self._failed(error)

    def _is_away(self) -> bool:
        return time.monotonic() < self._away_until

    def _failed(self, error: Exception) -> None:
        self.failures += 1
        if isinstance(error, msgspec.DecodeError):  # somebody else's; Redis itself is well
            logger.warning("Redis holds something else where an answer was expected")
            return
        if not self._is_away():
            logger.warning("Redis keeps no answers (%s); models are asked", type(error).__name__)
        self._away_until = time.monotonic() + AWAY_S
