"""A head that is taken for one seen before is that one: the parser would have told the same."""

from __future__ import annotations

from typing import Any

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routewright.serve.heads import Known, remembered

HEAD = (
    b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer one\r\n"
    b"Content-Length: %d\r\naccept: */*\r\n\r\n"
)
BODY = b'{"model":"auto"}'
FIRST = HEAD % len(BODY) + BODY
ODD = [
    b"\r\n",
    b"\n",
    b"\r",
    b" ",
    b"0",
    b"+",
    b"_",
    b"-",
    b"Content-Length: 3\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"authorization: Bearer two\r\n",
    b"expect: 100-continue\r\n",
    FIRST,
    b"GET / HTTP/1.1\r\nhost: x\r\n\r\n",
]


class Seen:
    def __init__(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""
        self.begun = self.whole = 0

    def on_message_begin(self) -> None:
        self.begun += 1

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.whole += 1


def parsed(data: bytes) -> Seen:
    seen = Seen()
    httptools.HttpRequestParser(seen).feed_data(data)
    return seen


def scope_of(data: bytes) -> dict[str, Any]:
    return {"method": "POST", "path": "/v1/chat/completions", "headers": parsed(data).headers}


def known() -> Known:
    made = Known.of(FIRST, scope_of(FIRST), BODY)
    assert made is not None
    return made


@pytest.mark.parametrize("body", [BODY, b"", b"{}", b"x" * 65_536])
def test_another_body_under_the_same_head_is_known(body):
    data = HEAD % len(body) + body
    again = known().again(data)
    assert again is not None
    scope, told = again
    assert told == body
    assert scope["headers"] == parsed(data).headers


@given(
    st.binary(max_size=30),
    st.lists(st.tuples(st.integers(0, len(FIRST)), st.sampled_from(ODD), st.integers(0, 30))),
)
def test_whatever_is_known_again_is_one_request_with_these_headers_and_this_body(body, changes):
    data = HEAD % len(body) + body
    for at, odd, cut in changes[:3]:
        data = data[:at] + odd + data[at + cut :]
    again = known().again(data)
    if again is None:
        return
    scope, told = again
    seen = parsed(data)
    assert (seen.begun, seen.whole) == (1, 1)
    assert (seen.headers, seen.body) == (scope["headers"], told)


@pytest.mark.parametrize("end", range(len(FIRST)))
def test_a_part_of_a_request_is_not_known(end):
    assert known().again(FIRST[:end]) is None


@pytest.mark.parametrize(
    "data",
    [
        FIRST + FIRST,
        b"\r\n" + FIRST,
        FIRST.replace(b"Content-Length: 16", b"content-length:  16"),
        FIRST.replace(b"Content-Length: 16\r\n", b""),
    ],
)
def test_only_a_request_alone_with_a_plain_length_is_remembered(data):
    assert Known.of(data, {"method": "POST", "headers": parsed(FIRST).headers}, BODY) is None


def test_what_was_read_off_a_head_is_read_once():
    one, read = known(), []

    def count(scope: Any) -> int:
        read.append(scope)
        return len(read)

    for _ in range(3):
        again = one.again(FIRST)
        assert again is not None
        assert remembered(again[0], "count", count) == 1
    assert remembered({"headers": []}, "count", count) == 2
