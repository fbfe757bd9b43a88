"""The response cache: who gets an answer again, what never is kept, and what a hit looks like."""

from __future__ import annotations

import re

import msgspec
import pytest

from routewright.config import CacheSettings, load_settings
from routewright.data.journal import Journal
from routewright.errors import ConfigError
from routewright.serve.answers import Entry, MemoryAnswers
from routewright.serve.cache import Cache, is_deterministic
from routewright.serve.gateway import Gateway
from routewright.serve.wire import Native, chat_request
from tests.fakes.gateway import ByWord, Served, scripted_settings, served
from tests.fakes.upstream import Cut, Refuse, Say


@pytest.fixture
def cached(upstream, tmp_path):
    settings = scripted_settings(upstream.url, tmp_path, cache=CacheSettings(exact=True))
    with served(Gateway(settings, router=ByWord())) as running:
        yield running


def looked(running: Served, text: str = "hello", **more) -> str:
    reply = running.chat(text, **{"temperature": 0, **more})
    return reply.headers.get("x-routewright-cache", "")


def test_the_same_request_is_answered_from_memory_and_costs_nothing(cached, upstream, tmp_path):
    upstream.script["cheap"] = [Say("first", prompt_tokens=1000), Say("second")]
    first, again = (cached.chat("hello", temperature=0) for _ in range(2))
    assert first.headers["x-routewright-cache"] == "miss"
    assert again.headers["x-routewright-cache"] == "hit"
    assert again.json["choices"] == first.json["choices"]
    assert again.json["usage"] == first.json["usage"]
    assert again.json["routewright"]["cost_usd"] == 0
    assert float(again.headers["x-routewright-cost-usd"]) == 0
    assert "x-routewright-attempts" not in again.headers
    assert len(upstream.requests) == 1
    told = cached.request("GET", "/metrics").body.decode()
    assert 'routewright_cache_total{result="hit"} 1.0' in told
    saved = first.json["routewright"]["cost_usd"]
    assert f'routewright_cache_saved_usd_total{{model="cheap"}} {saved}' in told
    assert told.count('state="cached"') == 2  # the counter and the time it was made


def test_the_row_of_a_hit_says_so(upstream, tmp_path):
    settings = scripted_settings(upstream.url, tmp_path, cache=CacheSettings(exact=True))
    with served(Gateway(settings, router=ByWord())) as running:
        looked(running), looked(running)
    rows = Journal(tmp_path / "decisions.jsonl").rows()
    assert [row["state"] for row in rows] == ["complete", "cached"]
    assert (rows[1]["cost_usd"], rows[1]["attempts"]) == (0, [])


def test_a_stream_is_replayed_event_by_event(cached, upstream):
    first, again = (cached.chat("hello", temperature=0, stream=True) for _ in range(2))
    assert again.headers["x-routewright-cache"] == "hit"
    assert len(upstream.requests) == 1

    def events(reply):
        return [e for e in reply.body.split(b"\n\n") if not e.startswith(b":")]

    assert events(again) == events(first)
    assert events(again)[-2] == b"data: [DONE]"
    assert b'"cost_usd":0' in again.body


def test_a_stream_and_a_whole_answer_are_kept_apart(cached):
    assert looked(cached) == "miss"
    assert looked(cached, stream=True) == "miss"
    assert looked(cached, stream=True, stream_options={"include_usage": True}) == "miss"


@pytest.mark.parametrize(
    "changed",
    [
        {"text": "hello!"},
        {"model": "cheap"},
        {"max_tokens": 7},
        {"seed": 1},
        {"user": "another"},
        {"vendor_field": [1, 2]},
        {"routewright": {"worth_usd": 100}},
    ],
)
def test_whatever_differs_is_asked_again(cached, changed):
    assert looked(cached) == "miss"
    assert looked(cached, **changed) == "miss"
    assert looked(cached) == "hit"


def test_the_order_of_fields_is_no_difference(cached):
    message = '"messages": [{"role": "user", "content": "hello"}]'
    for body in (
        f'{{"model": "auto", "temperature": 0, {message}}}',
        f'{{{message}, "temperature":0,  "model": "auto"}}',
    ):
        reply = cached.request("POST", "/v1/chat/completions", body.encode())
    assert reply.headers["x-routewright-cache"] == "hit"


def test_no_key_gets_what_another_was_answered(cached, monkeypatch):
    """T-ids: tenants share nothing."""
    keys = iter(["alice", "bob", "alice"])
    real = Cache.key

    def of_tenant(cache, call):
        call.key_id = next(keys)
        return real(cache, call)

    monkeypatch.setattr(Cache, "key", of_tenant)
    assert [looked(cached) for _ in range(3)] == ["miss", "miss", "hit"]


def test_a_request_that_leaves_room_for_chance_is_always_asked(cached, upstream):
    for more in ({}, {"temperature": 1}, {"temperature": 0, "n": 2}):
        for _ in range(2):
            assert "x-routewright-cache" not in cached.chat("hello", **more).headers
    assert len(upstream.requests) == 6


