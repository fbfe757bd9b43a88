"""The server's side of a connection: HTTP/1.1 with every phase bounded, and the client watched.

A request's head has a size, a number of headers and a time; it names one host. A client that
reads nothing is left after a time without progress. Whoever works for a client is told at once
when it leaves, in every phase. uvicorn listens, accepts and drains; ``exchange`` has one request
with its answer.
"""

# ruff: noqa: D102  # public methods are callbacks, which asyncio and httptools describe

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Protocol, cast
from urllib.parse import unquote

import httptools
import msgspec
from starlette.types import ASGIApp, Scope
from uvicorn import Config
from uvicorn.server import ServerState

from routewright.errors import RequestError, error_object
from routewright.serve.exchange import Exchange
from routewright.serve.heads import Known

HEAD_S = 10.0  # from the first byte, or from the connection's begin, to the end of the headers
HOLD_S = 0.05  # how long a body may come after its head for the request to go at once
IDLE_S = 5.0  # how long a connection is kept after an answer
HEAD_BYTES = 64 * 1024
HEADERS = 128
WRITE_S = 60.0  # how long a client may take nothing of its answer
WAITING = 16  # requests on one connection, sent before the one ahead was answered
BODY_BYTES = 64 * 1024  # of a body that nobody reads; then the client has to wait
WATCHERS = "routewright.watchers"
"""The extension of a scope with its ``Watchers``."""
EXCHANGE = "routewright.exchange"
"""The extension with its ``Exchange``, for what ASGI has no word for."""

_HOST = re.compile(rb"(?:[\w.-]+|\[[0-9a-fA-F:.]+\])(?::\d{1,5})?", re.ASCII)
_SIZE, _COUNT = "the headers are larger than {} bytes", "there are more than {} headers"
_ASGI = {"version": "3.0", "spec_version": "2.3"}


class Watchers(set[Callable[[], None]]):
    """The functions to call when the client has left; ``gone`` tells who comes later."""

    gone = False


class Direct(Protocol):
    """Answers some requests without a task for each."""

    def wants(self, scope: Scope) -> bool:
        """Whether a request is of the kind, by its line and headers."""
        ...

    def take(self, exchange: Exchange) -> bool:
        """Whether a request that is here in whole will be answered; if not, there is no trace."""
        ...


