"""Upstreams that fail, streams that break, clients that leave."""

from __future__ import annotations

import json
import socket

import pytest

from routewright.data.journal import Journal
from routewright.providers.pool import Pool
from routewright.providers.taken import SENDS
from routewright.serve.gateway import Gateway
from tests.fakes.gateway import ByWord, scripted_settings, served
from tests.fakes.upstream import Cut, Hang, Raw, Refuse, Say

PATIENCE_S = 20.0  # far below the upstream timeout: only a cancelled call ends sooner


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Refuse(500), "bad_upstream"),
        (Refuse(401), "upstream_account"),
        (Refuse(429, headers=(("retry-after", "0"),)), "upstream_rate_limited"),
        (Raw(b"<html>", "text/html"), "bad_upstream"),
        (Raw(b'{"error": {"message": "no"}}'), "bad_upstream"),
        (Cut(0), "bad_upstream"),
        (Cut(0, reset=True), "bad_upstream"),
    ],
)
def test_before_the_first_byte_the_next_best_takes_over(running, upstream, fault, code):
    upstream.script["cheap"] = [fault]
    for stream in (False, True):
        reply = running.chat("hello", stream=stream)
        assert reply.status == 200
        assert reply.headers["x-routewright-model"] == "strong"
        assert reply.headers["x-routewright-attempts"] == f"cheap={code}, strong=ok"
        if not stream:
            told = reply.json["routewright"]
            assert told["expected_score"] == 0.9
            assert told["reason"].endswith(f"cheap failed ({code})")


def test_a_named_model_has_no_fallback(running, upstream):
    upstream.script["cheap"] = [Refuse(503, message="out of order")]
    reply = running.chat("hello", model="cheap")
    assert reply.status == 502
    assert "out of order" in reply.json["error"]["message"]
    assert reply.headers["x-routewright-attempts"] == "cheap=bad_upstream"
    assert upstream.asked("strong") == 0


def test_when_all_fail_the_last_error_is_told_with_its_retry_after(running, upstream):
    upstream.script["cheap"] = [Refuse(500)]
    upstream.script["strong"] = [Refuse(429, headers=(("retry-after", "7"),))]
    reply = running.chat("hello")
    assert (reply.status, reply.headers["retry-after"]) == (429, "7")
    assert reply.json["error"]["type"] == "rate_limit_error"


def test_at_most_two_fallbacks_are_tried(upstream, tmp_path):
    upstream.script |= {name: [Refuse(500)] for name in ("cheap", "strong", "spare")}
    gateway = Gateway(scripted_settings(upstream.url, tmp_path, default_model="cheap"))
    with served(gateway) as running:
        assert running.chat("hello").status == 502
    assert [r["model"] for r in upstream.requests] == ["cheap", "strong", "spare"]


def test_a_refusal_of_the_request_itself_is_passed_on_and_not_retried(running, upstream):
    upstream.script["cheap"] = [Refuse(400, message="temperature is out of range")]
    reply = running.chat("hello")
    assert reply.status == 400
    assert "temperature is out of range" in reply.json["error"]["message"]
    assert upstream.asked("strong") == 0


def test_a_router_that_fails_does_not_fail_the_request(running, caplog):
    reply = running.chat("explode")
    assert reply.status == 200
    assert "the router failed" in reply.json["routewright"]["reason"]


def test_a_router_that_is_late_does_not_hold_the_request(running, monkeypatch):
    import time

    monkeypatch.setattr("routewright.serve.deciding.DECIDE_TIMEOUT_S", 0.05)
    decide = running.gateway.decider.decide

    def late(*given, **named):
        time.sleep(0.5)
        return decide(*given, **named)

    monkeypatch.setattr(running.gateway.decider, "decide", late)
    assert "the router took over" in running.chat().json["routewright"]["reason"]


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("after_events", [1, 2, 5, 6])
def test_a_stream_that_breaks_is_never_a_success(upstream, tmp_path, after_events, reset):
    upstream.script["cheap"] = [Cut(after_events, reset=reset)]
    gateway = Gateway(scripted_settings(upstream.url, tmp_path), router=ByWord())
    with served(gateway) as running:
        reply = running.chat("hello", stream=True)
        text = reply.body.decode()
        if reset and reply.headers["x-routewright-model"] == "strong":
            return  # the reset overtook the first event: nothing had reached the client
        last = text.rstrip().split("\n\n")[-1]
        error = json.loads(last.removeprefix("data: "))["error"]
        assert error["code"] == "upstream_stream_truncated"
        assert "[DONE]" not in text
        assert upstream.asked("strong") == 0
    (row,) = Journal(tmp_path / "decisions.jsonl").rows()
    assert row["state"] == "partial"


