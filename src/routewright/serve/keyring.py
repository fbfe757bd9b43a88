"""The API keys that are in force, in memory: no request waits for the database to know one.

A copy is read again whenever a key has changed, and kept on this host's disk as well: a gateway
that starts while its database is away still knows whom it may answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from routewright.errors import RoutewrightError, StoreAwayError
from routewright.state.api_key import ApiKey, digest_of

if TYPE_CHECKING:
    from routewright.state.keys import Keys

logger = logging.getLogger(__name__)

FIRST_READ_S = 10.0  # how long a request waits for a gateway that has just begun to read its keys
REFRESH_S = 2.0  # a key made, changed or revoked anywhere is so here within 5 s
FILE = "keys.json"  # in the spool's folder: digests and terms, no keys


class Keyring:
    """Knows the keys of a store; safe to ask from the event loop at any time.

    ``known`` is whether they could be read at all, from the database or this host's copy.

    Args:
        keys: of the store.
        folder: where the copy is kept.
    """

    def __init__(self, keys: Keys, folder: Path) -> None:
        self.keys = keys
        self.known = False
        self.on_change: Callable[[list[ApiKey]], None] = lambda _: None
        self._path = folder / FILE
        self._stamp: tuple[int, int] | None = None
        self._by_digest: dict[str, ApiKey] = {}
        self._refreshing: asyncio.Task[None] | None = None
        self._tried = asyncio.Event()

    @property
    def empty(self) -> bool:
        """Whether no key was ever made; one that was revoked counts."""
        return not self._by_digest

    @property
    def all(self) -> list[ApiKey]:
        """Every key, whatever its state."""
        return list(self._by_digest.values())

    def find(self, key: bytes) -> ApiKey | None:
        """The key that is in force under this secret; None for any other.

        Only digests are looked up and compared: how long that takes tells nothing of a key.
        """
        digest = digest_of(key)
        found = self._by_digest.get(digest)
        same = hmac.compare_digest(found.digest if found else "0" * len(digest), digest)
        if found is None or not same or found.state(time.time()) != "active":
            return None
        return found

    def load(self) -> None:
        """Read the keys, from the copy where the database is away. Blocking.

        Raises:
            ConfigError: the database's schema is newer than ours.
        """
        try:
            self.refresh()
        except StoreAwayError as error:
            logger.warning("keys cannot be read from the database: %s", error)
            if not self.known:
                self._load_copy()

    def refresh(self) -> None:
        """Read the keys again if any has changed. Blocking.

        Raises:
            StoreAwayError: the database cannot be asked; those that are known stay in force.
        """
        stamp = self.keys.stamp()
        if stamp == self._stamp:
            return
        keys = self.keys.all()
        self._take(keys)
        self._stamp = stamp
        self._save_copy(keys)

    async def start(self) -> None:
        """Read the keys, and again every ``REFRESH_S`` from now on; safe to call twice."""
        if self._refreshing is None:
            try:
                await asyncio.to_thread(self.load)
            finally:
                self._tried.set()
            self._refreshing = asyncio.create_task(self._refresh_on())

    @property
    def settled(self) -> bool:
        """Whether the keys have been read, or could not be."""
        return self.known or self._tried.is_set()

    async def first_read(self) -> None:
        """Wait until the keys are ``settled``: the port opens before that."""
        if not self.settled:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FIRST_READ_S):
                    await self._tried.wait()

    async def aclose(self) -> None:
        """Stop reading; safe to call twice."""
        task, self._refreshing = self._refreshing, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _refresh_on(self) -> None:
        away = False
        while True:
            await asyncio.sleep(REFRESH_S)
            try:
                await asyncio.to_thread(self.refresh)
                away = False
            except Exception as error:  # whatever it is, the next turn may go well
                if not away:
                    why = error if isinstance(error, RoutewrightError) else type(error).__name__
                    logger.warning("keys cannot be read again, those known stay in force: %s", why)
                away = True

    def _take(self, keys: list[ApiKey]) -> None:
        self._by_digest = {key.digest: key for key in keys}
        self.known = True
        self.on_change(keys)

    def _load_copy(self) -> None:
        with contextlib.suppress(OSError, msgspec.DecodeError, UnicodeDecodeError):
            self._take(msgspec.json.decode(self._path.read_bytes(), type=list[ApiKey]))
            logger.warning("keys are those of %s", self._path)

    def _save_copy(self, keys: list[ApiKey]) -> None:
        if not keys and not self._path.exists():
            return
        fresh = self._path.with_suffix(f".{os.getpid()}.new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(file, "wb") as out:
                out.write(msgspec.json.encode(keys))
            fresh.replace(self._path)
        except OSError as error:
            logger.warning("%s: %s; keys are in memory alone", self._path, error.strerror)
            fresh.unlink(missing_ok=True)