class GuardedProtocol(asyncio.Protocol):
    """A connection, its parser and the requests on it, which are answered one after the other.

    Made by uvicorn's server, which also asks for ``shutdown``. An application with an attribute
    ``at_once``, a ``Direct``, has that asked first.
    """

    transport: asyncio.Transport

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any] | None = None,
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        del app_state
        self.loop = _loop or asyncio.get_running_loop()
        self.state = server_state
        self.app = cast("ASGIApp", config.loaded_app)  # pyright: ignore[reportUnknownMemberType]
        self._direct: Direct | None = getattr(self.app, "at_once", None)
        self._known: Known | None = None  # the head of a request before
        self._between = True  # nothing of a request that is not whole has come
        self._held: Exchange | None = None  # begun when its body is here, or is late
        self._hold: asyncio.TimerHandle | None = None
        self._parser = httptools.HttpRequestParser(self)
        # So that a request that ends its connection is answered whatever stands after it.
        self._parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._server: Any = None
        self._client: Any = None
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._expects = False  # "100 Continue" before it sends its body
        self._newest: Exchange | None = None  # whose body is read
        self._queue: deque[Exchange] = deque()  # the one that runs, and those that wait
        self._watchers = Watchers()
        self._head: int | None = None  # bytes of a head that is not complete
        self._timer: asyncio.TimerHandle | None = None  # of a head, or of an idle connection
        self._stuck: asyncio.TimerHandle | None = None
        self._idle_at = 0.0
        self._unsent = 0
        self._reading = True
        self._writable: asyncio.Future[None] | None = None  # while the client takes nothing
        self._refused: tuple[int, str] | None = None

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.state.connections.add(self)  # pyright: ignore[reportArgumentType]  # no base class is asked for
        self._server = _address(transport.get_extra_info("sockname"))
        self._client = _address(transport.get_extra_info("peername"))
        self._timer = self.loop.call_later(HEAD_S, self._head_late)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        del self._parser  # each holds the other, which the garbage collector alone would undo
        self._known = self._newest = None  # likewise
        self.state.connections.discard(self)  # pyright: ignore[reportArgumentType]
        self._head_done()
        self._cancel_stuck()
        if self._held is not None:
            self._let_go_of_held()
        for exchange in self._queue:
            exchange.leave()
        self._release()
        self._watchers.gone = True
        for leave in tuple(self._watchers):
            leave()

    def data_received(self, data: bytes) -> None:
        if self._refused is not None:
            return
        alone = self._between and not self._queue
        if alone and self._known is not None and (again := self._known.again(data)) is not None:
            scope, body = again
            exchange = self._exchange(scope, keep_alive=True)
            exchange.take(body, last=True)
            self._newest = exchange
            self._queue.append(exchange)
            self._begin(exchange)
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # to nothing that is served here: the request is answered as it is
        except httptools.HttpParserError:
            self._refuse(*self._refused or (400, "this is no valid HTTP request"))
            return
        if self._held is not None:
            if alone and self._held.arrived_whole and self._held.keep_alive:
                self._known = Known.of(data, self._held.scope, self._held.body)
            self._look_at_held()
        if self._head is None or self.transport.is_closing():
            return
        self._head += len(data)
        if self._head > HEAD_BYTES:
            self._refuse(431, _SIZE.format(HEAD_BYTES))
        elif self._timer is None:
            self._timer = self.loop.call_later(HEAD_S, self._head_late)

    def eof_received(self) -> None:
        """Close: a client that sends no more is taken to have left."""

    def pause_writing(self) -> None:
        self._writable = self.loop.create_future()
        self._unsent = self.transport.get_write_buffer_size()
        self._stuck = self.loop.call_later(WRITE_S, self._look_whether_it_reads)

    def resume_writing(self) -> None:
        self._cancel_stuck()
        self._release()

    # The parser's side

    def on_message_begin(self) -> None:
        if self._newest is not None:  # the connection was idle
            self._head_done()
        self._head, self._between = 0, False
        self._url, self._headers, self._expects = b"", [], False

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self._expects = True
        self._headers.append((name, value))
        if len(self._headers) > HEADERS:
            self._reject(431, _COUNT.format(HEADERS))

    def on_headers_complete(self) -> None:
        self._head_done()
        headers, parser = self._headers, self._parser
        size = hosts = 0
        for name, value in headers:
            size += len(name) + len(value) + 4
            if name == b"host":
                hosts += 1 if _HOST.fullmatch(value) else 2
        if size > HEAD_BYTES:  # they came in one piece
            self._reject(431, _SIZE.format(HEAD_BYTES))
        version = parser.get_http_version()
        if hosts != 1 and (hosts or version != "1.0"):
            self._reject(400, "a request names its host once, in the header Host")
        url = httptools.parse_url(self._url)
        path = url.path.decode("ascii")
        scope = {
            "type": "http",
            "asgi": _ASGI,
            "http_version": version,
            "server": self._server,
            "client": self._client,
            "scheme": "http",
            "root_path": "",
            "headers": headers,
            "method": parser.get_method().decode("ascii"),
            "path": unquote(path) if "%" in path else path,
            "raw_path": url.path,
            "query_string": url.query or b"",
        }
        keep = version != "1.0" and parser.should_keep_alive()
        exchange = self._exchange(scope, keep_alive=keep)
        self._newest = exchange
        self._queue.append(exchange)
        if len(self._queue) == 1:
            if self._direct is not None and not self._expects and self._direct.wants(scope):
                self._held = exchange
            else:
                exchange.begin()
        elif len(self._queue) > WAITING:
            self._reject(400, "too many requests at once on one connection")

    def on_body(self, body: bytes) -> None:
        if self._newest is not None and self._newest.take(body) > BODY_BYTES:
            self._begin_held()
            self._pause_reading()

    def on_message_complete(self) -> None:
        self._between = True
        if self._newest is not None:
            self._newest.take(b"", last=True)

    def _exchange(self, scope: Scope, *, keep_alive: bool) -> Exchange:
        exchange = Exchange(self, scope, keep_alive=keep_alive, expects=self._expects)
        scope["extensions"] = {WATCHERS: self._watchers, EXCHANGE: exchange}
        return exchange

    def _begin(self, exchange: Exchange) -> None:
        """Have a request answered, without a task where that can be."""
        if not (exchange.arrived_whole and self._direct and self._direct.take(exchange)):
            exchange.begin()

    def _look_at_held(self) -> None:
        """Begin what is here in whole; many clients send a body right after its head."""
        if self._held is not None and self._held.arrived_whole:
            held = self._let_go_of_held()
            self._begin(held)
        elif self._hold is None:
            self._hold = self.loop.call_later(HOLD_S, self._begin_held)

    def _begin_held(self) -> None:
        if self._held is not None:
            self._let_go_of_held().begin()

    def _let_go_of_held(self) -> Exchange:
        held, self._held = self._held, None
        assert held is not None  # noqa: S101
        if self._hold is not None:
            self._hold.cancel()
            self._hold = None
        return held

    # The exchange's side

    def read(self, exchange: Exchange) -> None:
        """What has come of the body is read, and more may come."""
        if exchange is self._newest:
            self._resume_reading()

    @property
    def writable(self) -> asyncio.Future[None] | None:
        """What to wait for before more is written; None where that can be done now."""
        return self._writable

    def answered(self, exchange: Exchange) -> None:
        """The answer is written: the next request has its turn, or the connection is idle."""
        self.state.total_requests += 1
        self._queue.popleft()
        if not exchange.keep_alive:
            self.transport.close()
        elif not self.transport.is_closing():
            self._resume_reading()
            if self._queue:
                self._queue[0].begin()
            else:
                self._idle_at = self.loop.time()
                if self._timer is None:
                    self._timer = self.loop.call_later(IDLE_S, self._idle_long)

    def shutdown(self) -> None:
        """Close, after the answer that is under way."""
        if self._newest is None or not self._queue:
            self.transport.close()
        else:
            self._newest.keep_alive = False

    def _pause_reading(self) -> None:
        if self._reading:
            self._reading = False
            self.transport.pause_reading()

    def _resume_reading(self) -> None:
        if not self._reading:
            self._reading = True
            self.transport.resume_reading()

    def _reject(self, status: int, said: str) -> None:
        """End the parsing, which ``data_received`` answers."""
        self._refused = status, said
        raise ValueError(said)

    def _refuse(self, status: int, said: str) -> None:
        """Answer with an error and close; a connection on which an answer is under way is cut."""
        self._refused = status, said
        self._head_done()
        if self.transport.is_closing():
            return
        if self._queue:
            self.transport.close()
            return
        body = msgspec.json.encode(error_object(RequestError(said, status=status)))
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _head_done(self) -> None:
        self._head = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _head_late(self) -> None:
        self._timer = None
        if self._head is None:
            self.transport.close()  # nothing was asked
        else:
            self._refuse(408, f"the headers did not arrive in {HEAD_S:g} s")

    def _idle_long(self) -> None:
        """Close, unless something has come since the timer was set."""
        self._timer = None
        left = self._idle_at + IDLE_S - self.loop.time()
        if self._queue:
            return
        if left > 0.001:
            self._timer = self.loop.call_later(left, self._idle_long)
        else:
            self.transport.close()

    def _release(self) -> None:
        waiting, self._writable = self._writable, None
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    def _cancel_stuck(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def _look_whether_it_reads(self) -> None:
        unsent, self._unsent = self._unsent, self.transport.get_write_buffer_size()
        if self._unsent < unsent:
            self._stuck = self.loop.call_later(WRITE_S, self._look_whether_it_reads)
        else:
            self._stuck = None
            self.transport.abort()


def _address(told: Any) -> tuple[str, int] | None:
    """Host and port of an end of a connection; an IPv6 address has more to it."""
    return (told[0], told[1]) if told else None
