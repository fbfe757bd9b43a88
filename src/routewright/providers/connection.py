"""One HTTP/1.1 connection to an upstream: one request at a time, one answer, then the next.

Time and memory are bounded in every phase, and whatever fails is told without what was sent.
Used by ``pool`` alone; nothing else writes to an upstream's socket.
"""

# ruff: noqa: D102  # most public methods are callbacks, which asyncio and httptools describe

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import cast

import httptools

from routewright.config import Timeouts
from routewright.errors import UpstreamError, UpstreamTimeoutError
from routewright.providers.response import Response
from routewright.providers.taken import Socket, bytes_taken

MAX_HEAD_BYTES = 64 * 1024
MAX_HEADERS = 256
WRITE_S = 30.0  # how long an upstream may take nothing of a request
PASSED_BYTES = 16 * 1024  # what passes in its frames is words; more is not copied to look at it
LINGER_S = 1.0  # how long the last bytes of an answer that is known to be whole may take


_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,8})[ \t]*(?=\r\n)")
# What makes more of an answer than a body of that length on a connection that stays.
_UNPLAIN = tuple(
    b"\r\n" + begin for begin in (b"transfer-encoding", b"content-encoding", b"connection")
)
# Headers of a token, a colon and what can be printed, as the parser has them; none is folded.
_LINES = re.compile(rb"(?:\r\n[!#-'*+.^_`|~0-9a-z-]+:[\t -~\x80-\xff]*)*\r\n")
_CHUNK = re.compile(rb"([0-9a-fA-F]{1,6})\r\n")
_STAYS = b"\r\nconnection: keep-alive\r\n"


class StaleError(Exception):
    """A kept connection was closed before a byte of the request had reached anybody."""


def whole_body(data: bytes) -> bytes | None:
    """The body of a plain answer with status 200 that has come in one piece, as most do.

    None where anything about it has to be looked at more closely, which is the parser's business.
    """
    if not data.startswith(b"HTTP/1.1 200 OK\r\n"):
        return None
    end = data.find(b"\r\n\r\n")
    head = data[15 : end + 2].lower().replace(_STAYS, b"\r\n")
    lengths = _LENGTH.findall(head)
    if (
        not 0 < end <= MAX_HEAD_BYTES
        or len(lengths) != 1
        or head.count(b"\r\ncontent-length") != 1
        or end + 4 + int(lengths[0]) != len(data)
        or head.count(b"\r\n") > MAX_HEADERS
        or _LINES.fullmatch(head) is None
        or any(said in head for said in _UNPLAIN)
    ):
        return None
    return data[end + 4 :]


def _whole_chunks(data: bytes) -> list[bytes]:
    """What is in whole chunks, as most of a stream comes; nothing of it where it is not such."""
    pieces: list[bytes] = []
    at = 0
    while at < len(data):
        head = _CHUNK.match(data, at)
        size = int(head[1], 16) if head is not None else 0
        begin = head.end() if head is not None else at
        at = begin + size + 2
        if not size or data[begin + size : at] != b"\r\n":
            return []
        pieces.append(data[begin : begin + size])
    return pieces


