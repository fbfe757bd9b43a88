"""A connection to the server: what may stand on it, in which order it is answered."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from typing import Any

import pytest

from routewright.serve.exchange import Exchange
from tests.fakes.upstream import Hang

HOST = b"host: localhost\r\n"
BODY = b'{"model":"auto","messages":[{"role":"user","content":"hi"}]}'


def post(body: bytes = BODY, more: bytes = b"") -> bytes:
    size = b"content-length: %d\r\n" % len(body)
    return b"POST /v1/chat/completions HTTP/1.1\r\n" + HOST + size + more + b"\r\n" + body


def get(path: bytes, method: bytes = b"GET", more: bytes = b"") -> bytes:
    return b"%b %b HTTP/1.1\r\n%b%b\r\n" % (method, path, HOST, more)


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def to_the_end(connection: socket.socket) -> bytes:
    got = b""
    while piece := connection.recv(65536):
        got += piece
    return got


def until(connection: socket.socket, mark: bytes) -> bytes:
    got = b""
    while mark not in got:
        piece = connection.recv(65536)
        assert piece, got
        got += piece
    return got


def is_closed(connection: socket.socket) -> bool:
    """Whether the server has closed it; one more line's end is sent to see."""
    try:
        connection.sendall(b"\r\n")
        return not connection.recv(1)
    except TimeoutError:
        return False
    except OSError:
        return True


def test_requests_that_come_at_once_are_answered_in_their_order(running):
    with connected(running.port) as connection:
        close = b"connection: close\r\n"
        connection.sendall(post() + get(b"/healthz") + get(b"/v1/models") + get(b"/x", more=close))
        got = to_the_end(connection)
    heads = [part.split(b"\r\n")[0] for part in got.split(b"HTTP/1.1 ")[1:]]
    assert heads == [b"200 OK", b"200 OK", b"200 OK", b"404 Not Found"]
    places = [got.index(word) for word in (b'"choices"', b'"status":"ok"', b'"object":"list"')]
    assert places == sorted(places)
    assert got.count(b"connection: close") == 1


def test_a_hundred_requests_follow_each_other_on_one_connection(running):
    with connected(running.port) as connection:
        for _ in range(100):
            connection.sendall(post())
            head, _, rest = until(connection, b"\r\n\r\n").partition(b"\r\n\r\n")
            size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            while len(rest) < size:
                rest += connection.recv(65536)
            assert json.loads(rest)["choices"]


