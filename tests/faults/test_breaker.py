"""Retries, pauses and breakers, with a real gateway before a scripted upstream."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import aiohttp
import pytest

from routewright.data.journal import Journal
from routewright.serve.gateway import Gateway
from tests.fakes.chaos import Chaos
from tests.fakes.gateway import ByWord, Served, scripted_settings, served
from tests.fakes.upstream import Refuse, Say, Upstream

TOO_LONG = "This model's maximum context length is 10 tokens"


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture
def running(upstream: Upstream, tmp_path: Path) -> Iterator[Served]:
    gateway = Gateway(scripted_settings(upstream.url, tmp_path), router=ByWord())
    with served(gateway) as up:
        yield up


@pytest.mark.parametrize("status", [500, 502, 503])
@pytest.mark.parametrize("stream", [False, True])
def test_one_failure_is_one_call_more_and_no_error(running, upstream, status, stream):
    """F-01."""
    upstream.script["cheap"] = [Refuse(status), Say()]
    replies = [running.chat("hello", stream=stream) for _ in range(5)]
    assert [reply.status for reply in replies] == [200] * 5
    assert len(upstream.requests) == 6


@pytest.mark.parametrize(
    ("headers", "most_s"),
    [
        (lambda: (("retry-after", "30"),), 30),
        (lambda: (("retry-after-ms", "30000"),), 30),
        (lambda: (("retry-after", formatdate(time.time() + 30, usegmt=True)),), 30),
        (lambda: (("retry-after", "9999"),), 60),
        (lambda: (), 5),
    ],
    ids=["seconds", "milliseconds", "date", "beyond reason", "absent"],
)
def test_an_upstream_that_asks_for_time_is_left_alone(running, upstream, headers, most_s):
    """F-02: nothing is called in the meantime, others answer, and no breaker moves."""
    upstream.script["cheap"] = [Refuse(429, headers=headers())]
    replies = [running.chat("hello") for _ in range(10)]
    assert {(r.status, r.headers["x-routewright-model"]) for r in replies} == {(200, "strong")}
    assert upstream.asked("cheap") == 1
    health = running.gateway.health
    assert health.open() == ()
    (left_s,) = health.cooling().values()
    assert most_s - 5 < left_s <= most_s
    assert "cheap was passed over (cooling)" in replies[-1].json["routewright"]["reason"]
    assert replies[-1].headers["x-routewright-degraded"] == "fallback: strong answers"


def test_after_the_pause_the_upstream_is_called_again(running, upstream):
    """F-02."""
    upstream.script["cheap"] = [Refuse(429, headers=(("retry-after-ms", "200"),)), Say()]
    assert running.chat("hello").headers["x-routewright-model"] == "strong"
    time.sleep(0.25)
    assert running.chat("hello").headers["x-routewright-model"] == "cheap"


def test_when_all_cool_the_client_is_told_when_to_come_back(running, upstream):
    """F-02: with our own Retry-After, and no call that cannot succeed."""
    upstream.script["cheap"] = [Refuse(429, headers=(("retry-after", "30"),))]
    upstream.script["strong"] = [Refuse(429, headers=(("retry-after", "20"),))]
    for _ in range(5):
        reply = running.chat("hello")
        assert (reply.status, reply.json["error"]["code"]) == (429, "all_candidates_cooling")
        assert 15 <= int(reply.headers["retry-after"]) <= 20
    assert len(upstream.requests) == 2


def test_models_of_one_account_share_its_pause(upstream, tmp_path):
    """F-15: spare and last are called with the account of cheap."""
    upstream.script["cheap"] = [Refuse(429, headers=(("retry-after", "30"),))]
    gateway = Gateway(scripted_settings(upstream.url, tmp_path, default_model="cheap"))
    with served(gateway) as running:
        assert running.chat("hello").headers["x-routewright-model"] == "strong"
        for name in ("cheap", "spare", "last"):
            assert running.chat("hello", model=name).status == 429
    assert [request["model"] for request in upstream.requests] == ["cheap", "strong"]


def test_two_providers_with_one_place_and_key_are_one_account(monkeypatch):
    """F-15: whatever the sections are called; another key is another account."""
    from routewright.config import ProviderSettings, Settings
    from routewright.providers import account_names, api_keys

    monkeypatch.setenv("ONE", "sk-one")
    monkeypatch.setenv("TWO", "sk-two")
    given = {
        name: ProviderSettings(kind="openai", base_url=url, api_key_env=env)
        for name, url, env in (
            ("a", "https://llm.example/v1", "ONE"),
            ("b", "https://llm.example/v1/", "ONE"),
            ("c", "https://llm.example/v1", "TWO"),
        )
    }
    settings = Settings(providers=given)
    names = account_names(settings, api_keys(settings))
    assert names["a"] == names["b"] != names["c"]
    assert "sk-" not in str(names)


def test_a_refused_account_is_not_asked_again_for_one_request(upstream, tmp_path):
    """A 401 falls over to another account, not to another model of the same one."""
    upstream.script |= {name: [Refuse(401)] for name in ("cheap", "spare", "last")}
    gateway = Gateway(scripted_settings(upstream.url, tmp_path, default_model="cheap"))
    with served(gateway) as running:
        assert running.chat("hello").headers["x-routewright-model"] == "strong"
        assert running.chat("hello", model="spare").status == 502
    assert [request["model"] for request in upstream.requests] == ["cheap", "strong", "spare"]


@pytest.mark.parametrize("status", [400, 404, 413, 422])
def test_a_refusal_of_the_request_is_never_tried_elsewhere(running, upstream, status):
    upstream.script["cheap"] = [Refuse(status)]
    for _ in range(7):  # and it opens no breaker, for the upstream answers
        assert running.chat("hello").status == 400
    assert (upstream.asked("cheap"), upstream.asked("strong")) == (7, 0)


def test_a_dead_upstream_is_left_alone_within_a_few_calls(running, upstream):
    """F-03: with another that answers, nobody notices."""
    upstream.script["cheap"] = [Refuse(500)]
    replies = [running.chat("hello") for _ in range(40)]
    assert {reply.status for reply in replies} == {200}
    assert upstream.asked("cheap") == 5


def test_when_all_keep_failing_the_client_gets_an_honest_503(running, upstream):
    """F-03: calls upstream are fewer than the clients', and the probe finds the recovery."""
    upstream.script |= {name: [Refuse(500)] for name in ("cheap", "strong")}
    replies = [running.chat("hello") for _ in range(60)]
    assert len(upstream.requests) <= 1.1 * len(replies)
    last = replies[-1]
    assert (last.status, last.json["error"]["code"]) == (503, "no_candidate_available")
    assert 1 <= int(last.headers["retry-after"]) <= 5
    upstream.script.clear()
    back_by = time.monotonic() + 6
    while running.chat("hello").status != 200:
        assert time.monotonic() < back_by, "no recovery"
        time.sleep(0.1)