def test_what_counts_as_leaving_no_room_for_chance():
    function = {"type": "function", "function": {"name": "f"}}

    def chat(**body):
        return chat_request({"model": "auto", "messages": [{"role": "user"}], **body})

    assert is_deterministic(chat(temperature=0, tools=[function]))
    assert is_deterministic(chat(temperature=0.0, n=1))
    for body in (
        {"temperature": False},
        {"temperature": "0"},
        {"temperature": 0, "tools": [function, {"type": "web_search"}]},
        {"temperature": 0, "tools": ["odd"]},
        {"temperature": 0, "web_search_options": {"a": 1}},
    ):
        assert not is_deterministic(chat(**body)), body
    native = {"messages": {"tools": [{"name": "f", "input_schema": {}}]}, "responses": {}}
    for dialect, body in native.items():
        asked = msgspec.structs.replace(chat(), native=Native(dialect, {"temperature": 0, **body}))
        assert is_deterministic(asked)
        for more in (
            {"temperature": 1},
            {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
            {"previous_response_id": "resp_1"},
        ):
            changed = {**asked.native.body, **more}
            assert not is_deterministic(
                msgspec.structs.replace(asked, native=Native(dialect, changed))
            )


@pytest.mark.parametrize("stream", [False, True])
def test_other_dialects_are_answered_again_in_their_own_words(cached, upstream, stream):
    """Translated ones here: the upstream speaks chat completions alone."""
    message = {"role": "user", "content": "hello"}
    asked = {"model": "auto", "temperature": 0, "stream": stream}
    bodies = {
        "/v1/messages": {**asked, "max_tokens": 99, "messages": [message]},
        "/v1/responses": {**asked, "input": "hello", "store": False},
    }
    for path, body in bodies.items():
        first, again = (cached.request("POST", path, body) for _ in range(2))
        assert (first.status, first.headers["x-routewright-cache"]) == (200, "miss")
        assert again.headers["x-routewright-cache"] == "hit"
        assert words(again) == words(first)
    assert len(upstream.requests) == len(bodies)


def words(reply) -> list[bytes]:
    return re.findall(rb'"(?:text|delta|type)":"?([^",}]+)', reply.body)


def test_the_operator_may_have_every_request_cached(upstream, tmp_path):
    settings = CacheSettings(exact=True, all=True)
    settings = scripted_settings(upstream.url, tmp_path, cache=settings)
    with served(Gateway(settings, router=ByWord())) as running:
        assert [looked(running, temperature=1) for _ in range(2)] == ["miss", "hit"]


def test_only_whole_answers_of_the_chosen_model_are_kept(cached, upstream):
    upstream.script["cheap"] = [Cut(1), Refuse(500), Refuse(400), Say()]
    assert b"[DONE]" not in cached.chat("hello", temperature=0, stream=True).body
    assert looked(cached, stream=True) == "miss"  # strong answers for cheap
    assert looked(cached) == "miss"
    assert looked(cached) == "miss"
    assert looked(cached) == "hit"


def test_a_client_that_leaves_leaves_nothing_behind(cached, upstream):
    """Half a stream is not kept, though the rest of it was on its way."""
    upstream.script["cheap"] = [Say("a b c d e f g h", gap_s=0.2)]
    with pytest.raises(TimeoutError):
        _leave_early(cached)
    assert looked(cached, stream=True) == "miss"


def _leave_early(running: Served) -> None:
    import http.client
    import json

    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)
    body = {"model": "auto", "messages": [{"role": "user", "content": "hello"}]}
    connection.request(
        "POST", "/v1/chat/completions", json.dumps({**body, "temperature": 0, "stream": True})
    )
    connection.getresponse().read(10)
    connection.close()
    raise TimeoutError


def test_without_settings_nothing_is_kept(running, upstream):
    for _ in range(2):
        assert looked(running) == ""
    assert len(upstream.requests) == 2


def test_an_answer_that_would_push_out_too_many_others_is_not_kept():
    answers = MemoryAnswers(10_000, 60)
    cache = Cache(CacheSettings(exact=True, max_mb=0.01), answers)
    cache.put(b"large", Entry((b"x" * 2000,), 0.0))
    assert len(answers) == 0
    cache.put(b"small", Entry((b"x" * 500,), 0.0))
    assert len(answers) == 1


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("exact = true\nttl_s = 0", "ttl_s must be a number above 0"),
        ("exact = true\nmax_mb = nan", "max_mb must be a number above 0"),
        ("all = true", "exact must be true where all is"),
        ("shared = true", "exact must be true where shared is"),
    ],
)
def test_settings_that_cannot_be_are_refused(tmp_path, given, told):
    path = tmp_path / "routewright.toml"
    path.write_text(f"[gateway.cache]\n{given}\n")
    with pytest.raises(ConfigError, match=told):
        load_settings(path)
