"""Cached answers in a real Redis: shared by gateways, and never in a request's way."""

from __future__ import annotations

import http.client
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from routewright.config import CacheSettings, GatewaySettings, Secret
from routewright.errors import ConfigError
from routewright.serve import answers as kept
from routewright.serve.answers import Entry, RedisAnswers
from routewright.serve.cache import make_cache
from routewright.serve.gateway import Gateway
from tests.fakes.gateway import ByWord, Served, scripted_settings, served
from tests.fakes.redis import redis_server
from tests.fakes.upstream import Say, Upstream

SHARED = CacheSettings(exact=True, shared=True)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is not what is tested."""
    monkeypatch.setattr(kept, "PATIENCE_S", 1.0)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[tuple[str, Any]]:
    with redis_server(tmp_path) as server:
        yield server


def gateway(upstream: Upstream, folder: Path, url: str, cache: CacheSettings = SHARED) -> Gateway:
    folder.mkdir(exist_ok=True)
    settings = scripted_settings(upstream.url, folder, cache=cache, redis=Secret(url))
    return Gateway(settings, router=ByWord())


def looked(running: Served, text: str = "hello", **more: Any) -> str:
    reply = running.chat(text, temperature=0, **more)
    assert reply.status == 200
    return reply.headers["x-routewright-cache"]


def failures(running: Served) -> float:
    told = running.request("GET", "/metrics").body.decode()
    return float(told.split("\nroutewright_cache_failures_total ")[1].split()[0])


def settled(running: Served) -> None:
    """Wait until what was to be written is in Redis."""
    cache = running.gateway.relay.cache
    assert cache is not None
    answers = cache.answers
    assert isinstance(answers, RedisAnswers)
    while answers._writes:
        time.sleep(0.01)


@pytest.mark.parametrize("stream", [False, True])
def test_what_one_gateway_was_answered_another_gives(upstream, tmp_path, redis, stream):
    url, _ = redis
    upstream.script["cheap"] = [Say("one two")]
    with (
        served(gateway(upstream, tmp_path / "a", url)) as one,
        served(gateway(upstream, tmp_path / "b", url)) as two,
    ):
        first = one.chat("hello", temperature=0, stream=stream)
        settled(one)
        again = two.chat("hello", temperature=0, stream=stream)
    assert again.headers["x-routewright-cache"] == "hit"
    assert len(upstream.requests) == 1
    if stream:
        told = [[e for e in r.body.split(b"\n\n") if e[:1] != b":"] for r in (first, again)]
        assert told[0] == told[1]
    else:
        assert again.json["choices"] == first.json["choices"]
        assert again.json["routewright"]["cost_usd"] == 0


def test_names_in_redis_are_digests_and_everything_there_ends(upstream, tmp_path, redis):
    """Neither a prompt nor a key's id can be read off a name, and nothing is kept for ever."""
    import redis as client

    url, _ = redis
    with served(gateway(upstream, tmp_path, url)) as running:
        looked(running, "a secret plan")
        settled(running)
    with client.Redis.from_url(url) as there:
        (name,) = there.keys("*")
        assert name.startswith(b"routewright:answer:1:")
        assert len(name.rpartition(b":")[2]) == 64
        assert 0 < there.pttl(name) <= SHARED.ttl_s * 1000
        assert b"secret plan" not in there.get(name)


@pytest.mark.parametrize("stops", [False, True], ids=["gone", "stopped"])
def test_without_redis_every_request_is_answered_by_its_model(upstream, tmp_path, redis, stops):
    """Gone, or so slow that it might as well be: a miss, a count, no error, and it comes back."""
    url, process = redis
    with served(gateway(upstream, tmp_path, url)) as running:
        assert looked(running) == "miss"
        settled(running)
        assert looked(running) == "hit"
        if stops:
            os.kill(process.pid, signal.SIGSTOP)
        else:
            process.kill()
            process.wait(10)
        asked = len(upstream.requests)
        began = time.monotonic()
        for _ in range(10):
            assert looked(running) == "miss"
        assert time.monotonic() - began < 5  # it is waited for once, not ten times
        assert len(upstream.requests) == asked + 10
        assert failures(running) >= 1
        if stops:
            os.kill(process.pid, signal.SIGCONT)
            cache = running.gateway.relay.cache
            assert cache is not None
            cache.answers._away_until = 0.0
            assert looked(running) == "hit"


def test_a_client_that_leaves_while_redis_is_asked_leaves_its_place(upstream, tmp_path, redis):
    url, process = redis
    with served(gateway(upstream, tmp_path, url)) as running:
        looked(running)
        os.kill(process.pid, signal.SIGSTOP)
        leaves = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)
        body = {"model": "auto", "temperature": 0, "messages": [{"role": "user", "content": "x"}]}
        leaves.request("POST", "/v1/chat/completions", json.dumps(body))
        admission = running.gateway.relay.admission
        over = time.monotonic() + 5
        while not admission.running:
            assert time.monotonic() < over
        time.sleep(0.3)  # now it waits for Redis, which it may for a second
        leaves.close()
        while admission.running:
            assert time.monotonic() < over
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGCONT)


async def test_bytes_that_are_no_answer_are_a_miss(redis):
    import redis as client

    url, _ = redis
    answers = RedisAnswers(Secret(url), 60)
    key = b"k" * 32
    with client.Redis.from_url(url) as there:
        for odd in (b"", b"\x93", b"[]", b"\xc4\x01x"):
            there.set(b"routewright:answer:1:" + key.hex().encode(), odd)
            assert await answers.get(key) is None
    assert answers.failures == 4
    answers.put(key, Entry((b"{}",), 0.5))
    await answers.aclose()
    again = RedisAnswers(Secret(url), 60)
    assert await again.get(key) == Entry((b"{}",), 0.5)
    await again.aclose()


async def test_writes_on_their_way_are_bounded(redis, monkeypatch):
    monkeypatch.setattr(kept, "MOST_WRITES", 2)
    answers = RedisAnswers(Secret(redis[0]), 60)
    for number in range(5):
        answers.put(b"%d" % number, Entry((b"x",), 0.0))
    await answers.aclose()
    assert answers.failures == 3


def test_sharing_needs_a_redis():
    with pytest.raises(ConfigError, match=r"set gateway\.redis"):
        make_cache(GatewaySettings(cache=SHARED))
