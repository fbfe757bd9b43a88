"""Each check fires on the facts it is for, and is silent on sound ones and on unknown ones."""

import math
from dataclasses import fields, replace
from datetime import date

import pytest

from routewright.evaluation.checks import CHECKS, Facts, Sighting, check, line, unknown
from routewright.metrics.bootstrap import Estimate

SOUND = Facts(
    router="stack",
    prompts=400,
    dropped=0,
    exact=Sighting(0),
    near=Sighting(0),
    encoder_saw=Sighting(0),
    minus_zero=Estimate(0.03, 0.01, 0.05),
    minus_zero_apart=0.03,
    zero_from_training=True,
    minus_length=Estimate(0.02, 0.01, 0.03),
    neutral_cost=0.5,
    best_model="large",
    best_score=0.8,
    pays=True,
    score=0.8,
    minus_best=Estimate(0.0, -0.004, 0.004),
    discordance=0.2,
    shares={"small": 0.6, "large": 0.4},
    setting_from_test=False,
    slope=1.0,
    controls={"shuffled": Estimate(0.0, -0.01, 0.01)},
    constant_models=(),
    equal_models=(),
    unusable={"small": {"truncated": 0.01}, "large": {}},
    kappa=0.8,
    evaluated_on=date(2026, 6, 1),
    priced_from={"small": date(2026, 5, 1)},
    catalogue_from={"small": date(2026, 5, 1)},
)

# What makes each check fire, and what its message then says.
FIRES = {
    "RT001": ({"exact": Sighting(2, ("a", "b"))}, "2 of 400 test prompts (a, b) stand word"),
    "RT002": ({"near": Sighting(5, ("a",))}, "5 of 400 test prompts (a, …), 1.2 %"),
    "RT003": ({"neutral_cost": math.inf}, "at no setting does stack reach the score of large"),
    "RT004": ({"minus_zero": Estimate(0.0, -0.02, 0.02)}, "not above a blind mix"),
    "RT005": ({"minus_zero": Estimate(0.01, -0.01, 0.03)}, "about 3,300 prompts would show it"),
    "RT006": ({"shares": {"small": 0.03, "large": 0.97}}, "large gets 97 % of the prompts"),
    "RT007": ({"evaluated_on": date(2026, 7, 31)}, "2026-05-01, 91 days before"),
    "RT008": ({"encoder_saw": Sighting(1, ("z",))}, "the text of 1 of 400 test prompts (z)"),
    "RT009": (
        {"unusable": {"small": {"truncated": 0.04, "empty": 0.02}}},
        "small (4 % truncated, 2 % empty)",
    ),
    "RT010": ({"minus_best": Estimate(0.0, -0.04, 0.04)}, "no loss smaller than 0.062"),
    "RT011": ({"controls": {"shuffled": Estimate(0.02, 0.01, 0.03)}}, "shuffled (+0.0200"),
    "RT012": ({"minus_length": Estimate(0.01, -0.01, 0.03)}, "length alone (+0.0100"),
    "RT013": ({"equal_models": (("a", "b"),)}, "a and b have the same score on every prompt"),
    "RT014": ({"dropped": 30}, "30 of 430 prompts, 7 %"),
    "RT015": ({"zero_from_training": False}, "picked on the test prompts"),
    "RT016": ({"minus_zero_apart": -0.001}, "but -0.0010 on the prompts"),
    "RT017": ({"setting_from_test": True}, "--worth-usd"),
    "RT018": ({"slope": 0.3}, "exaggerates"),
    "RT019": ({"kappa": 0.41}, "weighted kappa of 0.41"),
}
# The nearest facts on which it is silent.
SILENT = {
    "RT001": {"near": Sighting(1, ("a",))},
    "RT002": {"near": Sighting(4, ("a",))},
    "RT003": {"neutral_cost": 0.999},
    "RT004": {"minus_zero": Estimate(0.001, -0.02, 0.02)},
    "RT005": {"minus_zero": Estimate(0.01, 0.001, 0.03)},
    "RT006": {"shares": {"small": 0.05, "large": 0.95}},
    "RT007": {"evaluated_on": date(2026, 7, 30)},
    "RT008": {"exact": Sighting(1, ("z",))},
    "RT009": {"unusable": {"small": {"truncated": 0.05}}},
    "RT010": {"minus_best": Estimate(0.0, -0.04, 0.04), "score": 0.79},
    "RT011": {"controls": {"constant": Estimate(1e-12, 1e-13, 1e-12)}},
    "RT012": {"minus_length": Estimate(0.01, 0.001, 0.03)},
    "RT013": {"constant_models": ()},
    "RT014": {"dropped": 20},
    "RT015": {"zero_from_training": True},
    "RT016": {"minus_zero_apart": 0.001},
    "RT017": {"setting_from_test": False},
    "RT018": {"slope": 2.0},
    "RT019": {"kappa": 0.6},
}


