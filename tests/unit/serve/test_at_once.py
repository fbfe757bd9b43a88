"""A request that waits for its upstream alone is answered as any other, only without a task."""

from __future__ import annotations

import gc
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from routewright.config import Timeouts
from routewright.data.journal import Journal
from routewright.serve import at_once
from routewright.serve.at_once import Passage
from routewright.serve.call import Call
from routewright.serve.decider import Decider
from routewright.serve.exchange import Exchange
from routewright.serve.gateway import Gateway
from routewright.serve.http import GuardedProtocol
from routewright.state.api_key import Terms
from tests.fakes.gateway import ByWord, Served, scripted_settings, served
from tests.fakes.upstream import Cut, Hang, Raw, Refuse, Say, Upstream

PATH = "/v1/chat/completions"
TIMEOUTS = Timeouts(first_byte_s=1.0, idle_s=1.0, total_s=1.5)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream(keeps=True) as up:
        yield up


@pytest.fixture
def taken(monkeypatch) -> list[bool]:
    """Whether each request was answered without a task."""
    told: list[bool] = []
    take = at_once.AtOnce.take

    def watched(self, exchange):
        told.append(take(self, exchange))
        return told[-1]

    monkeypatch.setattr(at_once.AtOnce, "take", watched)
    return told


@pytest.fixture
def running(upstream: Upstream, tmp_path: Path, taken) -> Iterator[Served]:
    """A gateway that decides on the event loop and has a connection to either account."""
    settings = scripted_settings(upstream.url, tmp_path, timeouts=TIMEOUTS)
    with served(Gateway(settings, router=ByWord())) as up:
        up.gateway.generation.inline_tokens = 5000
        for text in ("hello", "hard"):
            assert up.chat(text).status == 200
        upstream.requests.clear()
        taken.clear()
        yield up
        relay = up.gateway.relay
        assert (relay.admission.running, up.gateway.generation.running) == (0, 0)


def rows(tmp_path: Path) -> list[dict[str, Any]]:
    return Journal(tmp_path / "decisions.jsonl").rows()[2:]


def plainly(running: Served, **more: Any) -> Any:
    """The same request, kept from going at once: its body is late."""
    body = {"model": "auto", "messages": [{"role": "user", "content": "hello"}], **more}
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)
    connection.putrequest("POST", PATH)
    payload = json.dumps(body).encode()
    connection.putheader("content-length", str(len(payload)))
    connection.endheaders()
    time.sleep(0.2)  # the body comes late
    connection.send(payload)
    answer = connection.getresponse()
    told = answer.status, dict(answer.getheaders()), json.loads(answer.read())
    connection.close()
    return told


def test_it_is_answered_as_any_other(running, taken):
    quick = running.chat("hello")
    assert taken == [True]
    status, headers, body = plainly(running)
    assert taken == [True]
    assert (quick.status, set(quick.headers)) == (status, {name.lower() for name in headers})
    ours, others = quick.json, body
    for each in (ours, others):
        each["routewright"].pop("decision_id")
        each["routewright"].pop("latency_s")
        each.pop("created")
    assert ours == others


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"model": "nobody", "messages": [{"role": "user", "content": "hello"}]}, 404),
        ({"model": "auto", "messages": []}, 400),
        ({"model": "auto", "messages": "hello"}, 400),
        ({"model": "auto", "messages": [{"role": "user", "content": "hi"}], "api_base": "x"}, 400),
        (b"{", 400),
        (b"[1]", 400),
        (b"\xff", 400),
    ],
)
def test_what_is_refused_is_refused_in_the_same_words(body, status, running, taken, upstream):
    reply = running.request("POST", PATH, body)
    assert (reply.status, taken) == (status, [False])
    assert reply.json["error"]["message"]
    assert upstream.requests == []


def test_the_next_best_answers_where_the_chosen_one_fails(running, taken, upstream, tmp_path):
    upstream.script["cheap"] = [Refuse(500), Say()]
    reply = running.chat("hello")
    assert (reply.status, taken) == (200, [True])
    assert reply.headers["x-routewright-attempts"] == "cheap=bad_upstream, strong=ok"
    assert [request["model"] for request in upstream.requests] == ["cheap", "strong"]


@pytest.mark.parametrize(
    "said", [b"{", b"\xff\xfe", b"[]", b'{"choices": []}', b'{"error": {"a": 1}}']
)
def test_an_answer_that_is_none_is_followed_by_the_next_best(said, running, taken, upstream):
    upstream.script["cheap"] = [Raw(said, "application/json"), Say()]
    reply = running.chat("hello")
    assert (reply.status, taken) == (200, [True])
    assert reply.headers["x-routewright-model"] == "strong"
    assert [request["model"] for request in upstream.requests] == ["cheap", "strong"]


