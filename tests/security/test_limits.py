"""How much a key may ask: T-04, and what its bodies may not choose: S-06."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import signal
import subprocess
import sys
import time

import pytest

from routewright.config import CacheSettings, Secret
from routewright.serve.alone import unshared
from routewright.serve.gateway import Gateway
from routewright.serve.rates import Rates
from routewright.serve.till import NANO, Till
from tests.fakes.gateway import ByWord, served
from tests.fakes.redis import redis_server
from tests.fakes.upstream import Say
from tests.security.conftest import keyed_settings


def spent(asker, span: str = "total") -> float:
    return asker.served.gateway.quota.spent_usd(asker.key)[span]


def test_a_hundred_requests_at_once_pass_a_budget_by_no_more_than_their_own_cost(gate, upstream):
    """T-04: what is expected is reserved before the call; what it cost is counted after."""
    upstream.says["cheap"] = lambda _: Say("hi", prompt_tokens=100, completion_tokens=20)
    each = 100 * 0.1e-6 + 20 * 0.4e-6  # more than the 1e-5 that are expected
    a = gate({"a": {"total_usd": 1e-4}})["a"]
    with concurrent.futures.ThreadPoolExecutor(100) as pool:
        replies = list(pool.map(lambda _: a.chat(), range(100)))
    done = [reply for reply in replies if reply.status == 200]
    refused = [reply for reply in replies if reply.status == 429]
    assert len(done) + len(refused) == 100
    assert 0 < len(done) <= 10  # what 1e-4 has room for at 1e-5
    assert len(upstream.requests) == len(done)
    assert spent(a) == pytest.approx(len(done) * each)
    error = refused[0].json["error"]
    assert (error["code"], error["type"]) == ("budget_exceeded", "insufficient_quota")
    assert refused[0].headers["x-should-retry"] == "false"
    assert "retry-after" not in refused[0].headers


def test_a_budget_of_the_day_says_when_there_is_another(gate):
    """T-04"""
    a = gate({"a": {"day_usd": 0.0}})["a"]
    reply = a.chat()
    assert reply.status == 429
    assert 0 < int(reply.headers["retry-after"]) <= 86400


def test_what_a_call_did_not_cost_is_given_back(gate, upstream):
    """T-04: neither one that failed nor one that was cheaper is counted as was expected."""
    upstream.says["cheap"] = lambda _: Say("hi", prompt_tokens=1, completion_tokens=1)
    a = gate({"a": {"total_usd": 1.0, "month_usd": 1.0}})["a"]
    assert a.chat().status == 200
    assert spent(a) == pytest.approx(0.5e-6)
    stream = a.chat(stream=True)
    assert stream.body.rstrip().endswith(b"[DONE]")
    assert spent(a) == pytest.approx(1e-6)


def test_a_spent_budget_is_spent_after_a_restart_with_and_without_the_count(
    upstream, tmp_path, make_key
):
    """T-04: the count is on disk; where it is lost, outcomes in the database tell."""
    key, secret = make_key(total_usd=1.2e-5)
    bearer = {"authorization": f"Bearer {secret}"}
    body = {"model": "auto", "messages": [{"role": "user", "content": "hello"}]}
    upstream.says["cheap"] = lambda _: Say("hi", prompt_tokens=100, completion_tokens=20)
    settings = keyed_settings(upstream.url, tmp_path)
    statuses = []
    for lost in (False, False, True):
        if lost:
            for file in (tmp_path / "routewright-spool").glob("budgets.db*"):
                file.unlink()
        with served(Gateway(settings, router=ByWord())) as up:
            statuses.append(up.request("POST", "/v1/chat/completions", body, bearer).status)
    assert statuses == [200, 429, 429]
    assert key.id


KILLED = """
import sys, time
from pathlib import Path
from routewright.serve.till import Till
till = Till(Path(sys.argv[1]))
while till.reserve("k", {"total": 1_000_000}, 1000) == "":
    print("x", flush=True)
    time.sleep(0.002)
