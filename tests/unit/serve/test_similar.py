"""Answers given to prompts in slightly other words: to whom, and above all to whom not."""

from __future__ import annotations

import pytest

from routewright.config import CacheSettings, load_settings
from routewright.encoders.alike import opened
from routewright.errors import ConfigError
from routewright.serve import similar as module
from routewright.serve.cache import Cache
from routewright.serve.gateway import Gateway
from routewright.serve.similar import Similar, single_turn
from routewright.serve.wire import chat_request
from tests.fakes.gateway import ByWord, Served, scripted_settings, served
from tests.fakes.upstream import Cut, Say

ASKED = "How do I reset my password?"
AGAIN = "How can I reset my password"
IDENTITY = opened("static")[1]
SIMILAR = CacheSettings(exact=True, similar=0.9, encoder=IDENTITY)


@pytest.fixture
def cached(upstream, tmp_path):
    settings = scripted_settings(upstream.url, tmp_path, cache=SIMILAR)
    with served(Gateway(settings, router=ByWord())) as running:
        yield running


def look(running: Served, text: str, **more):
    return running.chat(text, **{"temperature": 0, **more})


def looked(running: Served, text: str, **more) -> str:
    return look(running, text, **more).headers.get("x-routewright-cache", "")


def test_the_same_in_other_words_is_answered_from_memory(cached, upstream):
    upstream.script["cheap"] = [Say("press the key", prompt_tokens=1000)]
    first = look(cached, ASKED)
    again = look(cached, AGAIN)
    assert again.headers["x-routewright-cache"] == "similar"
    assert 0.9 <= float(again.headers["x-routewright-cache-similarity"]) < 1
    assert again.json["choices"] == first.json["choices"]
    assert again.json["routewright"]["cost_usd"] == 0
    assert len(upstream.requests) == 1
    told = cached.request("GET", "/metrics").body.decode()
    assert 'routewright_cache_total{result="similar"} 1.0' in told
    saved = first.json["routewright"]["cost_usd"]
    assert f'routewright_cache_saved_usd_total{{model="cheap"}} {saved}' in told
    assert looked(cached, ASKED) == "hit"
    assert "x-routewright-cache-similarity" not in look(cached, ASKED).headers


def test_a_stream_is_replayed_to_a_similar_prompt_event_by_event(cached, upstream):
    first, again = (look(cached, text, stream=True) for text in (ASKED, AGAIN))
    assert again.headers["x-routewright-cache"] == "similar"
    told = [[e for e in r.body.split(b"\n\n") if e[:1] != b":"] for r in (first, again)]
    assert told[0] == told[1]
    assert told[1][-2] == b"data: [DONE]"
    assert looked(cached, AGAIN) == "miss"  # a whole answer is another entry


def test_an_answer_that_was_given_again_is_not_kept_for_what_is_like_it(cached):
    """Or answers would drift from prompt to prompt."""
    assert looked(cached, ASKED) == "miss"
    assert looked(cached, AGAIN) == "similar"
    assert looked(cached, AGAIN) == "similar"
    cache = cached.gateway.relay.cache
    assert cache is not None
    assert cache.similar is not None
    assert cache.similar.prompts == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"model": "cheap"},
        {"max_tokens": 7},
        {"seed": 1},
        {"user": "another"},
        {"top_p": 0.5},
        {"vendor_field": [1, 2]},
        {"response_format": {"type": "json_object"}},
        {"routewright": {"worth_usd": 100}},
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
    ],
)
def test_whatever_differs_beside_the_words_is_asked(cached, changed):
    assert looked(cached, ASKED) == "miss"
    assert looked(cached, AGAIN, **changed) == "miss"
    assert looked(cached, AGAIN) == "similar"


def test_words_that_must_be_equal_are(cached):
    assert looked(cached, "How many people live in Paris in 2023?") == "miss"
    for other in (
        "How many people live in Rome in 2023?",
        "How many people live in Paris in 2024?",
        "How many people do not live in Paris in 2023?",
    ):
        assert looked(cached, other) == "miss"


def test_the_system_prompt_must_be_equal(cached):
    def ask(system: str, text: str) -> str:
        messages = [{"role": "system", "content": system}, {"role": "user", "content": text}]
        body = {"model": "auto", "temperature": 0, "messages": messages}
        reply = cached.request("POST", "/v1/chat/completions", body)
        return reply.headers["x-routewright-cache"]

    assert ask("be brief", ASKED) == "miss"
    assert ask("be verbose", AGAIN) == "miss"
    assert ask("be brief", AGAIN) == "similar"