def test_what_the_upstream_refuses_is_told(running, taken, upstream):
    upstream.script["cheap"] = [Refuse(400)]
    reply = running.chat("hello")
    assert (reply.status, taken, len(upstream.requests)) == (400, [True], 1)
    assert reply.headers["x-routewright-attempts"].startswith("cheap=")


def test_a_limit_of_the_account_cools_it_and_another_answers(running, taken, upstream):
    upstream.script["cheap"] = [Refuse(429, headers=(("retry-after", "30"),))]
    assert running.chat("hello").headers["x-routewright-model"] == "strong"
    again = running.chat("hello")
    assert again.headers["x-routewright-attempts"] == "strong=ok"
    assert [request["model"] for request in upstream.requests] == ["cheap", "strong", "strong"]


def test_an_upstream_that_says_nothing_is_left_in_time(running, taken, upstream):
    upstream.script["cheap"] = [Hang()]
    upstream.script["strong"] = [Hang()]
    began = time.monotonic()
    reply = running.chat("hello")
    assert (reply.status, taken) == (504, [True])
    assert time.monotonic() - began < 4
    assert upstream.left_hanging.acquire(timeout=5)


def test_a_stream_is_the_same_stream(running, taken):
    def words(body: bytes) -> list[Any]:
        events = [json.loads(e[6:]) for e in body.split(b"\n\n") if e.startswith(b"data: {")]
        return [[choice["delta"] for choice in event["choices"]] for event in events]

    quick = running.chat("hello", stream=True)
    assert (quick.status, taken) == (200, [True])
    assert quick.body.endswith(b"data: [DONE]\n\n")
    running.gateway.generation.inline_tokens = 0  # for a thread: not at once
    other = running.chat("hello", stream=True)
    assert taken == [True, False]
    assert words(quick.body) == words(other.body)
    assert set(quick.headers) == set(other.headers)


@pytest.mark.parametrize("step", [Refuse(500), Raw(b"no events", "text/plain"), Hang(), Cut(0)])
def test_a_stream_that_does_not_begin_is_followed_by_the_next_best(step, running, upstream, taken):
    upstream.script["cheap"] = [step]
    reply = running.chat("hello", stream=True)
    assert (reply.status, taken) == (200, [True])
    assert reply.headers["x-routewright-model"] == "strong"
    assert reply.headers["x-routewright-attempts"].endswith(", strong=ok")
    assert reply.body.endswith(b"data: [DONE]\n\n")


def test_a_stream_that_breaks_is_no_success(running, upstream, taken, tmp_path):
    upstream.script["cheap"] = [Cut(1)]
    reply = running.chat("hello", stream=True)
    assert (reply.status, taken) == (200, [True])
    assert b"[DONE]" not in reply.body
    assert b'"error"' in reply.body


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_stops_the_call(stream, running, taken, upstream, tmp_path):
    upstream.script["cheap"] = [Hang()]
    messages = [{"role": "user", "content": "hello"}]
    body = json.dumps({"model": "auto", "messages": messages, "stream": stream})
    with socket.create_connection(("127.0.0.1", running.port)) as client:
        head = f"POST {PATH} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n\r\n"
        client.sendall((head + body).encode())
        for _ in range(3):
            assert upstream.arrived.acquire(timeout=5)
    began = time.monotonic()
    assert upstream.left_hanging.acquire(timeout=5)
    assert time.monotonic() - began < 1
    for _ in range(100):
        if not running.gateway.relay.admission.running and len(rows(tmp_path)) == 1:
            break
        time.sleep(0.02)
    assert taken == [True]
    assert [(row["state"], row["attempts"][0]["outcome"]) for row in rows(tmp_path)] == [
        ("failed", "cancelled")
    ]


def test_the_first_event_is_sent_before_anything_waits(running, taken, upstream, monkeypatch):
    asked: list[bool] = []
    stream = type(running.gateway.relay).stream

    def watched(self, *given):
        asked.append(True)
        return stream(self, *given)

    monkeypatch.setattr(type(running.gateway.relay), "stream", watched)
    reply = running.chat("hello", stream=True)
    assert (reply.status, taken, asked) == (200, [True], [])
    assert reply.body.endswith(b"data: [DONE]\n\n")


