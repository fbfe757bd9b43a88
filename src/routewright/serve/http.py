"""The server's side of a connection: what uvicorn's parser leaves unbounded.

A request's head has a size, a number of headers and a time; it names one host. A client that
reads nothing is left after a time without progress. Whoever works for a client is told at once
when it leaves, in every phase.
"""

# ruff: noqa: D102  # public methods are callbacks, which asyncio and httptools describe

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, cast

import httptools
import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from routewright.errors import RequestError, error_object

HEAD_S = 10.0  # from the first byte, or from the connection's begin, to the end of the headers
HEAD_BYTES = 64 * 1024
HEADERS = 128
WRITE_S = 60.0  # how long a client may take nothing of its answer
WATCHERS = "routewright.watchers"
"""The extension of a scope with the functions to call when the client has left."""

_HOST = re.compile(rb"(?:[\w.-]+|\[[0-9a-fA-F:.]+\])(?::\d{1,5})?", re.ASCII)
_SIZE, _COUNT = "the headers are larger than {} bytes", "there are more than {} headers"


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's protocol on httptools, with every phase bounded."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._watchers: set[Callable[[], None]] = set()
        self._head: int | None = None  # bytes of a head that is not complete
        self._timer: asyncio.TimerHandle | None = None
        self._stuck: asyncio.TimerHandle | None = None
        self._unsent = 0
        self._refused: tuple[int, str] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._timer = self.loop.call_later(HEAD_S, self._head_late)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._head_done()
        self._cancel_stuck()
        for leave in tuple(self._watchers):
            leave()

    def data_received(self, data: bytes) -> None:
        if self._refused is not None:
            return
        super().data_received(data)
        if self._head is None or self.transport.is_closing():
            return
        self._head += len(data)
        if self._head > HEAD_BYTES:
            self._refuse(431, _SIZE.format(HEAD_BYTES))
        elif self._timer is None:
            self._timer = self.loop.call_later(HEAD_S, self._head_late)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head = 0
        cast("dict[str, Any]", self.scope)["extensions"] = {WATCHERS: self._watchers}

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        if len(self.headers) > HEADERS:
            self._reject(431, _COUNT.format(HEADERS))

    def on_headers_complete(self) -> None:
        self._head_done()
        size = sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > HEAD_BYTES:  # they came in one piece
            self._reject(431, _SIZE.format(HEAD_BYTES))
        hosts = [value for name, value in self.headers if name == b"host"]
        one = len(hosts) == 1 and _HOST.fullmatch(hosts[0])
        parser = cast("httptools.HttpRequestParser", self.parser)
        if not one and (hosts or parser.get_http_version() != "1.0"):
            self._reject(400, "a request names its host once, in the header Host")
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        del msg  # ours says it as OpenAI would
        status, said = self._refused or (400, "this is no valid HTTP request")
        self._refuse(status, said)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unsent = self.transport.get_write_buffer_size()
        self._stuck = self.loop.call_later(WRITE_S, self._look_whether_it_reads)

    def resume_writing(self) -> None:
        self._cancel_stuck()
        super().resume_writing()

    def _reject(self, status: int, said: str) -> None:
        """End the parsing; ``data_received`` has it answered by ``send_400_response``."""
        self._refused = status, said
        raise ValueError(said)

    def _refuse(self, status: int, said: str) -> None:
        """Answer with an error and close; a connection on which an answer is under way is cut."""
        self._refused = status, said
        self._head_done()
        if self.transport.is_closing():
            return
        cycle = cast("RequestResponseCycle | None", self.cycle)
        if cycle is not None and not cycle.response_complete:
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
