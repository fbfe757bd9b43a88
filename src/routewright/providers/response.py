"""An upstream's answer between the connection that fills it and the reader that empties it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from routewright.errors import UpstreamError

BUFFER_BYTES = 64 * 1024  # of a body that nobody reads; then the upstream has to wait


Passer = Callable[[bytes, bytes], bool | None]
"""Is given a piece of a body and the HTTP chunks that it came in, and may take them as they are:
whether it wants more then, None where it takes nothing."""


class Source(Protocol):
    """What a reader may ask of the connection that its answer comes from."""

    def pause(self) -> None:
        """Let the upstream wait."""
        ...

    def resume(self) -> None:
        """Let the upstream send again."""
        ...

    def linger(self) -> None:
        """Read on to the end without a reader, and then serve others."""
        ...

    def drop(self) -> None:
        """Close the socket now."""
        ...


class Response:
    """One answer; ``headers`` are in lower case, of several with one name the last.

    Read it whole or in pieces, then close it, whatever happens.
    """

    def __init__(self, name: str, source: Source) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.begun = False  # status and headers are known
        self._name = name
        self._source: Source | None = source  # None once nothing more will come
        self._failure: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._chunks: list[bytes] = []
        self._size = 0
        self._pourer: Callable[[bytes], bool] | None = None  # takes pieces as they come
        self._passer: Passer | None = None  # is asked before it
        self._enough = False  # it wants no more for now
        self._most = 0  # bytes that may wait before the reader is woken
        self._told: Callable[[], None] | None = None  # hears of the end; nobody waits meanwhile

    async def head(self) -> None:
        """Wait for status and headers. Raises as ``read`` does."""
        while not self.begun:
            await self._wait()

    def tell(self, told: Callable[[], None], most_bytes: int) -> None:
        """Have ``told`` called once, when the answer has ended or is larger than that.

        It must not raise. Whatever the answer is then, it can still be read as any other.
        """
        self._told, self._most = told, most_bytes

    def whole(self) -> bytes | None:
        """The body of an answer that has ended well and was not read; None of any other."""
        if self._source is not None or self._failure is not None or self._size > self._most:
            return None
        return self._take()

    async def read(self, most_bytes: int) -> bytes:
        """All of the body that is left.

        Raises:
            UpstreamError: it broke off, stalled, or is larger than ``most_bytes``.
        """
        self._most = most_bytes
        if self._source is not None:
            self._source.resume()  # much may have come with the headers
        while self._source is not None and self._size <= most_bytes:
            await self._wait()
        if self._failure is not None:
            raise self._failure
        if self._size > most_bytes:
            self.close()
            raise UpstreamError(f"{self._name}: answer over {most_bytes} bytes")
        return self._take()

    async def chunk(self) -> bytes:
        """What has come of the body since the last time; empty once there is no more.

        Raises:
            UpstreamError: it broke off, or stalled.
        """
        while not self._size:
            if self._source is None:
                self._check()
                return b""
            await self._wait()
        return self._take()

    def here(self) -> bytes:
        """What has come of the body since the last time, be it nothing; nobody waits."""
        return self._take() if self._size else b""

    async def pour(self, take: Callable[[bytes], bool], passer: Passer | None = None) -> bool:
        """Give ``take`` what comes, in the step in which it comes, as long as it says True.

        ``passer`` is asked first where that comes in whole chunks.

        Returns:
            Whether there is no more; False where ``take`` wants none now.

        Raises:
            UpstreamError: the body broke off, or stalled; or whatever ``take`` raises.
        """
        self._enough = False
        try:
            while True:
                if self._size and not take(self._take()):
                    return False
                if self._source is None:
                    self._check()
                    return True
                self._pourer, self._passer = take, passer
                await self._wait()
                if self._enough:
                    return False
        finally:
            self._pourer = self._passer = None

    def close(self) -> None:
        """Drop the connection, which stops the upstream; after a whole answer it stays open."""
        self._chunks.clear()
        self._size = 0
        if self._source is not None:
            self._source.drop()

    def leave(self) -> None:
        """Let go of an answer that is known to be whole, though its last bytes are not here."""
        self._chunks.clear()
        self._size = 0
        if self._source is not None:
            self._source.linger()

    def add(self, data: bytes) -> None:
        """The connection's: a piece of the body has come."""
        self._chunks.append(data)
        self._size += len(data)

    def passed(self, body: bytes, chunks: bytes) -> bool:
        """The connection's: more of the body has come, so framed; whether its reader has it now."""
        waiter = self._waiter
        if self._passer is None or self._size or waiter is None or waiter.done():
            return False
        try:
            more = self._passer(body, chunks)
        except Exception as error:
            waiter.set_exception(error)
            return True
        if more is False:
            self._enough = True
            waiter.set_result(None)
        return more is not None

    def end(self, failure: Exception | None = None) -> None:
        """The connection's: nothing more will come."""
        if self._source is not None:
            self._source, self._failure = None, failure
            self.wake()

    def wake(self) -> None:
        """The connection's: it has given what it has got so far."""
        waiter = self._waiter
        if self._told is not None and (self._source is None or self._size > self._most):
            told, self._told = self._told, None
            told()
            return
        if self._pourer is not None and self._size and waiter is not None and not waiter.done():
            try:
                self._enough = not self._pourer(self._take())
            except Exception as error:
                waiter.set_exception(error)
                return
            if not self._enough and self._source is not None:
                return
        awaited = self._source is None or not self._most or self._size > self._most
        if awaited and waiter is not None and not waiter.done():
            waiter.set_result(None)
        if self._source is not None and not self._most and self._size > BUFFER_BYTES:
            self._source.pause()

    async def _wait(self) -> None:
        self._check()
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        except asyncio.CancelledError:
            self.close()  # in every phase: nobody waits for this answer any more
            raise
        finally:
            self._waiter = None
        self._check()

    def _check(self) -> None:
        if self._failure is not None and not self._size:
            raise self._failure

    def _take(self) -> bytes:
        chunks, self._chunks, self._size = self._chunks, [], 0
        if self._source is not None:
            self._source.resume()
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)