def test_a_client_that_leaves_at_the_first_event_stops_the_call(
    running, taken, upstream, tmp_path, monkeypatch
):
    upstream.script["cheap"] = [Hang(1)]
    opened = Exchange.open

    def leaving(self, *given):
        opened(self, *given)
        self._connection.transport.abort()

    monkeypatch.setattr(Exchange, "open", leaving)
    body = {"model": "auto", "messages": [{"role": "user", "content": "hello"}], "stream": True}
    with pytest.raises((OSError, http.client.HTTPException)):
        running.request("POST", PATH, body)
    assert upstream.left_hanging.acquire(timeout=1)
    for _ in range(100):
        if not running.gateway.relay.admission.running and len(rows(tmp_path)) == 1:
            break
        time.sleep(0.02)
    assert [row["state"] for row in rows(tmp_path)] == ["partial"]


def test_a_kept_connection_that_was_closed_meanwhile_costs_nothing(running, taken, upstream):
    pool = running.gateway.providers["acme"]._endpoint._pool
    sent = threading.Event()

    def close_it() -> None:
        upstream._loop.call_soon_threadsafe(sent.set)

    close_it()
    assert sent.wait(5)
    # The upstream's side is closed in the moment in which the request is under way.
    kept = pool._idle[-1]
    running.loop.call_soon_threadsafe(kept._transport.abort)
    time.sleep(0.05)
    reply = running.chat("hello")
    assert reply.status == 200
    assert len(upstream.requests) == 1


def test_many_at_once_are_all_answered(running, taken):
    with ThreadPoolExecutor(16) as clients:
        replies = list(clients.map(lambda n: running.chat(f"hello {n}"), range(200)))
    assert {reply.status for reply in replies} == {200}
    assert len({reply.headers["x-routewright-decision-id"] for reply in replies}) == 200
    assert all(taken)


def test_a_connection_that_ends_leaves_nothing_for_the_garbage_collector(running, taken):
    kinds = (GuardedProtocol, Exchange, Passage, Call)

    def alive() -> int:
        # By type: `isinstance` asks a proxy for its `__class__`, and some of torch's warn then.
        return sum(issubclass(type(each), kinds) for each in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        before = alive()
        for number in range(20):
            body = {"model": "auto", "messages": [{"role": "user", "content": "hello"}]}
            client = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
            for _ in range(3):
                client.request("POST", PATH, json.dumps({**body, "stream": number % 2 == 0}))
                assert client.getresponse().read()
            client.close()
        deadline = time.monotonic() + 5
        while alive() > before and time.monotonic() < deadline:
            time.sleep(0.02)
        assert alive() <= before
    finally:
        gc.enable()


def in_one_turn(running: Served, bodies: list[dict[str, Any]]) -> list[tuple[int, dict[str, str]]]:
    """Status and headers of requests that are all here when the event loop looks."""
    busy, clients = threading.Event(), []
    for _ in bodies:
        client = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)
        client.connect()
        clients.append(client)
    time.sleep(0.1)  # all are accepted

    def block() -> None:
        busy.set()
        time.sleep(0.3)

    running.loop.call_soon_threadsafe(block)
    assert busy.wait(5)
    for client, body in zip(clients, bodies, strict=True):
        client.request("POST", PATH, json.dumps(body))
    answers = [client.getresponse() for client in clients]
    told = [(answer.status, dict(answer.getheaders())) for answer in answers]
    for client, answer in zip(clients, answers, strict=True):
        answer.read()
        client.close()
    return told


def body(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "auto", "messages": [{"role": "user", "content": text}], **more}


@pytest.fixture
def looked_at(monkeypatch) -> list[int]:
    """How many prompts the router looked at together, each time."""
    told: list[int] = []
    predict = Decider.predict

    def watched(self, prompts):
        told.append(len(prompts))
        return predict(self, prompts)

    monkeypatch.setattr(Decider, "predict", watched)
    return told


def test_requests_that_come_together_are_decided_together(running, taken, looked_at):
    asked = [body("hello"), body("hard"), body("hi", model="strong"), body("hard", stream=True)]
    told = in_one_turn(running, asked)
    assert looked_at == [3]  # one is for a model by its name
    assert [status for status, _ in told] == [200] * 4
    models = [headers["x-routewright-model"] for _, headers in told]
    assert models == ["cheap", "strong", "strong", "strong"]
    assert len({headers["x-routewright-decision-id"] for _, headers in told}) == 4


def test_what_is_refused_among_them_is_refused_alone(running, taken, looked_at, upstream):
    dear = body("hard", routewright={"max_usd": 0})
    told = in_one_turn(running, [body("hello"), dear, body("hard")])
    assert looked_at == [3]
    assert [status for status, _ in told] == [200, 400, 200]
    assert len(upstream.requests) == 2


