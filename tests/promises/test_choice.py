"""Which model answers: names, limits, tool calls and warm caches, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from routewright.config import ModelSettings, Settings
from routewright.data.journal import Journal
from routewright.serve.gateway import Gateway
from routewright.types import PolicySettings
from tests.fakes.gateway import ByWord, Reply, Served, scripted_settings, served
from tests.fakes.upstream import Cut, Refuse, Say, Upstream

CALL = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    ],
}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "found"}
CAREFUL = PolicySettings(quality=0.98)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as up:
        yield up


def settings(upstream: Upstream, folder: Path, **gateway: Any) -> Settings:
    """Cheap and strong as in the other tests, with prices for what is read from a cache."""
    given = scripted_settings(
        upstream.url,
        folder,
        **{"profiles": {"careful": CAREFUL}, "aliases": {"gpt-4o": "auto:careful"}, **gateway},
    )
    cached = {"cheap": 0.01, "strong": 0.1}
    models: dict[str, ModelSettings] = {
        name: msgspec.structs.replace(model, cached_input_usd_per_mtok=cached.get(name))
        for name, model in given.models.items()
    }
    return msgspec.structs.replace(given, models=models)


@pytest.fixture
def running(upstream: Upstream, tmp_path: Path) -> Iterator[Served]:
    # A strong answer is expected to cost $0.004 and to be worth $0.001 more: cheap is chosen.
    router = ByWord(costs=(1e-5, 4e-3))
    with served(Gateway(settings(upstream, tmp_path), router=router)) as up:
        yield up


def turns(running: Served, *messages: dict[str, Any], **more: Any) -> Reply:
    body = {"model": "auto", "messages": list(messages), **more}
    return running.request("POST", "/v1/chat/completions", body)


def said(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "content": text}


@pytest.mark.parametrize(
    ("name", "model", "policy"),
    [
        ("auto", "cheap", "worth_usd=0.01"),
        ("auto:cheap", "cheap", "worth_usd=0"),
        ("auto:best", "strong", "quality=1"),
        ("auto:careful", "strong", "quality=0.98"),
        ("auto:careful,quality=0.8", "cheap", "quality=0.8"),
        ("auto:quality=0.95", "strong", "quality=0.95"),
        ("auto:worth_usd=1", "strong", "worth_usd=1"),
        ("auto:best,max_usd=0.002", "cheap", "quality=1,max_usd=0.002"),
        ("gpt-4o", "strong", "quality=0.98"),
        ("router-by_word-0.54", "strong", "win_rate=0.54"),
        ("router-by-word-0.56", "cheap", "win_rate=0.56"),
        ("strong", "strong", "name"),
    ],
)
def test_a_name_says_how_to_choose(running: Served, name: str, model: str, policy: str):
    reply = running.chat("hello", model=name)
    assert (reply.status, reply.json["model"]) == (200, model)
    assert reply.headers["x-routewright-policy"] == policy
    assert running.request("GET", f"/v1/models/{name}").json["id"] == name


@pytest.mark.parametrize(
    "name", ["", "autó", "auto:", "auto:chep", "../../../etc/passwd", "x" * 10_240, "router-x-1"]
)
def test_i07_a_name_that_means_nothing_is_a_404_and_nobody_is_called(
    running: Served, upstream: Upstream, name: str
):
    """I-07: unknown, empty, unicode, path traversal, 10 kB."""
    reply = running.chat("hello", model=name)
    assert (reply.status, reply.json["error"]["code"]) == (404, "model_not_found")
    assert "known: " in reply.json["error"]["message"] or "did you mean" in reply.body.decode()
    assert len(reply.body) < 1000
    assert upstream.requests == []


def test_a_ceiling_is_kept_or_refused_before_anybody_is_called(running: Served, upstream: Upstream):
    kept = running.chat("hard", routewright={"max_usd": 0.003})
    assert kept.json["model"] == "cheap"
    refused = running.chat("hard", model="auto:max_usd=0.000001")
    assert (refused.status, refused.json["error"]["param"]) == (400, "routewright.max_usd")
    assert "the cheapest is cheap at $0.000010" in refused.json["error"]["message"]
    assert upstream.asked("strong") == 0


def test_no_request_gets_round_the_operators_ceiling(upstream: Upstream, tmp_path: Path):
    capped = settings(upstream, tmp_path, max_usd=0.002)
    with served(Gateway(capped, router=ByWord(costs=(1e-5, 4e-3)))) as running:
        for more in ({"model": "auto:best"}, {"routewright": {"quality": 1, "max_usd": 9}}):
            assert running.chat("hard", **more).json["model"] == "cheap"


def test_a_request_may_ask_for_a_share_of_the_best(running: Served):
    assert running.chat("hello", routewright={"quality": 0.95}).json["model"] == "strong"
    assert running.chat("hello", routewright={"quality": 0.85}).json["model"] == "cheap"
    refused = running.chat("hello", routewright={"quality": 0.9, "worth_usd": 1})
    assert (refused.status, refused.json["error"]["param"]) == (400, "routewright.quality")


def test_the_configuration_may_ask_for_a_share_of_the_best(upstream: Upstream, tmp_path: Path):
    given = settings(upstream, tmp_path, policy="quality", quality=0.95)
    with served(Gateway(given, router=ByWord())) as running:
        reply = running.chat("hello")
        assert (reply.json["model"], reply.headers["x-routewright-policy"]) == (
            "strong",
            "quality=0.95",
        )


def test_a_model_without_the_capability_is_never_asked(upstream: Upstream, tmp_path: Path):
    given = settings(upstream, tmp_path)
    blind = msgspec.structs.replace(given.models["cheap"], capabilities=("tools",))
    given = msgspec.structs.replace(given, models={**given.models, "cheap": blind})
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    with served(Gateway(given, router=ByWord())) as running:
        seen = turns(running, {"role": "user", "content": [image]})
        assert seen.json["model"] == "strong"
        only = {"models": ["cheap"]}
        refused = turns(running, {"role": "user", "content": [image]}, routewright=only)
        assert refused.status == 400
        assert refused.json["error"]["param"] == "messages[0].content[0]"


def test_a_tools_result_goes_back_to_the_model_that_called_it(running: Served):
    asked = said("user", "something hard")
    assert turns(running, asked).json["model"] == "strong"
    # The last user turn is still hard; what decides here is the call, under any policy.
    back = turns(running, asked, CALL, RESULT, model="auto:cheap")
    assert back.json["model"] == "strong"
    assert back.json["routewright"]["reason"].startswith("stays with strong: it made the tool")
    after = turns(running, asked, CALL, RESULT, said("user", "and now?"), model="auto:cheap")
    assert after.json["model"] == "cheap"


def test_the_call_of_a_fallback_goes_back_to_the_fallback(running: Served, upstream: Upstream):
    upstream.script["cheap"] = [Refuse(500)]
    asked = said("user", "hello")
    assert turns(running, asked).json["model"] == "strong"
    upstream.script["cheap"] = [Say()]
    assert turns(running, asked, CALL, RESULT).json["model"] == "strong"
    assert turns(running, said("user", "other")).json["model"] == "cheap"


def test_a_stream_that_was_begun_holds_its_conversation_too(running: Served, upstream: Upstream):
    upstream.script["strong"] = [Cut(after_events=2), Say()]
    asked = said("user", "something hard")
    turns(running, asked, stream=True)
    assert turns(running, asked, CALL, RESULT, model="auto:cheap").json["model"] == "strong"


def test_a_conversation_stays_while_its_cache_is_warm(running: Served, upstream: Upstream):
    upstream.script["strong"] = [Say(prompt_tokens=2000)]
    begin = [said("user", "something hard"), said("assistant", "fine"), said("user", "thanks")]
    assert turns(running, *begin).json["model"] == "cheap"
    assert turns(running, begin[0]).json["model"] == "strong"
    # 2,000 tokens at a discount of $9.90 a million are more than strong costs beside cheap.
    warm = turns(running, *begin[:2], said("user", "thank you"))
    assert warm.json["model"] == "strong"
    assert warm.json["routewright"]["reason"].startswith(
        "stays with strong: its cache holds about 2000 tokens worth $0.019800"
    )


def test_without_sticky_every_request_stands_alone(upstream: Upstream, tmp_path: Path):
    given = settings(upstream, tmp_path, sticky=False)
    with served(Gateway(given, router=ByWord())) as running:
        asked = said("user", "something hard")
        assert turns(running, asked).json["model"] == "strong"
        assert turns(running, asked, CALL, RESULT, model="auto:cheap").json["model"] == "cheap"


def test_headers_tell_policy_cost_and_degradation(running: Served):
    whole = running.chat("hello")
    cost_usd = whole.json["routewright"]["cost_usd"]
    assert float(whole.headers["x-routewright-cost-usd"]) == pytest.approx(cost_usd)
    assert "x-routewright-degraded" not in whole.headers
    streamed = running.chat("hello", stream=True)
    assert float(streamed.headers["x-routewright-cost-usd"]) == 1e-5  # what was expected
    degraded = running.chat("explode")
    assert degraded.headers["x-routewright-policy"] == "default"
    assert "the router failed" in degraded.headers["x-routewright-degraded"]


def test_a_row_holds_all_that_the_choice_was_made_of(upstream: Upstream, tmp_path: Path):
    with served(Gateway(settings(upstream, tmp_path), router=ByWord())) as running:
        running.chat("hello", model="auto:quality=0.5,max_usd=0.001")
    row = next(iter(Journal(tmp_path / "decisions.jsonl").rows()))
    decision = row["decision"]
    assert (decision["policy"], decision["probability"]) == ("quality=0.5,max_usd=0.001", 1.0)
    assert decision["settings"] == {"quality": 0.5, "max_usd": 0.001}
    assert [(c["model"], c["score"], c["cost_usd"]) for c in decision["candidates"]] == [
        ("cheap", 0.8, 1e-5),
        ("strong", 0.9, 2e-3),
    ]


def test_a06_the_same_inputs_give_the_same_decisions(running: Served):
    """A-06: no chance takes part (ties: test_ordering)."""
    texts = [f"{word} {number}" for number in range(50) for word in ("easy", "hard")]
    body = [{"prompt": text, "model": "auto:quality=0.95"} for text in texts]
    first = [running.request("POST", "/v1/route", each).json for each in body]
    again = [running.request("POST", "/v1/route", each).json for each in reversed(body)]
    told = [{**decision, "id": ""} for decision in first]
    assert told == [{**decision, "id": ""} for decision in reversed(again)]