def test_no_key_gets_what_another_was_answered(cached, monkeypatch):
    """T-ids: neither the same words nor similar ones."""
    keys = iter(["alice", "bob", "alice"])
    real = Cache.key

    def of_tenant(cache, call):
        call.key_id = next(keys)
        return real(cache, call)

    monkeypatch.setattr(Cache, "key", of_tenant)
    assert [looked(cached, text) for text in (ASKED, AGAIN, AGAIN)] == ["miss", "miss", "similar"]


def test_requests_that_leave_room_for_chance_and_broken_answers_are_not_looked_at(cached, upstream):
    assert looked(cached, ASKED, temperature=1) == ""
    upstream.script["cheap"] = [Cut(1), Say()]
    assert b"[DONE]" not in look(cached, ASKED, stream=True).body
    assert looked(cached, AGAIN, stream=True) == "miss"


def test_an_answer_that_has_gone_is_not_found_any_more(cached):
    assert looked(cached, ASKED) == "miss"
    cache = cached.gateway.relay.cache
    assert cache is not None
    cache.answers._entries.clear()
    assert looked(cached, AGAIN) == "miss"
    assert looked(cached, ASKED) == "similar"  # of the answer to AGAIN


def test_an_encoder_that_fails_costs_no_answer(cached, monkeypatch):
    def fail(texts):
        raise ZeroDivisionError

    cache = cached.gateway.relay.cache
    assert cache is not None
    assert cache.similar is not None
    monkeypatch.setattr(cache.similar._encoder, "encode", fail)
    for _ in range(2):
        assert look(cached, AGAIN).status == 200
    assert looked(cached, AGAIN) == "hit"


def chat(*messages, **body):
    return chat_request({"model": "auto", "messages": list(messages), **body})


def said(content, role="user", **more):
    return {"role": role, "content": content, **more}


def test_only_one_turn_of_plain_text_is_looked_at():
    picture = {"type": "image_url", "image_url": {"url": "data:,"}}
    assert single_turn(chat(said("hi"))) == "hi"
    assert single_turn(chat(said("brief", "system"), said("hi"))) == "hi"
    for request in (
        chat(said("hi"), said("yes?", "assistant"), said("and?")),
        chat(said("hi"), said("and?")),
        chat(said("hi"), said("brief", "system")),
        chat(said([{"type": "text", "text": "hi"}, picture])),
        chat(said("")),
        chat(said("x" * 501)),
        chat(said("two\nlines")),
        chat(said(None)),
        chat(said("hi", name="bob")),
        chat(said("hi"), n=2),
        chat(said("hi"), tools=[{"type": "function"}]),
        chat(said("hi"), functions=[{"name": "f"}]),
    ):
        assert single_turn(request) is None


async def test_what_is_remembered_is_bounded_and_the_oldest_goes(monkeypatch):
    monkeypatch.setattr(module, "MOST_A_PLACE", 3)
    monkeypatch.setattr(module, "MOST_PROMPTS", 5)
    mine = Similar(0.5, IDENTITY)
    for place in range(3):
        for number, word in enumerate(["apple", "banana", "cherry", "damson", "elder"]):
            likeness = await mine.read(chat(said(word)), place)
            assert likeness is not None
            mine.add(b"%d-%d" % (place, number), likeness)
            assert mine.prompts <= 5
            found = mine.nearest(likeness)
            assert found == (b"%d-%d" % (place, number), pytest.approx(1.0))
    first = await mine.read(chat(said("apple")), 2)
    assert first is not None
    found = mine.nearest(first)
    assert found is None or found[0] != b"2-0"
    held = sum(len(place.keys) for place in mine._places.values())
    assert held == mine.prompts


def test_another_encoder_than_the_calibrated_is_refused_at_the_start(upstream, tmp_path):
    cache = CacheSettings(exact=True, similar=0.9, encoder="static@0123456789ab")
    with pytest.raises(ConfigError, match="calibrate again"):
        Gateway(scripted_settings(upstream.url, tmp_path, cache=cache), router=ByWord())


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("exact = true\nsimilar = 0.9", "encoder must be given with similar"),
        ('exact = true\nencoder = "static@1"', "encoder must be given with similar"),
        ('exact = true\nsimilar = 1.1\nencoder = "static@1"', "similar must be a cosine"),
        ('similar = 0.9\nencoder = "static@1"', "exact must be true where similar is"),
    ],
)
def test_settings_that_cannot_be_are_refused(tmp_path, given, told):
    path = tmp_path / "routewright.toml"
    path.write_text(f"[gateway.cache]\n{given}\n")
    with pytest.raises(ConfigError, match=told):
        load_settings(path)