def codes(facts):
    return [finding.code for finding in check(facts)]


def test_every_check_has_its_two_cases():
    assert list(FIRES) == list(SILENT) == [each.code for each in CHECKS]


def test_sound_facts_pass_every_check():
    assert check(SOUND) == ()
    assert unknown(SOUND) == ()


def test_nothing_known_is_nothing_found():
    assert check(Facts()) == ()
    assert unknown(Facts()) == CHECKS


@pytest.mark.parametrize("code", FIRES)
def test_it_fires_and_says_what_it_saw(code):
    changes, message = FIRES[code]
    (found,) = [each for each in check(replace(SOUND, **changes)) if each.code == code]
    assert message in found.message
    assert "\n" not in found.message


@pytest.mark.parametrize("code", SILENT)
def test_it_is_silent_on_the_near_side_of_its_threshold(code):
    assert code not in codes(replace(SOUND, **SILENT[code]))


@pytest.mark.parametrize("each", CHECKS, ids=lambda each: each.code)
def test_without_a_fact_that_it_needs_it_is_not_made(each):
    bad = replace(SOUND, **FIRES[each.code][0])
    assert each.needs
    for name in each.needs:
        without = replace(bad, **{name: None})
        assert each.code not in codes(without), name
        assert each in unknown(without), name


def test_all_facts_are_named_by_a_check_or_only_for_its_message():
    named = {name for each in CHECKS for name in each.needs}
    told = {"router", "best_model", "minus_best"}
    assert named | told == {field.name for field in fields(Facts)}


def test_zero_and_crossing_zero_are_told_apart_and_together_are_the_verdict():
    for estimate in (
        Estimate(-0.01, -0.02, 0.0),
        Estimate(0.0, 0.0, 0.0),
        Estimate(0.01, 0.0, 0.02),
        Estimate(0.01, math.nan, math.nan),
        Estimate(0.01, 0.001, 0.02),
    ):
        found = [c for c in codes(replace(SOUND, minus_zero=estimate)) if c in ("RT004", "RT005")]
        assert len(found) == (0 if estimate.above_zero else 1), estimate


def test_errors_come_first():
    bad = replace(SOUND, **{name: v for f, _ in FIRES.values() for name, v in f.items()})
    severities = [finding.severity for finding in check(bad)]
    order = ["error", "warning", "info"]
    assert severities == sorted(severities, key=order.index)
    assert set(severities) == set(order)


def test_a_line_names_severity_code_title_and_page():
    (found,) = check(replace(SOUND, exact=Sighting(1, ("a",))))
    told = line(found)
    assert told.startswith("error RT001 test prompts found in training: 1 of 400 test prompts (a)")
    assert told.endswith("→ docs/checks/RT001.md")


@pytest.mark.parametrize(
    ("changes", "fires"),
    [
        ({"priced_from": {"small": date(2026, 3, 1)}}, True),
        # Announced, but not yet in force.
        ({"catalogue_from": {"small": date(2026, 6, 2)}}, False),
        # The operator's own price is believed, whatever the catalogue says.
        ({"priced_from": {"small": date.max}, "evaluated_on": date(2027, 6, 1)}, False),
        ({"priced_from": {}, "catalogue_from": {}, "evaluated_on": date(2027, 6, 1)}, False),
    ],
)
def test_prices_are_stale_once_newer_ones_are_in_force(changes, fires):
    assert ("RT007" in codes(replace(SOUND, **changes))) is fires


def test_a_claim_that_the_prompts_prove_is_not_doubted_for_their_number():
    few = replace(SOUND, prompts=50)
    assert "RT010" not in codes(few)
    assert "RT010" in codes(replace(few, minus_best=None)), "unknown: the number decides"
    assert "RT010" not in codes(replace(few, minus_best=None, pays=False)), "nothing is claimed"


def test_the_number_of_prompts_that_would_do_is_the_formula_s():
    (found,) = check(replace(SOUND, best_score=1.0, score=1.0, minus_best=None))
    # 7.85 (.2 - .01²) / .01² with the exact factor 7.849
    assert "a loss of 0.010 takes about 15,690 prompts" in found.message
