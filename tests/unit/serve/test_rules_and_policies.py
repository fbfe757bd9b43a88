"""What the operator decides: rules and the satisfice policy, in decisions and over HTTP."""

from __future__ import annotations

from pathlib import Path

import pytest

from routewright.config import Rule, When
from routewright.errors import ConfigError, RequestError
from routewright.serve.configured import decider_of_artefact
from routewright.serve.decider import Decider
from routewright.serve.gateway import Gateway
from routewright.types import Analysis, Model, PolicySettings, Prompt
from tests.fakes.gateway import ByWord, scripted_settings, served
from tests.fakes.upstream import Upstream

CHEAP, STRONG, SPARE = (Model(name=n, provider="acme") for n in ("cheap", "strong", "spare"))
WORTH = PolicySettings(worth_usd=0.01)
LEGAL = Prompt.from_text("", "May the landlord sue the tenant?")
NO_CHEAP = Rule(When(domain="law"), never="cheap")


class Telling(ByWord):
    def analyse(self, prompt: Prompt) -> Analysis:
        return Analysis("chat", "general", "en", difficulty=0.9 if "hard" in prompt.text else 0.1)


def decider(
    *rules: Rule,
    router: ByWord | None = None,
    threshold: float | dict[str, float] | None = None,
    analysed: bool = False,
) -> Decider:
    policy = WORTH if threshold is None else PolicySettings(threshold=threshold)
    return Decider((CHEAP, STRONG), router or ByWord(), policy, "", rules=rules, analysed=analysed)


def test_a_rule_removes_a_model_and_is_named_in_the_decision():
    assert decider().decide(LEGAL).model == "cheap"
    decision = decider(NO_CHEAP).decide(LEGAL)
    assert (decision.model, decision.fallbacks) == ("strong", ())
    assert decision.candidates[0].excluded == "rule 1 (domain law): never"
    assert decision.analysis is not None
    assert decision.analysis.domain == "law"


def test_a_rule_may_send_a_prompt_to_a_model_with_the_others_behind_it():
    decision = decider(Rule(When(contains="landlord"), use="strong")).decide(LEGAL)
    assert (decision.model, decision.fallbacks) == ("strong", ("cheap",))
    assert decision.reason == "rule 1 (contains landlord) sends it to strong"


def test_a_model_that_the_router_does_not_know_can_be_sent_to():
    rules = (Rule(When(domain="law"), use="spare"),)
    both = Decider((CHEAP, STRONG, SPARE), ByWord(), WORTH, "", rules=rules)
    assert both.decide(LEGAL).model == "spare"
    assert both.decide(LEGAL, policy=PolicySettings(models=("spare",))).model == "spare"


def test_a_hard_constraint_stands_above_a_rule():
    decision = decider(Rule(When(domain="law"), use="strong")).decide(
        LEGAL, policy=PolicySettings(models=("cheap",))
    )
    assert decision.model == "cheap"


def test_rules_hold_without_a_router_and_when_it_fails():
    alone = Decider((CHEAP, STRONG), None, PolicySettings(), "cheap", rules=(NO_CHEAP,))
    assert alone.decide(LEGAL).model == "strong"
    failed = decider(NO_CHEAP).decide(Prompt.from_text("", f"explode {LEGAL.text}"))
    assert (failed.model, failed.fallbacks) == ("strong", ())
    assert "failed" in failed.degraded


def test_without_a_router_a_rule_may_name_the_model():
    alone = Decider(
        (CHEAP, STRONG),
        None,
        PolicySettings(),
        "cheap",
        rules=(Rule(When(domain="law"), use="strong"),),
    )
    decision = alone.decide(LEGAL)
    assert (decision.model, decision.fallbacks) == ("strong", ("cheap",))
    assert "rule 1" in decision.reason


def test_a_request_by_name_does_not_get_round_never():
    with pytest.raises(RequestError, match=r"cheap: rule 1 \(domain law\): never"):
        decider(NO_CHEAP).named("cheap", LEGAL)
    assert decider(NO_CHEAP).named("strong", LEGAL).model == "strong"