def leave(port: int, upstream, *, stream: bool, read_first: bool, named: str = "auto") -> None:
    """Ask, wait until the upstream has the call, and close the connection."""
    body = json.dumps(
        {"model": named, "stream": stream, "messages": [{"role": "user", "content": "hello"}]}
    ).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(head % len(body) + body)
        assert upstream.arrived.acquire(timeout=PATIENCE_S)
        if read_first:
            assert connection.recv(65536)


@pytest.mark.parametrize(
    ("stream", "after_events"),
    [(False, None), (True, None), (True, 0), (True, 2)],
    ids=["whole", "before headers", "before the first event", "mid-stream"],
)
def test_a_client_that_leaves_takes_the_upstream_call_with_it(
    upstream, tmp_path, stream, after_events
):
    upstream.script["cheap"] = [Hang(after_events)]
    gateway = Gateway(scripted_settings(upstream.url, tmp_path), router=ByWord())
    with served(gateway) as running:
        leave(running.port, upstream, stream=stream, read_first=bool(after_events))
        assert upstream.left.acquire(timeout=PATIENCE_S), "the upstream call goes on"
        assert running.chat("hello", model="strong").status == 200
    first, second = Journal(tmp_path / "decisions.jsonl").rows()
    assert first["state"] == ("partial" if after_events else "failed")
    assert first["attempts"][0]["model"] == "cheap"
    assert second["state"] == "complete"
    assert upstream.asked("strong") == 1


def test_a_stream_is_relayed_as_it_comes(running, upstream):
    upstream.script["cheap"] = [Hang(2)]
    body = b'{"model": "auto", "stream": true, "messages": [{"role": "user", "content": "x"}]}'
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"
    with socket.create_connection(("127.0.0.1", running.port), timeout=30) as connection:
        connection.sendall(head % len(body) + body)
        got = b""
        while b'"one "' not in got:
            piece = connection.recv(65536)
            assert piece, "the stream ended before its second event was relayed"
            got += piece


def test_stopping_lets_a_running_stream_end(upstream, tmp_path):
    upstream.script["cheap"] = [Say("one two three four", gap_s=0.1)]
    gateway = Gateway(scripted_settings(upstream.url, tmp_path), router=ByWord())
    body = b'{"model": "auto", "stream": true, "messages": [{"role": "user", "content": "x"}]}'
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"
    with served(gateway) as running:
        connection = socket.create_connection(("127.0.0.1", running.port), timeout=30)
        connection.sendall(head % len(body) + body)
        got = connection.recv(65536)
    with connection:
        while piece := connection.recv(65536):
            got += piece
    assert b"data: [DONE]" in got
    assert Journal(tmp_path / "decisions.jsonl").rows()[0]["state"] == "complete"


def test_a_request_that_was_sent_again_says_so_in_its_row(upstream, tmp_path, monkeypatch):
    """F-13: where it may have been charged twice, that can be seen."""
    post = Pool.post

    async def twice(self, *given, **named):
        SENDS.set(SENDS.get() + 1)
        return await post(self, *given, **named)

    gateway = Gateway(scripted_settings(upstream.url, tmp_path), router=ByWord())
    with served(gateway) as running:
        assert running.chat("hello").status == 200
        monkeypatch.setattr(Pool, "post", twice)
        for stream in (False, True):
            assert running.chat("hello", stream=stream).status == 200
    rows = Journal(tmp_path / "decisions.jsonl").rows()
    assert [row["attempts"][0].get("sent", 1) for row in rows] == [1, 2, 2]