class Connection(asyncio.Protocol):
    """A socket, its parser and one timer.

    Args:
        name: the endpoint's, for messages.
        timeouts: how long each phase may take.
        on_idle: told when another request can be sent.
        on_lost: told when the socket is closed, by whomever.
    """

    def __init__(
        self,
        name: str,
        timeouts: Timeouts,
        on_idle: Callable[[Connection], None],
        on_lost: Callable[[Connection], None],
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self._name = name
        self._timeouts = timeouts
        self._on_idle = on_idle
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._socket: Socket | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._response: Response | None = None
        self._answers = 0
        self._paused = False
        self._unsent = 0  # bytes that the upstream had not taken when it was last looked
        self._taken = -1  # bytes that the upstream had acknowledged before this request
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._first_s = self._idle_s = 0.0  # of the present call
        self._late, self._late_s = "", 0.0  # what is said when the timer ends
        self._latest = 0.0  # when the whole call must have ended
        self._reset()

    def _reset(self) -> None:
        self._head_bytes = 0
        self._headers = 0
        self._interim = False  # "100 Continue" and its like come before the answer
        self._sized = False  # the answer says where it ends, other than by closing
        self._heard = False  # something of the body has come
        self._chunk_done = False  # the last that the parser saw was the end of a chunk
        self._aligned = False  # nothing came after it: the next begins with what comes next
        self._complete = False
        self._reusable = False
        self._lingering = False
        self._bad = ""
        self._stale = False  # closed before anything of the request had reached anybody

    @property
    def usable(self) -> bool:
        """Whether another request can be sent."""
        transport = self._transport
        return self._response is None and transport is not None and not transport.is_closing()

    async def ask(self, head: bytes, payload: bytes, *, streamed: bool) -> Response:
        """Send a request; the answer once its headers have come.

        Raises:
            StaleError: the connection had been closed; the request can be sent on another.
            UpstreamError: no answer, or one that is not to be understood.
        """
        response = self.send(head, payload, streamed=streamed)
        await response.head()
        return response

    def send(self, head: bytes, payload: bytes, *, streamed: bool) -> Response:
        """Send a request; the answer of which nothing has come yet.

        One that is not ``streamed`` may say nothing until it is done, so that only the time of the
        whole call bounds it.

        Raises:
            StaleError: the connection had been closed; the request can be sent on another.
        """
        if self._transport is None:
            raise StaleError
        self._reset()
        response = self._response = Response(self._name, self)
        self._taken = bytes_taken(self._socket) if self._answers else -1
        self._latest = self.loop.time() + self._timeouts.total_s
        given = self._timeouts
        self._first_s = given.first_byte_s if streamed else given.total_s
        self._idle_s = given.idle_s if streamed else given.total_s
        self._expect(self._first_s, "no answer")
        self._transport.writelines((head, payload))
        return response

    def secure(self, transport: asyncio.Transport) -> None:
        """Go on over the transport that TLS made of the plain one."""
        self._transport = transport

    def keep(self, seconds: float) -> None:
        """Close the idle connection after so many seconds."""
        self._latest = self.loop.time() + seconds
        self._expect(seconds, "")

    # The reader's side of an answer: see ``response.Source``.

    def pause(self) -> None:
        if self._transport is not None and not self._paused:
            self._paused = True
            self._transport.pause_reading()
            self._stop_timer()  # the upstream is not late while it is made to wait

    def resume(self) -> None:
        if self._transport is not None and self._paused:
            self._paused = False
            self._transport.resume_reading()
            self._expect(self._idle_s, "the answer stalled")

    def linger(self) -> None:
        self.resume()
        self._lingering = True
        self._latest = self.loop.time() + LINGER_S
        self._expect(LINGER_S, "the answer did not end")

    def drop(self) -> None:
        self._break(UpstreamError(f"{self._name}: the call was ended here"))

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._socket = transport.get_extra_info("socket")

    def eof_received(self) -> None:
        # A closing host may still acknowledge what comes later, only to throw it away.
        self._stale = self._nobody_got_it()

    def connection_lost(self, exc: Exception | None) -> None:
        stale = self._stale or self._nobody_got_it()
        self._transport = None
        del self._parser  # each holds the other, which the garbage collector alone would undo
        self._stop_timer()
        response, self._response = self._response, None
        if response is not None:
            ends_so = response.begun and not self._sized and exc is None
            broke = UpstreamError(f"{self._name}: the answer broke off")
            response.end(None if ends_so else StaleError() if stale else broke)
        self._on_lost(self)

    def pause_writing(self) -> None:
        if self._transport is not None and self._response is not None:
            self._unsent = self._transport.get_write_buffer_size()
            self._expect(WRITE_S, "the request was not taken")

    def resume_writing(self) -> None:
        self._unsent = 0
        if self._response is not None and not self._response.begun:
            self._expect(self._first_s, "no answer")

    def data_received(self, data: bytes) -> None:
        response = self._response
        if response is None:  # nothing was asked: it must not be taken for the next answer
            self.drop()
            return
        if not response.begun:
            if not self._head_bytes and self._is_whole(response, data):
                return
            self._head_bytes += len(data)
        pieces = _whole_chunks(data) if self._aligned else []
        words = pieces and len(data) <= PASSED_BYTES
        if words and response.passed(b"".join(pieces), data):
            self._expect(self._idle_s, "the answer stalled")
            return
        self._parse(data, pieces)
        if not response.begun and self._head_bytes > MAX_HEAD_BYTES:
            self._bad = f"headers over {MAX_HEAD_BYTES} bytes"
        if self._complete:
            self._finish(response)
        elif self._bad:
            self._break(UpstreamError(f"{self._name}: {self._bad}"))
        elif response.begun:
            if self._heard:  # until then, headers alone are no answer
                self._expect(self._idle_s, "the answer stalled")
            response.wake()

    # The parser's side

    def _parse(self, data: bytes, pieces: list[bytes]) -> None:
        """Go on with the answer; what is in ``pieces`` the parser need not know."""
        if pieces:
            for piece in pieces:
                self.on_body(piece)
            return
        try:
            self._parser.feed_data(data)
            self._aligned = self._chunk_done and data.endswith(b"\r\n")
        except httptools.HttpParserUpgrade:
            self._bad = "the answer changes the protocol"
        except httptools.HttpParserError as error:
            self._bad = f"the answer is not HTTP ({' '.join(str(error).split())})"

    def on_chunk_header(self) -> None:
        self._chunk_done = False

    def on_chunk_complete(self) -> None:
        self._chunk_done = True

    def on_message_begin(self) -> None:
        if self._complete:
            self._bad = "more came than was asked for"

    def on_header(self, name: bytes, value: bytes) -> None:
        response = self._response
        if response is None or response.begun:
            return  # a trailer
        self._headers += 1
        if self._headers > MAX_HEADERS:
            self._bad = f"over {MAX_HEADERS} headers"
            return
        key = name.decode("latin-1").lower()
        if key in ("content-length", "transfer-encoding"):
            self._sized = True
        response.headers[key] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        response = self._response
        status = self._parser.get_status_code()
        if response is None or self._bad:
            return
        self._interim = status < 200
        if self._interim:
            response.headers.clear()
            return
        if response.headers.get("content-encoding", "identity") not in ("", "identity"):
            self._bad = "the answer is compressed, which was not asked for"
            return
        response.status, response.begun = status, True
        self._sized = self._sized or status in (204, 304)

    def on_body(self, data: bytes) -> None:
        self._heard = True
        if self._response is not None and not self._lingering and not self._bad:
            self._response.add(data)

    def on_message_complete(self) -> None:
        if self._interim:
            self._interim = self._sized = False
        elif not self._bad:
            self._complete = True
            self._reusable = self._parser.should_keep_alive()

    def _is_whole(self, response: Response, data: bytes) -> bool:
        """Whether this is all of a plain answer, which then needs no parser."""
        body = whole_body(data)
        if body is None:
            return False
        response.status, response.begun, self._reusable = 200, True, True
        response.add(body)
        self._finish(response)
        return True

    def _finish(self, response: Response) -> None:
        """The answer is whole; the connection is free for another, or closed."""
        transport, self._response = self._transport, None
        self._answers += 1
        self.resume()
        if (
            transport is not None
            and self._reusable
            and not self._bad
            and not transport.is_closing()
            and not transport.get_write_buffer_size()
        ):
            self._on_idle(self)
        elif transport is not None:
            transport.abort()
        response.end()

    def _break(self, error: Exception) -> None:
        """Close the socket now; what is queued to be sent is not."""
        if self._transport is not None:
            self._transport.abort()
        self._stop_timer()
        response, self._response = self._response, None
        if response is not None:
            response.end(error)

    def _nobody_got_it(self) -> bool:
        """Whether nothing of the request has reached anybody, and so nobody can have answered."""
        if self._transport is None or self._taken < 0 or self._head_bytes:
            return False
        return bytes_taken(self._socket) == self._taken

    # One timer for all phases. It is set again only for an earlier time, else when it ends.

    def _expect(self, seconds: float, late: str) -> None:
        self._due = min(self.loop.time() + seconds, self._latest)
        self._late, self._late_s = late, seconds
        if self._timer is not None:
            if self._timer.when() <= self._due:
                return
            self._timer.cancel()
        self._timer = self.loop.call_at(self._due, self._timed_out)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _timed_out(self) -> None:
        self._timer = None
        unsent = self._unsent
        if self._transport is not None and unsent:
            self._unsent = self._transport.get_write_buffer_size()
            if self._unsent < unsent:
                self._expect(WRITE_S, self._late)
                return
        if self.loop.time() < self._due - 0.001:
            self._timer = self.loop.call_at(self._due, self._timed_out)
            return
        seconds = self._timeouts.total_s if self._due == self._latest else self._late_s
        self._break(UpstreamTimeoutError(f"{self._name}: {self._late} in {seconds:g} s"))
