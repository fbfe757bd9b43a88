"""I-02, I-03, I-05, I-07 at the size that the matrix states: bodies at their bound and far beyond.

The inputs themselves, of every kind and for every dialect, are in ``test_inputs``; what is here is
as large as it gets, and is asked what it costs in memory.
"""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from routewright.serve.gateway import Gateway
from routewright.serve.replies import MOST_DRAINED_BYTES
from tests.fakes.gateway import ByWord, Served, scripted_settings, served
from tests.fakes.upstream import Upstream

pytestmark = pytest.mark.nightly

CHAT = "/v1/chat/completions"
LIMIT = 16_000_000


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("large")
    with Upstream() as upstream:
        settings = scripted_settings(upstream.url, folder, max_body_bytes=LIMIT)
        with served(Gateway(settings, router=ByWord())) as running:
            running.chat()
            yield running


def peak_mb() -> float:
    """Of this process, the gateway's and the test's alike."""
    told = Path("/proc/self/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+)", told)[0]) / 1024


def grown_mb(send: Callable[[], None]) -> float:
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = peak_mb()
    send()
    return peak_mb() - before


def streamed(port: int, first: bytes, piece: bytes, times: int) -> tuple[bytes, int]:
    """What comes back, and how many bytes had been taken by then."""
    sent = 0
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        try:
            connection.sendall(first)
            connection.setblocking(True)
            for _ in range(times):
                connection.settimeout(5)
                connection.sendall(piece)
                sent += len(piece)
        except OSError:
            pass  # it does not listen any more
        got = b""
        try:
            while more := connection.recv(65536):
                got += more
        except OSError:
            pass
        return got, sent


HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n"


def padded(size: int) -> bytes:
    empty = json.dumps({"model": "auto", "messages": [{"role": "user", "content": ""}]}).encode()
    return empty.replace(b'""', b'"' + b"x" * (size - len(empty)) + b'"')


@pytest.mark.parametrize(
    "head",
    [b"content-length: 1000000000\r\n\r\n", b"transfer-encoding: chunked\r\n\r\n"],
    ids=["a gigabyte declared", "chunks without end"],
)
def test_a_body_without_measure_costs_no_more_than_its_bound(up, head, figures):
    """I-02: none of it is kept past the bound; some of what still comes is thrown away."""
    piece = b"x" * (1 << 20)
    if b"chunked" in head:
        piece = b"%x\r\n%b\r\n" % (len(piece), piece)
    answers: list[tuple[bytes, int]] = []
    grown = grown_mb(lambda: answers.append(streamed(up.port, HEAD + head, piece, 1000)))
    (got, sent) = answers[0]
    assert got.startswith(b"HTTP/1.1 413") or not got
    assert sent <= LIMIT + MOST_DRAINED_BYTES + (16 << 20)  # and what the sockets hold
    name = "chunked" if b"chunked" in head else "declared"
    figures("I-02", **{f"{name}_grown_mb": round(grown, 1), f"{name}_taken_mb": sent >> 20})
    assert grown <= LIMIT / 1e6 + 4  # and the pieces that the test itself sends
    assert up.chat().status == 200


@pytest.mark.parametrize(("size", "status"), [(LIMIT - 1, 200), (LIMIT, 200), (LIMIT + 1, 413)])
def test_the_bound_of_a_body_is_exact(up, size, status):
    """I-02: with a length and in chunks."""
    body = padded(size)
    assert len(body) == size
    assert up.request("POST", CHAT, body).status == status
    chunks = b"transfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    whole = b"%x\r\n%b\r\n0\r\n\r\n" % (size, body)
    got, _ = streamed(up.port, HEAD + chunks, whole, 1)
    assert got.startswith(b"HTTP/1.1 %d" % status)


ODD = {
    "100,000 deep": b"[" * 100_000 + b"]" * 100_000,
    "100,000 objects deep": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "a million keys": b"{" + b",".join(b'"k%06d":1' % n for n in range(1_000_000)) + b"}",
    "a million times the same key": b"{" + b",".join([b'"k":1'] * 1_000_000) + b"}",
    "a number of a million digits": b"9" * 1_000_000,
    "a million zeros after the point": b"0." + b"0" * 1_000_000 + b"1",
}


@pytest.mark.parametrize("what", ODD)
@pytest.mark.parametrize("path", [CHAT, "/v1/responses", "/v1/messages", "/v1/embeddings"])
def test_odd_json_of_full_size_is_answered_in_time(up, path, what, figures):
    """I-03: as many keys as fit, a hundred thousand levels, numbers without end."""
    body = b'{"model": "cheap", "max_tokens": 5, "input": "x", "metadata": %b, ' % ODD[what]
    body += b'"messages": [{"role": "user", "content": "x"}]}'
    assert len(body) <= LIMIT
    began = time.monotonic()
    reply = up.request("POST", path, body)
    took_s = time.monotonic() - began
    assert reply.status in (200, 400), reply.body[:300]
    assert took_s < 10
    assert up.chat().status == 200
    if path == CHAT:
        figures("I-03", **{f"{what.replace(' ', '_').replace(',', '')}_s": round(took_s, 2)})


LONG = {
    "5,000 turns": [
        {"role": "user" if n % 2 else "assistant", "content": f"turn {n}"} for n in range(5_001)
    ],
    "a word of 10 MB": [{"role": "user", "content": "x" * 10_000_000}],
    "100,000 combining marks": [{"role": "user", "content": "e" + "\u0301" * 100_000}],
    "100,000 joined emoji": [{"role": "user", "content": "👩\u200d" * 100_000}],
    "50,000 parts": [{"role": "user", "content": [{"type": "text", "text": "x"}] * 50_000}],
    "a million new lines": [{"role": "user", "content": "\n" * 1_000_000}],
}


@pytest.mark.parametrize("what", LONG)
def test_conversations_of_full_size_are_routed(up, what, figures):
    """I-05: features are made of each of them, and none takes the gateway away from others."""
    body = json.dumps({"model": "auto", "messages": LONG[what]}, ensure_ascii=False).encode()
    began = time.monotonic()
    reply = up.request("POST", CHAT, body)
    took_s = time.monotonic() - began
    assert reply.status in (200, 400), reply.body[:300]
    figures("I-05", **{f"{what.replace(' ', '_').replace(',', '')}_s": round(took_s, 2)})
    assert took_s < 10


@pytest.mark.parametrize("name", ["x" * 1_000_000, "x" * 5_000_000])
def test_a_models_name_of_megabytes_is_not_known(up, name):
    """I-07: near names are not looked for among letters without end."""
    began = time.monotonic()
    reply = up.chat(model=name)
    assert reply.status == 404
    assert len(reply.body) < 1000
    assert time.monotonic() - began < 5


def test_requests_without_end_on_one_connection_wait_for_their_turn(up, figures):
    """I-09: a hundred thousand sent ahead by a client that reads no answer cost little memory."""
    one = b"GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n"
    answers: list[tuple[bytes, int]] = []
    with socket.create_connection(("127.0.0.1", up.port), timeout=5) as connection:

        def send() -> None:
            sent = 0
            connection.settimeout(1)
            try:
                for _ in range(1000):
                    connection.sendall(one * 100)
                    sent += 100
            except OSError:
                pass  # it has been made to wait
            answers.append((b"", sent))

        grown = grown_mb(send)
        assert up.chat().status == 200
    figures("I-09", requests_ahead=answers[0][1], grown_mb=round(grown, 1))
    assert grown <= 20
    assert up.chat().status == 200