def test_a_prompt_that_the_router_fails_at_is_degraded_alone(
    running, taken, looked_at, monkeypatch
):
    expected = ByWord.expected

    def failing(self, prompt):
        if "trap" in prompt.text:
            raise ArithmeticError("scripted")
        return expected(self, prompt)

    monkeypatch.setattr(ByWord, "expected", failing)
    told = in_one_turn(running, [body("hello"), body("trap"), body("hard")])
    assert looked_at == [3]
    degraded = [headers.get("x-routewright-degraded") for _, headers in told]
    assert degraded == [None, "the router failed (ArithmeticError)", None]


def test_a_fault_of_our_own_with_one_of_them_is_told_to_that_one(
    running, taken, monkeypatch, upstream
):
    relay = type(running.gateway.relay)
    ask_now = relay.ask_now

    def failing(self, call):
        if call.request.messages[0].text == "trap":
            raise ZeroDivisionError("scripted")
        return ask_now(self, call)

    monkeypatch.setattr(relay, "ask_now", failing)
    told = in_one_turn(running, [body("hello"), body("trap"), body("hard")])
    assert [status for status, _ in told] == [200, 500, 200]
    assert len(upstream.requests) == 2


def test_a_decision_that_fails_is_not_that_of_those_beside_it(running, taken, monkeypatch):
    decide = Decider.decide

    def failing(self, prompt, **given):
        if prompt.text == "trap":
            raise ZeroDivisionError("scripted")
        return decide(self, prompt, **given)

    monkeypatch.setattr(Decider, "decide", failing)
    told = in_one_turn(running, [body("hello"), body("trap"), body("hard")])
    assert [status for status, _ in told] == [200, 500, 200]


def test_a_router_that_tells_too_little_of_them_is_asked_about_each(
    running, taken, looked_at, monkeypatch
):
    monkeypatch.setattr(ByWord, "expected_of", lambda self, prompts: [])
    told = in_one_turn(running, [body("hello"), body("hard")])
    assert looked_at == [2]
    assert [headers["x-routewright-model"] for _, headers in told] == ["cheap", "strong"]


def test_a_reload_between_arrival_and_decision_loses_nobody(running, taken, monkeypatch):
    relay, wish = running.gateway.relay, type(running.gateway.relay).wish

    def reloading(self, *given):
        wished = wish(self, *given)
        return wished._replace(generation=None)  # as if another had taken its place

    monkeypatch.setattr(type(relay), "wish", reloading)
    assert running.chat("hello").status == 200
    assert taken == [True]


def test_requests_that_wait_behind_one_another_are_answered_in_order(running, taken):
    def request(text: str) -> bytes:
        body = json.dumps({"model": "auto", "messages": [{"role": "user", "content": text}]})
        return (
            f"POST {PATH} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n\r\n{body}"
        ).encode()

    with socket.create_connection(("127.0.0.1", running.port)) as client:
        client.sendall(b"".join(request(text) for text in ("hello", "hard", "hello")))
        got = b""
        while got.count(b"HTTP/1.1 200") < 3 or not got.endswith(b"}"):
            got += client.recv(65536)
    models = [part.split(b"\r\n")[0] for part in got.split(b"x-routewright-model: ")[1:]]
    assert models == [b"cheap", b"strong", b"cheap"]


def test_a_fault_of_our_own_is_told_and_nothing_is_sent_again(
    running, taken, upstream, monkeypatch
):
    def broken(*_: object) -> None:
        raise RuntimeError("scripted")

    monkeypatch.setattr(type(running.gateway.relay), "answered", broken)
    reply = running.chat("hello")
    assert (reply.status, taken, len(upstream.requests)) == (500, [True], 1)
    assert reply.json["error"]["code"] == "internal_error"


def test_what_runs_when_the_server_ends_is_recorded(upstream, tmp_path, taken, monkeypatch):
    monkeypatch.setattr("routewright.serve.server.DRAIN_S", 0.3)
    settings = scripted_settings(upstream.url, tmp_path)
    with served(Gateway(settings, router=ByWord())) as running:
        running.gateway.generation.inline_tokens = 5000
        assert running.chat("hello").status == 200
        upstream.script["cheap"] = [Hang()]
        hanging = threading.Thread(target=lambda: told.append(running.chat("hello").status))
        told: list[int] = []
        hanging.start()
        for _ in range(2):
            assert upstream.arrived.acquire(timeout=5)
    hanging.join(10)
    assert told == [500]
    assert taken == [True, True]
    last = Journal(tmp_path / "decisions.jsonl").rows()[-1]
    assert (last["state"], last["attempts"][0]["outcome"]) == ("failed", "cancelled")


def test_a_key_that_is_counted_goes_the_way_that_counts():
    assert Terms(requests_per_min=1).counted
    assert Terms(tokens_per_min=1).counted
    assert Terms(day_usd=1.0).counted
    assert not Terms(models=("cheap",)).counted
