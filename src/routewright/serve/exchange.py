"""One request and its answer on a connection, as ASGI sees them; ``http`` has the connection."""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.types import Message, Scope

if TYPE_CHECKING:
    from routewright.serve.http import GuardedProtocol

logger = logging.getLogger(__name__)

_FIRST_LINES = {s.value: f"HTTP/1.1 {s.value} {s.phrase}\r\n".encode() for s in HTTPStatus}
_BODILESS = (204, 304)
_FAILED: Message = {
    "type": "http.response.start",
    "status": 500,
    "headers": [(b"content-length", b"0"), (b"connection", b"close")],
}


class Exchange:
    """Runs the application for one request and writes what it answers.

    ``keep_alive`` says whether the connection serves another request after it.
    """

    def __init__(
        self, connection: GuardedProtocol, scope: Scope, *, keep_alive: bool, expects: bool
    ) -> None:
        self.keep_alive = keep_alive
        self._connection = connection
        self._scope: Scope | None = scope  # until it is given away, or each keeps the other alive
        self._bodiless = scope["method"] == "HEAD"
        self._expects = expects
        self._body: list[bytes] = []
        self._size = 0
        self._more = True  # of the body may come
        self._fresh = False  # something has come since it was last asked for
        self._gone = False
        self._waiter: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._head = b""  # of the answer, until the first of its body goes with it
        self._begun = self._done = False
        self._left: int | None = None  # bytes of the answer to come; None where it is chunked

    @property
    def scope(self) -> Scope:
        """The request, of an exchange that has not begun."""
        assert self._scope is not None  # noqa: S101
        return self._scope

    def begin(self) -> None:
        """Run the application."""
        scope, self._scope = self._scope, None
        if scope is not None:
            self._task = self._connection.loop.create_task(self._run(scope))
            self._connection.state.tasks.add(self._task)

    def take(self, body: bytes, *, last: bool = False) -> int:
        """A piece of the body has come; how many bytes wait to be read."""
        if self._done:
            return 0
        if body:
            self._body.append(body)
            self._size += len(body)
        self._more = not last
        self._fresh = True
        self._wake()
        return self._size

    def leave(self) -> None:
        """The client has left."""
        self._gone = True
        self._scope = None
        self._wake()

    @property
    def gone(self) -> bool:
        """Whether the client has left."""
        return self._gone

    @property
    def body(self) -> bytes:
        """What of the body is here and was not read; it can still be."""
        if len(self._body) > 1:
            self._body = [b"".join(self._body)]
        return self._body[0] if self._body else b""

    @property
    def arrived_whole(self) -> bool:
        """Whether nothing more of the body will come."""
        return not self._more

    def arrived(self) -> bytes | None:
        """The whole body, if it has come unasked and nobody has read any of it."""
        if self._more or not self._fresh or self._expects:
            return None
        self._fresh = False
        return self._read()

    async def receive(self) -> Message:
        """The next of the body; once it has been read, that the client has left."""
        connection = self._connection
        if self._expects and not connection.transport.is_closing():
            self._expects = False
            connection.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        while not (self._fresh or self._gone or self._done):
            self._waiter = connection.loop.create_future()
            await self._waiter
        if self._gone or self._done:
            return {"type": "http.disconnect"}
        self._fresh = False
        return {"type": "http.request", "body": self._read(), "more_body": self._more}

    async def send(self, message: Message) -> None:
        """Write a part of the answer, when the client has taken what came before it."""
        writable = self._connection.writable
        if writable is not None:
            await asyncio.shield(writable)
        if self._gone:
            return
        if self._done:
            raise RuntimeError("the answer is complete")
        if message["type"] == "http.response.start":
            self._head = self._started(message["status"], message["headers"])
            return
        if not self._begun:
            raise RuntimeError("an answer begins with its head")
        body: bytes = message.get("body", b"")
        more = message.get("more_body", False)
        head, self._head = self._head, b""
        self._connection.transport.write(head + self._framed(body, more=more))
        if not more:
            self._done = True
            self._wake()
            self._connection.answered(self)

    def answer(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        """Answer a request that no application runs for."""
        self._scope = None
        if not self._gone:
            self._connection.transport.write(self._started(status, headers) + body)
            self._done = True
            self._connection.answered(self)

    def open(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        """Begin an answer; the application that ``begin`` runs then goes on with it."""
        self._head = self._started(status, headers)
        self.write(body)

    def fail(self) -> None:
        """Answer that there will be no answer, and close."""
        self.answer(_FAILED["status"], _FAILED["headers"], b"")

    def write(self, body: bytes) -> bool:
        """Write a piece of an answer whose head was sent; whether the client takes more."""
        if not self._gone:
            head, self._head = self._head, b""
            if self._left is None and not self._bodiless and body:  # as nearly always
                framed = b"%b%x\r\n%b\r\n" % (head, len(body), body)
            else:
                framed = head + self._framed(body, more=True)
            self._connection.transport.write(framed)
        return self._connection.writable is None

    def pass_on(self, chunks: bytes) -> bool:
        """Write chunks of an answer as another host framed them; whether the client takes more."""
        if self._left is not None or self._bodiless:
            raise RuntimeError("the answer is not in chunks")
        if not self._gone:
            if self._head:
                chunks, self._head = self._head + chunks, b""
            self._connection.transport.write(chunks)
        return self._connection.writable is None

    def _started(self, status: int, headers: list[tuple[bytes, bytes]]) -> bytes:
        if self._begun:
            raise RuntimeError("an answer has one head")
        self._begun, self._expects = True, False
        self._bodiless = self._bodiless or status in _BODILESS
        parts = [_FIRST_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status]
        told = [*self._connection.state.default_headers, *headers]
        for name, value in told:
            if name == b"content-length":
                self._left = int(value)
            elif name == b"connection" and value.lower() == b"close":
                self.keep_alive = False
                continue
            parts.append(b"%b: %b\r\n" % (name, value))
        if self._left is None and not self._bodiless:
            parts.append(b"transfer-encoding: chunked\r\n")
        if not self.keep_alive:
            parts.append(b"connection: close\r\n")
        parts.append(b"\r\n")
        head = b"".join(parts)
        if head.count(b"\n") != len(parts) or head.count(b"\r") != len(parts):
            raise RuntimeError("a header holds a line's end")
        return head

    def _framed(self, body: bytes, *, more: bool) -> bytes:
        if self._bodiless:
            return b""
        if self._left is None:
            framed = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            return framed if more else framed + b"0\r\n\r\n"
        self._left -= len(body)
        if self._left < 0 or (self._left and not more):
            raise RuntimeError("the answer is not as long as it says")
        return body

    def _read(self) -> bytes:
        body, self._body, self._size = self._body, [], 0
        self._connection.read(self)
        return body[0] if len(body) == 1 else b"".join(body)

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def _run(self, scope: Scope) -> None:
        try:
            await self._connection.app(scope, self.receive, self.send)
            if not self._done and not self._gone:
                logger.error("a request was left without an answer")
        except Exception:
            logger.exception("a request failed inside the server")
        finally:
            try:
                await self._end()
            finally:
                self._connection.state.tasks.discard(self._task)  # pyright: ignore[reportArgumentType]

    async def _end(self) -> None:
        """An answer that was not begun is a plain failure; one that broke off is cut."""
        if self._done or self._gone:
            return
        if self._begun:
            self._connection.transport.close()
            return
        await self.send(_FAILED)
        await self.send({"type": "http.response.body", "body": b""})
