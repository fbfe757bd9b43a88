from __future__ import annotations

import math

import pytest

from routewright.errors import ConfigError, RequestError
from routewright.serve.decider import Decider
from routewright.serve.ids import Ids
from routewright.serve.needs import estimate_tokens
from routewright.types import Model, PolicySettings, Prompt
from tests.fakes.gateway import ByWord

CHEAP = Model(name="cheap", provider="acme", context_window=100)
STRONG = Model(name="strong", provider="acme")
SPARE = Model(name="spare", provider="acme")

WORTH = PolicySettings(worth_usd=0.01)

EASY = Prompt.from_text("", "hello")
HARD = Prompt.from_text("", "something hard")


def decider(*pool: Model, worth_usd: float = 0.01, default_model: str = "", **knows: object):
    router = ByWord(**knows)  # pyright: ignore[reportArgumentType]
    policy = PolicySettings(worth_usd=worth_usd)
    return Decider(pool or (CHEAP, STRONG), router, policy, default_model, artefact="mine")


def test_an_easy_prompt_goes_to_the_cheap_model_and_a_hard_one_to_the_strong():
    easy, hard = decider().decide(EASY), decider().decide(HARD)
    assert (easy.model, easy.fallbacks) == ("cheap", ("strong",))
    assert (hard.model, hard.fallbacks) == ("strong", ("cheap",))


def test_a_decision_says_why_and_what_the_others_would_have_cost():
    decision = decider().decide(EASY)
    assert decision.reason == (
        "best utility: expects 0.80 for $0.000010; next best strong expects 0.90 for $0.002000"
    )
    assert [(c.model, c.score, c.cost_usd) for c in decision.candidates] == [
        ("cheap", 0.8, 1e-5),
        ("strong", 0.9, 2e-3),
    ]
    assert (decision.probability, decision.artefact, decision.degraded) == (1.0, "mine", "")


@pytest.mark.parametrize(("worth_usd", "chosen"), [(math.inf, "strong"), (0.0, "cheap")])
def test_a_request_may_turn_the_knob(worth_usd: float, chosen: str):
    decision = decider().decide(EASY, policy=PolicySettings(worth_usd=worth_usd))
    assert (decision.model, decision.worth_usd) == (chosen, worth_usd)


def test_a_prompt_beyond_a_models_window_goes_elsewhere_with_the_reason():
    decision = decider().decide(Prompt.from_text("", "word " * 200))
    assert decision.model == "strong"
    assert decision.fallbacks == ()
    assert "its window 100" in decision.candidates[0].excluded
    assert decision.reason.endswith("no other model is admissible")


def test_tokens_are_estimated_over_the_whole_conversation_and_by_bytes():
    assert estimate_tokens(Prompt.from_text("", "日" * 400).messages) == 304
    assert estimate_tokens(EASY.messages) == 6


def test_a_request_may_restrict_the_models():
    decision = decider().decide(EASY, policy=PolicySettings(models=("strong",)))
    assert decision.model == "strong"
    assert "request allows" in decision.candidates[0].excluded


def test_a_knob_next_to_zero_never_lets_an_excluded_model_in():
    decision = decider().decide(EASY, policy=PolicySettings(worth_usd=1e-320, models=("strong",)))
    assert (decision.model, decision.fallbacks) == ("strong", ())


def test_a_model_of_the_router_outside_the_pool_is_shown_but_never_chosen():
    decision = decider(STRONG).decide(EASY)
    assert decision.model == "strong"
    assert decision.candidates[0].excluded == "not in the pool"


def test_a_model_that_the_router_does_not_know_is_no_candidate():
    decision = decider(CHEAP, STRONG, SPARE).decide(EASY)
    assert "spare" not in {c.model for c in decision.candidates} | set(decision.fallbacks)


def test_when_nobody_can_answer_every_models_reason_is_given():
    only = Decider((CHEAP,), ByWord(), WORTH, "")
    with pytest.raises(RequestError, match=r"no model can take this request \(cheap: .*window 100"):
        only.decide(Prompt.from_text("", "word " * 200))


def test_a_router_that_fails_leaves_the_choice_to_the_default_model(caplog):
    decision = decider(CHEAP, STRONG, default_model="strong").decide(
        Prompt.from_text("", "explode")
    )
    assert (decision.model, decision.fallbacks) == ("strong", ("cheap",))
    assert decision.degraded == "the router failed (ZeroDivisionError)"
    assert decision.degraded in decision.reason
    assert "the router failed" in caplog.text


def test_a_prediction_that_is_not_finite_counts_as_a_failure():
    broken = decider(CHEAP, STRONG, default_model="cheap", costs=(math.nan, 1.0))
    assert "ArithmeticError" in broken.decide(EASY).degraded


def test_without_a_router_the_default_model_answers():
    decision = Decider((CHEAP, STRONG), None, PolicySettings(), "strong").decide(EASY)
    assert decision.model == "strong"
    assert decision.reason == "no router is configured: the default model answers"
    assert decision.degraded == ""


def test_a_default_model_that_cannot_take_the_prompt_is_passed_over():
    decision = Decider((CHEAP, STRONG), None, PolicySettings(), "cheap").decide(
        Prompt.from_text("", "word " * 200)
    )
    assert decision.model == "strong"
    assert "strong answers" in decision.reason


@pytest.mark.parametrize(
    ("pool", "router", "worth_usd", "default_model", "said"),
    [
        ((), None, None, "", "no models"),
        ((CHEAP,), None, None, "", "nothing decides"),
        ((CHEAP,), None, None, "chaep", "'chaep' is not in the pool; name one of: cheap"),
        ((SPARE,), ByWord(), 1.0, "", "no model is in both"),
        ((CHEAP,), ByWord(), None, "", "set gateway.worth_usd"),
    ],
)
def test_parts_that_do_not_fit_are_refused_before_serving(
    pool, router, worth_usd, default_model, said
):
    with pytest.raises(ConfigError, match=said):
        Decider(pool, router, PolicySettings(worth_usd=worth_usd), default_model)


def test_ids_are_unique_and_sort_in_the_order_they_were_given():
    ids = Ids()
    given = [ids.new() for _ in range(5000)]
    assert given == sorted(set(given))
    assert {len(id) for id in given} == {26}


def test_ids_keep_their_order_when_the_clock_jumps_back(monkeypatch):
    ids = Ids()
    before = ids.new()
    monkeypatch.setattr("routewright.serve.ids.time.time_ns", lambda: 0)
    assert ids.new() > before
