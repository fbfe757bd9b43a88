"""The gateway over real HTTP, before a scripted upstream that answers properly."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import socket
import threading

import pytest

from routewright.data.journal import Journal
from routewright.serve.gateway import Gateway
from tests.fakes.gateway import ByWord, scripted_settings, served
from tests.fakes.upstream import Raw, Say

CHAT = "/v1/chat/completions"


def test_an_answer_is_the_upstreams_with_what_it_cost_and_why(running, upstream):
    upstream.script["cheap"] = [Say("hi", prompt_tokens=1000, completion_tokens=100)]
    reply = running.chat("hello")
    assert reply.status == 200
    assert reply.json["choices"][0]["message"]["content"] == "hi"
    assert reply.json["model"] == "cheap"
    told = reply.json["routewright"]
    assert told["cost_usd"] == pytest.approx(1000 * 0.1e-6 + 100 * 0.4e-6)
    assert (told["model"], told["expected_score"], told["expected_cost_usd"]) == (
        "cheap",
        0.8,
        1e-5,
    )
    assert told["latency_s"] > 0
    assert told["reason"].startswith("best utility")
    assert reply.headers["x-routewright-model"] == "cheap"
    assert reply.headers["x-routewright-decision-id"] == told["decision_id"]
    assert float(reply.headers["x-routewright-cost-usd"]) == pytest.approx(told["cost_usd"])
    assert reply.headers["x-routewright-attempts"] == "cheap=ok"


def test_auto_routes_and_a_name_goes_straight_through(running):
    assert running.chat("something hard").json["model"] == "strong"
    named = running.chat("something hard", model="cheap")
    assert named.json["model"] == "cheap"
    assert named.json["routewright"]["reason"] == "asked for by name"
    assert named.json["routewright"]["expected_score"] is None


def test_an_unknown_model_is_not_found_and_near_matches_are_named(running, upstream):
    reply = running.chat(model="strog")
    assert reply.status == 404
    assert reply.json["error"]["code"] == "model_not_found"
    assert "did you mean strong" in reply.json["error"]["message"]
    assert upstream.requests == []


def test_a_request_may_turn_the_knob_and_the_upstream_never_sees_it(running, upstream):
    reply = running.chat("hello", routewright={"worth_usd": 100}, temperature=0.25)
    assert reply.json["model"] == "strong"
    assert upstream.requests[-1]["temperature"] == 0.25
    assert "routewright" not in upstream.requests[-1]


def test_a_request_may_restrict_the_models(running):
    assert running.chat("hello", routewright={"models": ["strong"]}).json["model"] == "strong"
    reply = running.chat("hello", routewright={"models": ["nobody"]})
    assert (reply.status, reply.json["error"]["param"]) == (400, "routewright.models")


def test_an_unknown_routing_field_is_refused_by_name(running):
    reply = running.chat("hello", routewright={"api_base": "http://elsewhere"})
    assert reply.status == 400
    assert reply.json["error"]["param"] == "routewright.api_base"
    assert (
        "known: worth_usd, quality, threshold, win_rate, max_usd, models"
        in reply.json["error"]["message"]
    )


def test_the_models_are_listed_with_their_provider(running):
    listed = running.request("GET", "/v1/models").json["data"]
    assert [(m["id"], m["owned_by"]) for m in listed[:3]] == [
        ("auto", "routewright"),
        ("cheap", "acme"),
        ("strong", "other"),
    ]
    assert running.request("GET", "/v1/models/strong").json["id"] == "strong"
    assert running.request("GET", "/v1/models/weak").status == 404


def test_a_decision_alone_calls_nobody(running, upstream):
    by_text = running.request("POST", "/v1/route", {"prompt": "something hard"})
    turns = {"messages": [{"role": "user", "content": "something hard"}]}
    by_turns = running.request("POST", "/v1/route", turns)
    assert by_text.json["model"] == by_turns.json["model"] == "strong"
    assert by_text.json["candidates"][0] == {"model": "cheap", "score": 0.1, "cost_usd": 1e-5}
    assert by_text.json["reason"].startswith("best utility")
    assert upstream.requests == []


def test_health(running):
    """Alive says nothing of readiness."""
    for path in ("/healthz", "/readyz"):
        assert running.request("GET", path).status == 200
    running.gateway.state = "starting"
    assert running.request("GET", "/healthz").status == 200
    assert running.request("GET", "/readyz").status == 503


class Loading(Gateway):
    """Its models load until ``loaded`` is set."""

    loaded = threading.Event()

    async def start(self, *, preload: bool = True) -> None:
        await asyncio.to_thread(self.loaded.wait, 60)
        await super().start(preload=preload)


def test_readiness_says_503_while_models_load(upstream, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    gateway = Loading(scripted_settings(upstream.url, tmp_path, port=port), router=ByWord())
    seen: list[int] = []

    def look() -> None:
        while not seen:
            with (
                contextlib.suppress(OSError),
                contextlib.closing(
                    http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                ) as connection,
            ):
                connection.request("GET", "/readyz")
                seen.append(connection.getresponse().status)
        gateway.loaded.set()

    looking = threading.Thread(target=look)
    looking.start()
    with served(gateway) as running:
        looking.join()
        assert (seen, running.request("GET", "/readyz").status) == ([503], 200)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/nothing", 404), ("GET", CHAT, 405), ("POST", "/healthz/", 404)],
)
def test_unknown_paths_and_methods_are_errors_in_openais_shape(running, method, path, status):
    reply = running.request(method, path)
    assert reply.status == status
    assert path in reply.json["error"]["message"]


def events(reply) -> list[str]:
    return [event for event in reply.body.decode().split("\n\n") if event]


def test_a_stream_passes_untouched_and_ends_with_our_comment(running, upstream):
    upstream.script["cheap"] = [Say("one two three")]
    reply = running.chat("hello", stream=True)
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert reply.headers["x-routewright-model"] == "cheap"
    assert float(reply.headers["x-routewright-expected-cost-usd"]) == 1e-5
    *chunks, comment, done = events(reply)
    assert done == "data: [DONE]"
    assert comment.startswith(": routewright ")
    told = json.loads(comment.removeprefix(": routewright "))
    assert told["cost_usd"] == pytest.approx(10 * 0.1e-6 + 5 * 0.4e-6)
    assert told["decision_id"] == reply.headers["x-routewright-decision-id"]
    said = [json.loads(c.removeprefix("data: "))["choices"][0]["delta"] for c in chunks]
    assert "".join(delta.get("content", "") for delta in said) == "one two three"


def test_usage_is_always_asked_for_and_passed_on_only_if_the_client_asked(running, upstream):
    quiet = running.chat("hello", stream=True)
    asked = running.chat("hello", stream=True, stream_options={"include_usage": True})
    assert [r["stream_options"] for r in upstream.requests] == [{"include_usage": True}] * 2
    assert '"usage"' not in quiet.body.decode()
    assert '"prompt_tokens": 10' in events(asked)[-3]


def test_a_chunk_with_usage_and_choices_is_never_withheld(running, upstream):
    chunk = b'data: {"choices": [{"delta": {"content": "x"}}], "usage": {"prompt_tokens": 1}}\n\n'
    upstream.script["cheap"] = [Raw(chunk + b"data: [DONE]\n\n", "text/event-stream")]
    assert chunk.strip().decode() in events(running.chat("hello", stream=True))


def test_decisions_are_journaled_without_a_word_of_the_prompt(upstream, tmp_path):
    gateway = Gateway(scripted_settings(upstream.url, tmp_path), router=ByWord())
    with served(gateway) as running:
        running.chat("hello secret-word")
        running.chat("hello", stream=True)
        running.chat("hello", model="strong")
    rows = Journal(tmp_path / "decisions.jsonl").rows()
    assert [row["state"] for row in rows] == ["complete"] * 3
    assert [row["model"] for row in rows] == ["cheap", "cheap", "strong"]
    assert [row["requested"] for row in rows] == ["auto", "auto", "strong"]
    assert all(row["cost_usd"] > 0 and row["usage"]["output_tokens"] == 5 for row in rows)
    assert rows[0]["decision"]["probability"] == 1.0
    assert b"secret-word" not in (tmp_path / "decisions.jsonl").read_bytes()
