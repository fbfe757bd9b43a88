"""Answers that are taken without the parser are those that it would have told, to the byte."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any
from unittest import mock

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routewright.config import Timeouts
from routewright.errors import UpstreamError
from routewright.providers.connection import Connection, _whole_chunks, whole_body
from routewright.providers.response import Response
from tests.fakes.transport import Taking

BODY = b'{"choices":[]}'
PLAIN = (
    b"HTTP/1.1 200 OK\r\ndate: Fri, 27 Nov 2026 08:00:00 GMT\r\ncontent-type: application/json\r\n"
    b"Content-Length: 14\r\nconnection: keep-alive\r\nx-request-id: 1\r\n\r\n" + BODY
)
ODD = [
    b"\r\n",
    b"\n",
    b"\r",
    b" ",
    b"\t",
    b":",
    b"0",
    b"Content-Length: 14\r\n",
    b"content-length: 3\r\n",
    b"Content-Length : 14\r\n",
    b"content-length: +14\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"connection: close\r\n",
    b"Content-Encoding: gzip\r\n",
    b" folded\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.0 200 OK\r\n",
]


class Seen:
    """What the parser tells of one answer."""

    def __init__(self) -> None:
        self.body = b""
        self.whole = 0
        self.coded = self.closes = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.coded |= name.lower() == b"content-encoding"
        self.closes |= name.lower() == b"connection" and value.lower() != b"keep-alive"

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.whole += 1


def parsed(data: bytes) -> tuple[Seen, Any]:
    seen = Seen()
    parser = httptools.HttpResponseParser(seen)
    parser.feed_data(data)
    return seen, parser


def test_a_plain_answer_needs_no_parser():
    assert whole_body(PLAIN) == BODY


@pytest.mark.parametrize("end", range(len(PLAIN)))
def test_a_part_of_one_is_none(end):
    assert whole_body(PLAIN[:end]) is None


@given(st.lists(st.tuples(st.integers(0, len(PLAIN)), st.sampled_from(ODD), st.integers(0, 20))))
def test_whatever_is_taken_is_what_the_parser_would_tell(changes):
    data = PLAIN
    for at, odd, cut in changes[:3]:
        data = data[:at] + odd + data[at + cut :]
    body = whole_body(data)
    if body is None:
        return
    seen, parser = parsed(data)
    assert (seen.body, seen.whole, seen.coded, seen.closes) == (body, 1, False, False)
    assert parser.get_status_code() == 200


def told(pieces: list[bytes], *, plainly: bool) -> tuple[bytes, str]:
    """The body that a connection makes of pieces, and how it ended."""

    async def ask() -> tuple[bytes, str]:
        connection = Connection("up", Timeouts(), lambda _: None, lambda _: None)
        connection.connection_made(Taking())
        response: Response = connection.send(b"", b"", streamed=True)
        for piece in pieces:
            if connection._response is not None:
                connection.data_received(piece)
        if connection._response is not None:
            connection.connection_lost(None)
        body = b""
        try:
            while chunk := await response.chunk():
                body += chunk
        except UpstreamError as error:
            return body, str(error)
        return body, "whole"

    if plainly:
        return asyncio.run(ask())
    with mock.patch("routewright.providers.connection._whole_chunks", return_value=[]):
        return asyncio.run(ask())


HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
EVENTS = [b"data: %d\n\n" % n * (n + 1) for n in range(12)]
CHUNKS = [b"%x\r\n%b\r\n" % (len(event), event) for event in EVENTS]
CHUNKED = b"".join([*CHUNKS[:6], b"b;name=value\r\nhello world\r\n", *CHUNKS[6:]])
BREAKS = [0, *itertools.accumulate(map(len, CHUNKS))]


@given(
    st.lists(st.integers(0, len(CHUNKED)), max_size=12),
    st.lists(st.sampled_from(BREAKS), max_size=6),
    st.sampled_from([b"0\r\n\r\n", b"0\r\ntrailer: 1\r\n\r\n", b"", b"0", b"1\r\nx"]),
    st.none() | st.tuples(st.integers(0, len(CHUNKED)), st.sampled_from([*ODD, b"_", b"+", b"g"])),
)
def test_chunks_that_pass_beside_the_parser_are_those_that_it_would_tell(cuts, more, end, odd):
    data = CHUNKED
    if odd is not None:
        data = data[: odd[0]] + odd[1] + data[odd[0] :]
    data += end
    at = [0, *sorted(min(cut, len(data)) for cut in [*cuts, *more]), len(data)]
    pieces = [HEAD, *(piece for a, b in itertools.pairwise(at) if (piece := data[a:b]))]
    assert told(pieces, plainly=True) == told(pieces, plainly=False)


def test_whole_chunks_do_pass_beside_it():
    assert [_whole_chunks(chunk) for chunk in CHUNKS] == [[event] for event in EVENTS]
    assert _whole_chunks(b"".join(CHUNKS)) == EVENTS
    assert [_whole_chunks(b"".join(CHUNKS)[:end]) for end in (1, 4, -1)] == [[], [], []]