def test_when_rules_leave_nobody_every_reason_is_given():
    rules = (NO_CHEAP, Rule(When(domain="law"), never="strong"))
    with pytest.raises(RequestError, match=r"cheap: rule 1 .*; strong: rule 2 "):
        decider(*rules).decide(LEGAL)


def test_difficulty_comes_from_a_router_that_tells_it():
    rule = Rule(When(min_difficulty=0.5), never="strong")
    with pytest.raises(ConfigError, match="hybrid"):
        decider(rule)
    telling = decider(rule, router=Telling())
    assert telling.decide(Prompt.from_text("", "hard")).model == "cheap"
    assert telling.decide(LEGAL).candidates[1].excluded == ""


def test_no_analysis_is_made_where_nobody_asks_for_it():
    assert decider().decide(LEGAL).analysis is None


def test_the_cheapest_that_is_good_enough():
    enough = decider(threshold=0.75)
    easy, hard = enough.decide(LEGAL), enough.decide(Prompt.from_text("", "hard"))
    assert (easy.model, easy.fallbacks) == ("cheap", ("strong",))
    assert easy.reason == "cheapest that is good enough: expects 0.80 for $0.000010"
    assert hard.model == "strong"
    assert decider(threshold=0.95).decide(LEGAL).reason.startswith("none is good enough; best")


def test_thresholds_may_differ_and_a_request_may_ask_for_utility():
    strict = decider(threshold={"cheap": 0.85, "strong": 0.5})
    assert strict.decide(LEGAL).model == "strong"
    assert strict.decide(LEGAL, policy=PolicySettings(worth_usd=0.0)).model == "cheap"
    with pytest.raises(ConfigError, match="no model 'chaep' in the pool"):
        decider(threshold={"chaep": 0.5})
    with pytest.raises(ConfigError, match="from 0 to 1, not 70"):
        decider(threshold=70.0)


def test_the_policy_is_said_in_words():
    assert decider().policy == "$0.01 for one whole unit of score"
    assert decider(threshold=0.7).policy.endswith("expected to score 0.7")
    assert decider(threshold={"cheap": 0.8}).policy.endswith("its score: cheap 0.8")


def test_satisfice_needs_no_willingness_to_pay():
    assert (
        Decider((CHEAP,), ByWord(), PolicySettings(threshold=0.5), "").decide(LEGAL).model
        == "cheap"
    )


def test_both_are_configured_in_the_gateway_and_seen_over_http(upstream: Upstream, tmp_path: Path):
    settings = scripted_settings(
        upstream.url, tmp_path, rules=(NO_CHEAP,), policy="satisfice", threshold=0.7
    )
    with served(Gateway(settings, router=Telling())) as up:
        told = up.request("POST", "/v1/route", {"prompt": "hello"}).json
        assert told["reason"].startswith("cheapest that is good enough")
        assert told["analysis"]["task"] == "chat"
        assert told["analysis"]["difficulty"] == 0.1
        named = {"model": "cheap", "messages": [{"role": "user", "content": LEGAL.text}]}
        refused = up.request("POST", "/v1/chat/completions", named)
        assert refused.status == 400
        assert "rule 1" in refused.json["error"]["message"]


def test_a_rule_that_names_nobody_stops_the_start(tmp_path: Path):
    settings = scripted_settings("http://x", tmp_path, rules=(Rule(When(domain="law"), use="no"),))
    with pytest.raises(ConfigError, match="rule 1: no model 'no' in the pool"):
        Gateway(settings, router=ByWord())


def test_an_artefact_alone_can_be_asked_for_good_enough(tmp_path: Path):
    from routewright import routers
    from routewright.routers.check import sample_data

    routers.make("hybrid", encoder="hashed:8").fit(sample_data()).save(tmp_path / "router")
    decision = decider_of_artefact(tmp_path / "router", threshold=0.0).decide(LEGAL)
    assert decision.reason.startswith("cheapest")
    assert decision.analysis is not None
    assert decision.analysis.difficulty is not None
