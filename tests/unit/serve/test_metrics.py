"""/metrics over real HTTP: what is counted, and what is never told."""

from __future__ import annotations

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from routewright.serve.gateway import Gateway
from tests.fakes.gateway import ByWord, Served, scripted_settings, served
from tests.fakes.upstream import Refuse, Say


def numbers(running: Served) -> dict[tuple[str, ...], float]:
    """Every sample, by its name and its labels' values in order of the labels' names."""
    reply = running.request("GET", "/metrics")
    assert (reply.status, reply.headers["content-type"][:10]) == (200, "text/plain")
    return {
        (sample.name.removeprefix("routewright_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(reply.body.decode())
        for sample in family.samples
    }


CHAT = "/v1/chat/completions"


def test_requests_tokens_and_costs_are_those_of_the_answers(running, upstream):
    upstream.script["cheap"] = [Say("hi", prompt_tokens=1000, completion_tokens=100)] * 2
    for _ in range(2):
        running.chat("hello")
    running.chat("hello", model="nobody")
    told = numbers(running)
    assert told["requests_total", "cheap", CHAT, "complete"] == 2
    assert told["refused_total", "model_not_found", CHAT] == 1
    assert told["attempts_total", "cheap", "ok"] == 2
    assert told["tokens_total", "input", "cheap"] == 2000
    assert told["tokens_total", "output", "cheap"] == 200
    assert told["cost_usd_total", "cheap"] == pytest.approx(2 * (1e-4 + 4e-5))
    assert told["request_seconds_count", CHAT] == told["decision_seconds_count",] == 2
    assert told["in_flight",] == 0
    assert told["workers_ready",] == 1


def test_a_stream_tells_its_first_byte(running):
    running.chat("hello", stream=True)
    told = numbers(running)
    assert told["requests_total", "cheap", CHAT, "complete"] == 1
    assert 0 < told["first_byte_seconds_sum", "cheap"] <= told["request_seconds_sum", CHAT]


def test_a_fallback_and_a_failing_router_are_degraded(running, upstream):
    upstream.script["cheap"] = [Refuse(500)]
    running.chat("hello")
    told = numbers(running)
    assert told["attempts_total", "cheap", "bad_upstream"] == 1
    assert told["attempts_total", "strong", "ok"] == 1
    assert told["degraded_total", "fallback"] == 1


def test_pauses_breakers_and_lost_rows_are_seen(running):
    gateway = running.gateway
    fallbacks = gateway.generation.fallbacks
    for _ in range(5):
        gateway.health.failed(fallbacks.target("spare"))
    gateway.health.cool(fallbacks.target("strong").account, 30)
    gateway.ledger.dropped["decision"] = 3
    for _ in range(2):
        told = numbers(running)
        assert told["breaker_open", "spare"] == 1
        assert told["breaker_open", "cheap"] == told["cooling_seconds", "cheap"] == 0
        assert 25 < told["cooling_seconds", "strong"] <= 30
        assert told["ledger_dropped_total",] == 3


def test_nothing_is_told_of_prompts_keys_and_addresses(upstream, tmp_path, monkeypatch):
    """T-07: models, codes and paths of the route table are all that labels hold."""
    monkeypatch.setenv("CANARY_KEY", "sk-CANARY0123456789")
    settings = scripted_settings(upstream.url, tmp_path)
    keyed = {
        name: msgspec.structs.replace(given, api_key_env="CANARY_KEY")
        for name, given in settings.providers.items()
    }
    settings = msgspec.structs.replace(settings, providers=keyed)
    upstream.script["cheap"] = [Say("CANARY answer"), Refuse(500, "CANARY")]
    with served(Gateway(settings, router=ByWord())) as running:
        running.chat("CANARY prompt")
        running.chat("CANARY prompt", user="CANARY")
        running.chat("CANARY", model="CANARY")
        running.request("GET", "/CANARY")
        told = running.request("GET", "/metrics").body.decode()
    assert "routewright_requests_total" in told
    for secret in ("CANARY", upstream.url, "127.0.0.1"):
        assert secret not in told
