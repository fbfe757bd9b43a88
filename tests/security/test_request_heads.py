"""S-09: requests that two parsers would read differently, and heads that never end."""

from __future__ import annotations

import concurrent.futures
import socket
import statistics
import time

import pytest

from routewright.serve.gateway import Gateway
from tests.fakes.gateway import ByWord, scripted_settings, served
from tests.fakes.upstream import Upstream

BODY = b'{"model": "auto", "messages": [{"role": "user", "content": "x"}]}'
POST = b"POST /v1/chat/completions HTTP/1.1\r\n"
HOST = b"host: x\r\n"
SIZE = b"content-length: %d\r\n" % len(BODY)


@pytest.fixture(scope="module")
def upstream():
    with Upstream() as up:
        yield up


@pytest.fixture(scope="module")
def running(upstream, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gateway")
    settings = scripted_settings(upstream.url, folder, allowed_hosts=("a-b.example",))
    with served(Gateway(settings, router=ByWord())) as up:
        yield up


def talk(port: int, sent: bytes, patience_s: float = 10) -> bytes:
    """All that comes back until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=patience_s) as connection:
        try:
            connection.sendall(sent)
            got = b""
            while piece := connection.recv(65536):
                got += piece
        except ConnectionError:
            pass  # closed with something of ours unread
        return got


CHUNKED = b"transfer-encoding: chunked\r\n"
WHOLE = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
HOSTILE = {
    "length and chunked": POST + HOST + SIZE + CHUNKED + b"\r\n" + WHOLE,
    "chunked and length": POST + HOST + CHUNKED + SIZE + b"\r\n" + WHOLE,
    "two lengths": POST + HOST + SIZE + b"content-length: 3\r\n\r\n" + BODY,
    "a signed length": POST + HOST + b"content-length: +%d\r\n\r\n" % len(BODY) + BODY,
    "a negative length": POST + HOST + b"content-length: -1\r\n\r\n" + BODY,
    "an unknown coding": POST + HOST + b"transfer-encoding: xchunked\r\n\r\n" + WHOLE,
    "chunked is not last": POST + HOST + b"transfer-encoding: chunked, gzip\r\n\r\n" + WHOLE,
    "a bare LF after a chunk": POST + HOST + CHUNKED + b"\r\n" + WHOLE.replace(b"\r\n", b"\n"),
    "a chunk longer than it says": POST + HOST + CHUNKED + b"\r\n2\r\nabcd\r\n0\r\n\r\n",
    "a chunk's size is no number": POST + HOST + CHUNKED + b"\r\n0x2\r\n{}\r\n0\r\n\r\n",
    "a folded header": POST + HOST + b"x: a\r\n  b\r\n" + SIZE + b"\r\n" + BODY,
    "space before the colon": POST + HOST + b"content-length : 3\r\n\r\n" + BODY,
    "a bare CR": POST + HOST + b"x: a\rb\r\n" + SIZE + b"\r\n" + BODY,
    "a zero byte": POST + HOST + b"x: a\x00b\r\n" + SIZE + b"\r\n" + BODY,
    "two hosts": POST + HOST + b"host: y\r\n" + SIZE + b"\r\n" + BODY,
    "no host": POST + SIZE + b"\r\n" + BODY,
    "a host with a path": POST + b"host: a/admin?\r\n" + SIZE + b"\r\n" + BODY,
    "a host with a fragment": POST + b"host: a/#@b\r\n" + SIZE + b"\r\n" + BODY,
    "a newer version": POST.replace(b"1.1", b"3.0") + HOST + SIZE + b"\r\n" + BODY,
    "no request at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200,
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_can_be_read_in_two_ways_is_refused_and_the_connection_closed(running, upstream, what):
    """S-09: smuggling corpus; what follows on the connection is never a request of its own."""
    before = len(upstream.requests)
    hidden = b"GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n"
    got = talk(running.port, HOSTILE[what] + hidden)
    assert got.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 408 ")) or not got
    assert got.count(b"HTTP/1.1 ") <= 1
    assert b'"object":"list"' not in got
    if got:
        assert b'"invalid_request_error"' in got
    assert len(upstream.requests) == before
    assert running.chat().status == 200


@pytest.mark.parametrize("host", [b"localhost:8080", b"[::1]:80", b"127.0.0.1", b"a-b.example"])
def test_honest_hosts_are_served(running, host):
    """S-09: the guard takes nothing from anybody."""
    head = POST + b"host: %b\r\nconnection: close\r\n" % host
    assert talk(running.port, head + SIZE + b"\r\n" + BODY).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "head",
    [
        POST + HOST + b"x: y\r\n" * 10_000 + b"\r\n",
        POST + HOST + b"x: " + b"y" * 300_000 + b"\r\n\r\n",
        POST + HOST + b"x: " + b"y" * 100_000,
    ],
    ids=["10,000 headers", "a line of 300 kB", "a line without end"],
)
def test_a_head_without_measure_is_refused(running, head):
    """S-09: number and size of headers."""
    got = talk(running.port, head)
    assert got.startswith(b"HTTP/1.1 431 ") or not got  # a reset may overtake the answer
    assert running.chat().status == 200


def test_a_hundred_slow_heads_are_cut_off_and_hold_nobody_up(upstream, tmp_path, monkeypatch):
    """S-09: slow headers; the honest are answered meanwhile."""
    monkeypatch.setattr("routewright.serve.http.HEAD_S", 1.0)
    gateway = Gateway(scripted_settings(upstream.url, tmp_path), router=ByWord())
    with served(gateway) as running:
        slow = [socket.create_connection(("127.0.0.1", running.port)) for _ in range(100)]
        began = time.monotonic()
        for at, connection in enumerate(slow):
            connection.sendall(POST + b"x: y\r\n" if at % 2 else b"")
        assert running.chat().status == 200
        with concurrent.futures.ThreadPoolExecutor(1) as one:
            answers = [one.submit(connection.recv, 65536) for connection in slow]
            got = [answer.result(10) for answer in answers]
        assert time.monotonic() - began < 5
        for connection in slow:
            connection.close()
        assert all(answer.startswith(b"HTTP/1.1 408 ") for answer in got[1::2])
        assert not any(got[::2])
        assert running.chat().status == 200


@pytest.mark.nightly
def test_a_thousand_slow_heads_leave_the_honest_their_time(upstream, tmp_path, figures):
    """S-09: 99 of 100 honest requests take at most twice as long."""
    gateway = Gateway(scripted_settings(upstream.url, tmp_path), router=ByWord())
    with served(gateway) as running:

        def p99_s() -> float:
            took = []
            for _ in range(500):
                began = time.monotonic()
                assert running.chat().status == 200
                took.append(time.monotonic() - began)
            return statistics.quantiles(took, n=100)[98]

        p99_s()
        calm_s = p99_s()
        slow = [socket.create_connection(("127.0.0.1", running.port)) for _ in range(1000)]
        for connection in slow:
            connection.sendall(POST + b"x: y\r\n")
        crowded_s = p99_s()
        for connection in slow:
            connection.close()
    figures("S-09", slow=1000, calm_p99_ms=round(calm_s * 1e3, 1),
            crowded_p99_ms=round(crowded_s * 1e3, 1))  # fmt: skip
    assert crowded_s <= 2 * calm_s


def test_a_client_that_reads_nothing_costs_little_memory_and_is_left(
    upstream, tmp_path, monkeypatch
):
    """L-06 in small: the upstream has to wait, and the connection is closed."""
    from tests.fakes.upstream import Say

    monkeypatch.setattr("routewright.serve.http.WRITE_S", 0.5)
    text = " ".join(["word" * 2000] * 2000)  # 16 MB of events
    with Upstream(script={"cheap": [Say(text)]}) as big:
        gateway = Gateway(scripted_settings(big.url, tmp_path), router=ByWord())
        with served(gateway) as running:
            body = BODY.replace(b'"auto"', b'"cheap", "stream": true')
            with socket.socket() as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                connection.connect(("127.0.0.1", running.port))
                size = b"content-length: %d\r\n\r\n" % len(body)
                connection.sendall(POST + HOST + size + body)
                assert big.left.acquire(timeout=20), "the upstream's stream was read to its end"
            assert running.chat(model="strong").status == 200
