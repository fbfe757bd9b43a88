"""What a client may send over a raw socket, and that the gateway is alive after it."""

from __future__ import annotations

import json
import socket

import pytest

from routewright.serve.gateway import Gateway
from tests.fakes.gateway import ByWord, scripted_settings, served

CHAT = "/v1/chat/completions"
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n"


def talk(port: int, *parts: bytes) -> bytes:
    """Send and read until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        for part in parts:
            connection.sendall(part)
        got = b""
        while piece := connection.recv(65536):
            got += piece
        return got


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"model": "auto", "messages": [{"role": "user", "content": "\\ud83d"}]}',
        b'{"model": "auto", "messages": [{"role": "user", "content": "\xff"}]}',
        b'{"model": "auto", "temperature": NaN}',
        b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_a_bad_body_is_a_400_in_openais_shape(running, body: bytes):
    reply = running.request("POST", CHAT, body)
    assert reply.status == 400
    assert reply.json["error"]["type"] == "invalid_request_error"
    assert running.chat().status == 200


def test_half_nested_bodies_and_huge_numbers_never_become_a_500(running):
    deep = '{"a":' * 300 + "1" + "}" * 300
    body = json.dumps({"model": "auto", "messages": [{"role": "user", "content": "x"}]})
    body = body[:-1] + f', "metadata": {deep}, "seed": {2**80}}}'
    assert running.request("POST", CHAT, body.encode()).status == 200


def test_the_content_type_is_not_looked_at(running):
    body = b'{"model": "auto", "messages": [{"role": "user", "content": "x"}]}'
    head = HEAD + b"content-type: text/plain\r\nconnection: close\r\n"
    got = talk(running.port, head + b"content-length: %d\r\n\r\n" % len(body), body)
    assert got.startswith(b"HTTP/1.1 200")


@pytest.fixture
def narrow(upstream, tmp_path, monkeypatch):
    """A gateway that takes bodies of a thousand bytes, and waits half a second for them."""
    monkeypatch.setattr("routewright.serve.inbound.DRAIN_S", 0.2)
    settings = scripted_settings(upstream.url, tmp_path, max_body_bytes=1000)
    with served(Gateway(settings, router=ByWord()), body_timeout_s=0.5) as up:
        yield up


def sized(size: int) -> bytes:
    frame = b'{"model": "auto", "messages": [{"role": "user", "content": "%b"}]}'
    return frame % (b"x" * (size - len(frame) + 2))


def test_the_limit_of_the_body_is_exact(narrow):
    assert narrow.request("POST", CHAT, sized(1000)).status == 200
    reply = narrow.request("POST", CHAT, sized(1001))
    assert reply.status == 413
    assert "1000 bytes" in reply.json["error"]["message"]


def test_a_huge_body_is_refused_before_it_is_sent(narrow):
    got = talk(narrow.port, HEAD + b"content-length: 1000000000\r\n\r\n", b"{}")
    assert got.startswith(b"HTTP/1.1 413")
    assert b"connection: close" in got


def test_a_chunked_body_without_end_is_cut_at_the_limit(narrow):
    chunk = b"400\r\n" + b"x" * 1024 + b"\r\n"
    got = talk(narrow.port, HEAD + b"transfer-encoding: chunked\r\n\r\n", chunk * 3)
    assert got.startswith(b"HTTP/1.1 413")


def test_a_sender_that_stalls_is_cut_off(narrow):
    got = talk(narrow.port, HEAD + b"content-length: 100\r\n\r\n", b'{"model"')
    assert got.startswith(b"HTTP/1.1 408")
    assert b"did not arrive" in got


def test_an_encoded_body_is_refused(narrow):
    got = talk(narrow.port, HEAD + b"content-encoding: gzip\r\ncontent-length: 2\r\n\r\n", b"xx")
    assert got.startswith(b"HTTP/1.1 415")