"""


def test_workers_share_one_count_and_a_killed_one_loses_nothing(tmp_path):
    """T-04: across workers, and ``kill -9``: what was reserved stays so, up to what is allowed."""
    outs = [tmp_path / f"out{n}" for n in range(3)]
    workers: list[subprocess.Popen[bytes]] = []
    for out in outs:
        with out.open("w") as file:
            command = [sys.executable, "-c", KILLED, str(tmp_path)]
            workers.append(subprocess.Popen(command, stdout=file))
    over = time.monotonic() + 20
    while outs[0].stat().st_size < 40:
        assert time.monotonic() < over
        time.sleep(0.005)
    os.kill(workers[0].pid, signal.SIGKILL)
    assert [worker.wait(30) for worker in workers] == [-signal.SIGKILL, 0, 0]
    told = sum(len(out.read_text().split()) for out in outs)
    assert 999 <= told <= 1000  # the killed one may have died before it told
    till = Till(tmp_path)
    assert till.spent("k", "total") == 1_000_000
    till.raise_to("k", "total", 5)
    till.add("k", {"total": 0}, -1000)
    assert till.spent("k", "total") == 999_000
    assert till.reserve("k", {"total": 1_000_000, "day": NANO}, 2000) == "total"
    assert till.spent("k", "day") == 0
    till.close()


def test_requests_a_minute_are_limited_and_the_answer_says_what_is_left(gate):
    """T-04: feedback and lists count as well; another key is not held up."""
    askers = gate({"a": {"requests_per_min": 5}, "b": {}})
    a = askers["a"]
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        replies = list(pool.map(lambda _: a.chat(), range(20)))
    done = [reply for reply in replies if reply.status == 200]
    assert len(done) == 5
    assert {r.headers["x-ratelimit-limit-requests"] for r in done} == {"5"}
    assert min(int(r.headers["x-ratelimit-remaining-requests"]) for r in done) == 0
    refused = a.request("POST", "/v1/feedback", {"decision_id": "x", "score": 1})
    assert (refused.status, refused.json["error"]["code"]) == (429, "rate_limited")
    assert 1 <= int(refused.headers["retry-after"]) <= 120
    assert askers["b"].chat().status == 200


def test_tokens_a_minute_are_reserved_and_settled_with_what_was_used(gate, upstream):
    """T-04: about a thousand are reserved where the request names no length."""
    upstream.says["cheap"] = lambda _: Say("hi", prompt_tokens=10, completion_tokens=10)
    a = gate({"a": {"tokens_per_min": 1500}})["a"]
    for _ in range(5):  # had each reserved thousand stayed, the second would be refused
        assert a.chat().status == 200
        time.sleep(0.05)
    upstream.says["cheap"] = lambda _: Say("hi", prompt_tokens=1000, completion_tokens=1000)
    assert a.chat(max_tokens=10).status == 200
    time.sleep(0.05)
    refused = a.chat(max_tokens=10)
    assert (refused.status, refused.json["error"]["code"]) == (429, "rate_limited")


@pytest.fixture
def redis(tmp_path):
    with redis_server(tmp_path) as (url, process):
        yield url, process


def test_two_workers_share_a_rate_through_redis_and_count_alone_while_it_is_away(redis):
    """T-04: across workers and hosts; a Redis that is away holds nobody up for long."""
    url, process = redis

    async def main() -> None:
        one, two = Rates(Secret(url)), Rates(Secret(url))
        taken = [(await each.take("k", 4))[0] for each in (one, two, one, two, one, two)]
        assert taken == [True] * 4 + [False] * 2
        await one.correct("k", 4, -2)
        assert (await two.take("k", 4))[0]
        process.kill()
        process.wait(10)
        began = time.monotonic()
        assert (await one.take("k", 4))[0]
        assert time.monotonic() - began < 2
        await one.aclose()
        await two.aclose()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("workers", "terms", "more", "told"),
    [
        (2, {"requests_per_min": 5}, {}, ["rates of keys", "set gateway.redis"]),
        (2, {"tokens_per_min": 5}, {}, ["rates of keys"]),
        (2, {"total_usd": 5.0}, {}, []),
        (2, {}, {"cache": CacheSettings(exact=True)}, ["caches answers for itself"]),
        (1, {"tokens_per_min": 5}, {"cache": CacheSettings(exact=True)}, []),
        (2, {"tokens_per_min": 5}, {"redis": Secret("redis://127.0.0.1:1/0")}, []),
    ],
)
def test_what_workers_count_or_keep_each_for_itself_is_said_at_the_start(
    upstream, tmp_path, make_key, workers, terms, more, told
):
    make_key(**terms)
    settings = keyed_settings(upstream.url, tmp_path, workers=workers, **more)
    gateway = Gateway(settings, router=ByWord())
    lines = unshared(gateway)
    gateway.release()
    assert bool(lines) == bool(told)
    assert len(lines) <= 1
    assert all(part in lines[0] for part in told)


@pytest.mark.parametrize(
    "more",
    [
        {"api_base": "http://evil.example"},
        {"base_url": "http://evil.example"},
        {"api_key": "sk-theirs"},
        {"API-KEY": "sk-theirs"},
        {"extra_headers": {"authorization": "Bearer x"}},
        {"extra_body": {"x": 1}},
        {"litellm_params": {"api_base": "http://evil.example"}},
        {"stream_options": {"api_base": "http://evil.example"}},
        {"provider": {"deep": [{"deeper": {"base_url": "http://evil.example"}}]}},
    ],
)
def test_a_body_cannot_choose_hosts_keys_or_headers(gate, upstream, more):
    """S-06: refused by the field's name, at any depth, and nobody is called."""
    reply = gate()["a"].chat(**more)
    assert reply.status == 400
    assert reply.json["error"]["param"].startswith(next(iter(more)))
    assert upstream.requests == []


def test_headers_of_a_request_do_not_go_upstream_and_content_may_say_anything(gate, upstream):
    """S-06: a tool's parameter may be called ``api_key``; the caller's key stays here."""
    a = gate()["a"]
    tool = {
        "type": "function",
        "function": {
            "name": "f",
            "parameters": {"type": "object", "properties": {"api_key": {"type": "string"}}},
        },
    }
    path, messages = "/v1/chat/completions", [{"role": "user", "content": "base_url"}]
    body = {"model": "cheap", "messages": messages, "tools": [tool], "metadata": {"proxy": "x"}}
    headers = {
        "openai_organization": "evil",
        "x_forwarded_host": "evil.example",
        "proxy_authorization": "evil",
    }
    assert a.request("POST", path, body, **headers).status == 200
    sent = str(upstream.headers[-1]).lower()
    assert "evil" not in sent
    assert a.secret.lower() not in sent