def test_a_head_alone_is_answered_without_a_body(running):
    with connected(running.port) as connection:
        connection.sendall(get(b"/healthz", b"HEAD", b"connection: close\r\n"))
        head, _, body = to_the_end(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert b"content-length: 15" in head
    assert body == b""


def test_a_client_that_waits_for_leave_to_send_gets_it(running):
    with connected(running.port) as connection:
        head, _, body = post(more=b"expect: 100-continue\r\n").partition(b"\r\n\r\n")
        connection.sendall(head + b"\r\n\r\n")
        assert until(connection, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert until(connection, b"\r\n\r\n").startswith(b"HTTP/1.1 200 OK")


def test_a_body_in_chunks_and_in_single_bytes_is_read(running):
    chunks = b"".join(b"%x\r\n%b\r\n" % (1, BODY[at : at + 1]) for at in range(len(BODY)))
    head = b"POST /v1/chat/completions HTTP/1.1\r\n" + HOST + b"transfer-encoding: chunked\r\n"
    with connected(running.port) as connection:
        for byte in (head + b"connection: close\r\n\r\n")[:-10]:
            connection.sendall(bytes([byte]))
        connection.sendall((head + b"connection: close\r\n\r\n")[-10:] + chunks + b"0\r\n\r\n")
        assert b'"choices"' in to_the_end(connection)


def test_a_large_body_comes_whole(running, upstream):
    text = "word " * 100_000
    body = json.dumps({"model": "auto", "messages": [{"role": "user", "content": text}]}).encode()
    with connected(running.port) as connection:
        connection.sendall(post(body, b"connection: close\r\n"))
        assert to_the_end(connection).startswith(b"HTTP/1.1 200 OK")
    assert upstream.requests[-1]["messages"][0]["content"] == text


def test_a_stream_is_chunked_and_its_connection_goes_on(running):
    body = BODY.replace(b'"auto"', b'"auto","stream":true')
    with connected(running.port) as connection:
        for _ in range(2):
            connection.sendall(post(body))
            got = until(connection, b"\r\n0\r\n\r\n")
            assert b"transfer-encoding: chunked" in got
            assert b"data: [DONE]\n\n" in got


def test_an_idle_connection_is_closed_though_line_ends_trickle_in(running, monkeypatch):
    monkeypatch.setattr("routewright.serve.http.IDLE_S", 0.5)
    with connected(running.port) as connection:
        connection.sendall(get(b"/healthz"))
        until(connection, b'"ok"}')
        began = time.monotonic()
        connection.settimeout(0.2)
        while not is_closed(connection):
            assert time.monotonic() - began < 4


def test_a_client_that_leaves_a_queue_of_requests_frees_what_runs(running, upstream):
    upstream.script["cheap"] = [Hang()]
    with connected(running.port) as connection:
        connection.sendall(post(BODY.replace(b'"auto"', b'"cheap"')) + get(b"/healthz"))
        time.sleep(0.3)
    began = time.monotonic()
    while running.gateway.relay.admission.running and time.monotonic() - began < 3:
        time.sleep(0.02)
    assert running.gateway.relay.admission.running == 0
    assert time.monotonic() - began < 1.5


def test_requests_without_end_before_the_first_answer_are_cut_off(running, upstream):
    upstream.script["cheap"] = [Hang()]
    with connected(running.port) as connection:
        connection.sendall(post(BODY.replace(b'"auto"', b'"cheap"')) + get(b"/healthz") * 1000)
        with contextlib.suppress(ConnectionError):
            assert to_the_end(connection) == b""
    with connected(running.port) as connection:
        connection.sendall(get(b"/healthz"))
        assert until(connection, b'"ok"}').startswith(b"HTTP/1.1 200 OK")


class _Transport:
    def __init__(self) -> None:
        self.written = b""
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


class _Connection:
    """What an exchange asks of the connection that it is on."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.loop = asyncio.get_running_loop()
        self.transport = _Transport()
        self.writable = None
        self.state = self
        self.tasks: set[Any] = set()
        self.default_headers: list[tuple[bytes, bytes]] = []
        self.served = 0

    def read(self, exchange: Exchange) -> None: ...

    def answered(self, exchange: Exchange) -> None:
        self.served += 1


async def answered(app: Any) -> _Connection:
    connection = _Connection(app)
    Exchange(connection, {"method": "POST"}, keep_alive=True, expects=False).begin()  # type: ignore[arg-type]
    await asyncio.gather(*connection.tasks)
    assert not connection.tasks
    return connection


def saying(status: int, headers: list[tuple[bytes, bytes]], *bodies: bytes) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        for at, body in enumerate(bodies, 1):
            more = at < len(bodies)
            await send({"type": "http.response.body", "body": body, "more_body": more})

    return app


@pytest.mark.parametrize(
    ("name", "value"), [(b"x", b"a\r\nb: c"), (b"x", b"a\nb"), (b"x", b"a\rb"), (b"x\r\ny", b"a")]
)
async def test_no_header_can_hold_another(name, value):
    """S-09, the other way round: what an answer says stays one header."""
    connection = await answered(saying(200, [(name, value)], b""))
    assert connection.transport.written.startswith(b"HTTP/1.1 500 ") or not (
        connection.transport.written
    )
    assert b"b: c" not in connection.transport.written


@pytest.mark.parametrize("bodies", [(b"12345",), (b"12",), (b"12", b"3456"), (b"1", b"")])
async def test_an_answer_of_another_length_than_it_says_is_cut(bodies):
    connection = await answered(saying(200, [(b"content-length", b"4")], *bodies))
    assert connection.transport.closed
    assert not connection.served


async def test_an_application_that_fails_or_says_nothing_is_a_plain_failure():
    async def fails(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("inside")

    async def silent(scope: Any, receive: Any, send: Any) -> None: ...

    for app in (fails, silent):
        connection = await answered(app)
        assert connection.transport.written.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
        assert b"connection: close" in connection.transport.written
        assert connection.served == 1


async def test_an_answer_without_a_body_has_no_frames():
    connection = await answered(saying(204, [], b""))
    assert connection.transport.written == b"HTTP/1.1 204 No Content\r\n\r\n"