@pytest.mark.nightly
def test_a_minute_of_failing_upstreams_at_a_hundred_requests_a_second(tmp_path, figures):
    """F-03."""
    with Chaos() as chaos:
        gateway = Gateway(scripted_settings(chaos.url, tmp_path, default_model="cheap"))
        with served(gateway) as running:
            opened_s, recovered_s, clients = asyncio.run(_storm(running, gateway, 60.0))
            calls = chaos.calls()
    failing = [call for call in calls if call["tag"] == "status"]
    by_second = Counter(int(call["at"] - failing[0]["at"]) for call in failing)
    after = [count for second, count in by_second.items() if second > 2]
    figures("F-03", client_calls=clients, upstream_calls=len(failing),
            ratio=round(len(failing) / clients, 4), opened_s=round(opened_s, 2),
            probes_of_four_models=sum(after), recovered_s=round(recovered_s, 2))  # fmt: skip
    assert len(failing) <= 1.1 * clients
    assert opened_s <= 2
    assert sum(after) <= 4 * (60 / 5 + 1)  # of each of the four models
    assert recovered_s <= 6


async def _storm(running: Served, gateway: Gateway, seconds: float) -> tuple[float, float, int]:
    """Seconds until every breaker is open, seconds from the end to the first answer, and calls."""

    async def ask(session: aiohttp.ClientSession, text: str) -> int:
        body = {"model": "auto", "messages": [{"role": "user", "content": text}]}
        async with session.post(f"{running.url}/v1/chat/completions", json=body) as reply:
            await reply.read()
            return reply.status

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        began, opened_s, asked = time.monotonic(), 0.0, []
        for n in range(int(seconds * 100)):
            await asyncio.sleep(max(began + n / 100 - time.monotonic(), 0))
            asked.append(asyncio.create_task(ask(session, "[[status code=500]]")))
            if not opened_s and len(gateway.health.open()) == 4:
                opened_s = time.monotonic() - began
        statuses = await asyncio.gather(*asked)
        assert set(statuses) == {502, 503}
        ended = time.monotonic()
        while await ask(session, "hello") != 200:  # noqa: ASYNC110  # only asking tells
            await asyncio.sleep(0.05)
        return opened_s or seconds, time.monotonic() - ended, len(asked)


def test_a_prompt_too_long_for_one_window_goes_to_a_larger_one(upstream, tmp_path):
    """F-14: and to no smaller one; the row shows both calls."""
    upstream.script["cheap"] = [Refuse(400, message=TOO_LONG)]
    settings = scripted_settings(upstream.url, tmp_path, default_model="cheap")
    _windows(settings, cheap=8000, strong=4000, spare=16000)
    with served(Gateway(settings)) as running:
        assert running.chat("hello").headers["x-routewright-model"] == "spare"
    assert [request["model"] for request in upstream.requests] == ["cheap", "spare"]
    (row,) = Journal(tmp_path / "decisions.jsonl").rows()
    assert [a["outcome"] for a in row["attempts"]] == ["context_length_exceeded", "ok"]


def test_a_prompt_too_long_for_all_is_the_clients_to_shorten(upstream, tmp_path):
    """F-14: the 400 is passed on."""
    upstream.script["cheap"] = [Refuse(400, message=TOO_LONG)]
    settings = scripted_settings(upstream.url, tmp_path, default_model="cheap")
    _windows(settings, cheap=8000, strong=4000, spare=8000, last=8000)
    with served(Gateway(settings)) as running:
        reply = running.chat("hello")
    assert (reply.status, reply.json["error"]["code"]) == (400, "context_length_exceeded")
    assert len(upstream.requests) == 1


def _windows(settings, **windows):
    import msgspec

    for name, window in windows.items():
        settings.models[name] = msgspec.structs.replace(
            settings.models[name], context_window=window
        )
