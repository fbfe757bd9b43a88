"""Providers that are asked only so much at once, with a real gateway before a scripted upstream."""

from __future__ import annotations

import asyncio
import http.client
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from routewright.config import ProviderSettings, Settings, load_settings
from routewright.errors import ConfigError, OverloadedError
from routewright.serve import limits
from routewright.serve.gateway import Gateway
from routewright.serve.limits import Admission, Turns
from tests.fakes.gateway import ByWord, Served, scripted_settings, served
from tests.fakes.upstream import Cut, Hang, Refuse, Say, Upstream

BOUND = 2


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


def bounded(url: str, folder: Path, most: int = BOUND, **gateway: object) -> Settings:
    settings = scripted_settings(url, folder, **gateway)
    acme = msgspec.structs.replace(settings.providers["acme"], max_concurrency=most)
    return msgspec.structs.replace(settings, providers={**settings.providers, "acme": acme})


@pytest.fixture
def running(
    upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Served]:
    monkeypatch.setattr(limits, "TURN_S", 0.2)
    with served(Gateway(bounded(upstream.url, tmp_path), router=ByWord())) as up:
        yield up


def hold(
    running: Served, upstream: Upstream, *, model: str = "cheap"
) -> http.client.HTTPConnection:
    """A stream that takes a turn until its connection is closed."""
    upstream.script["cheap"] = [Hang(after_events=2)]
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)
    body = {"model": "cheap", "stream": True, "messages": [{"role": "user", "content": "hello"}]}
    connection.request("POST", "/v1/chat/completions", json.dumps(body))
    assert upstream.arrived.acquire(timeout=10)
    return connection


def until(true: Callable[[], bool]) -> None:
    """Wait until something has become true, for a second at most."""
    end = time.monotonic() + 1.0
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def gate(running: Served) -> Admission:
    return running.gateway.generation.fallbacks.turns.gates["acme"]


def test_a_provider_is_never_asked_more_at_once_than_it_may_be(running, upstream):
    held = [hold(running, upstream) for _ in range(BOUND)]
    reply = running.chat(model="cheap")
    assert (reply.status, reply.json["error"]["code"]) == (503, "no_candidate_available")
    assert int(reply.headers["retry-after"]) >= 1
    assert upstream.asked("cheap") == BOUND
    for each in held:
        each.close()


def test_a_full_provider_is_passed_over_and_its_health_is_as_it_was(running, upstream):
    held = [hold(running, upstream) for _ in range(BOUND)]
    reply = running.chat("hello")
    assert reply.status == 200
    assert reply.headers["x-routewright-model"] == "strong"
    assert "cheap was passed over (full)" in reply.json["routewright"]["reason"]
    assert running.gateway.health.open() == ()
    assert running.gateway.health.cooling() == {}
    told = running.request("GET", "/metrics").body.decode()
    assert 'routewright_passed_over_total{model="cheap",why="full"} 1.0' in told
    assert 'routewright_provider_calls{provider="acme"} 2.0' in told
    for each in held:
        each.close()


def test_clients_that_leave_give_their_turns_back(running, upstream):
    """In the middle of a stream; within a second, as the upstream is left."""
    for each in [hold(running, upstream) for _ in range(BOUND)]:
        each.sock.close()
        each.close()
    until(lambda: gate(running).running == 0)
    upstream.script["cheap"] = [Say()]
    assert running.chat(model="cheap").status == 200


def test_a_client_that_leaves_while_it_waits_takes_no_turn(upstream, tmp_path):
    with served(Gateway(bounded(upstream.url, tmp_path, 1), router=ByWord())) as running:
        held = hold(running, upstream)
        waiting = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)
        body = {"model": "cheap", "messages": [{"role": "user", "content": "hello"}]}
        waiting.request("POST", "/v1/chat/completions", json.dumps(body))
        until(lambda: gate(running).waiting == 1)
        waiting.close()
        until(lambda: gate(running).waiting == 0)
        assert upstream.asked("cheap") == 1
        held.close()
        until(lambda: gate(running).running == 0)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("step", [Say(), Refuse(500), Refuse(400), Refuse(429), Cut(0), Cut(2)])
def test_whatever_becomes_of_a_call_its_turn_comes_back(running, upstream, step, stream):
    upstream.script["cheap"] = [step]
    for _ in range(BOUND + 1):
        running.chat("hello", stream=stream)
    until(lambda: (gate(running).running, gate(running).waiting) == (0, 0))


def test_a_reload_forgets_no_call_unless_the_bound_is_another(running, upstream, tmp_path):
    held = hold(running, upstream)

    def reload(most: int) -> None:
        settings = bounded(upstream.url, tmp_path, most)
        fresh = running.gateway.reload(settings, router=ByWord())
        asyncio.run_coroutine_threadsafe(fresh, running.loop).result(10)

    reload(BOUND)
    assert gate(running).running == 1
    reload(BOUND + 1)
    assert (gate(running).running, gate(running).most) == (0, BOUND + 1)
    held.close()


def test_workers_share_a_bound(upstream, tmp_path):
    for workers, each in ((1, 9), (2, 4), (20, 1)):
        settings = bounded(upstream.url, tmp_path, 9, workers=workers)
        gates = Gateway(settings, router=ByWord()).generation.fallbacks.turns.gates
        assert {name: gate.most for name, gate in gates.items()} == {"acme": each}


async def test_as_many_may_wait_as_may_run():
    turns = Turns({"acme": 1})
    leave = await turns.enter("acme")
    second = asyncio.create_task(turns.enter("acme"))
    await asyncio.sleep(0)
    with pytest.raises(OverloadedError):
        await turns.enter("acme")
    assert leave is not None
    leave()
    assert await second is not None
    assert await turns.enter("other") is None


def test_a_bound_of_nothing_is_refused(tmp_path):
    path = tmp_path / "routewright.toml"
    path.write_text('[providers.acme]\nkind = "local"\nmax_concurrency = 0\n')
    with pytest.raises(ConfigError, match="max_concurrency must be 1 or more"):
        load_settings(path)
    assert ProviderSettings(kind="local").max_concurrency is None
