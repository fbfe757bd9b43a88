"""Agreement between judges, against worked examples."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routewright.judge.agreement import agreement, cohen_kappa, rogan_gladen, weighted_kappa
from routewright.judge.run import Verdict

MARKS = st.integers(0, 5)
PAIRS = st.lists(st.tuples(MARKS, MARKS), min_size=1, max_size=40)


def test_kappa_of_the_worked_two_by_two_table():
    a = [0] * 50 + [1] * 50
    b = [0] * 40 + [1] * 10 + [0] * 5 + [1] * 45
    assert cohen_kappa(a, b, categories=2) == pytest.approx(0.70)
    assert weighted_kappa(a, b, categories=2) == pytest.approx(0.70)
    assert cohen_kappa(a, b) == pytest.approx(0.70)


def test_a_judge_without_a_mark_has_no_mean_and_no_kappa():
    verified = [Verdict("p", "a", 5.0, "", "verify:exact")]
    told = agreement(verified, [Verdict("p", "a", None, "", "llm:j:1")])
    assert told is not None
    assert (told["audited"], told["ungraded"], told["both"]) == (1, 1, 0)
    assert {told[f"mean_mark_{who}"] for who in ("verified", "judge")} == {None}
    assert told["weighted_kappa"] is None


def test_rogan_gladen_of_the_worked_example():
    assert rogan_gladen(0.70, 0.9, 0.8) == pytest.approx(0.714286, abs=1e-6)
    assert rogan_gladen(0.05, 0.9, 0.8) == 0.0
    assert rogan_gladen(0.99, 0.9, 0.8) == 1.0
    assert math.isnan(rogan_gladen(0.5, 0.5, 0.5))
    assert math.isnan(rogan_gladen(0.5, 0.9, math.nan))


@given(PAIRS)
def test_weighted_kappa_is_the_textbook_ratio(pairs):
    n = len(pairs)
    observed = sum((a - b) ** 2 for a, b in pairs) / n
    expected = sum((a - b) ** 2 for a, _ in pairs for _, b in pairs) / n**2
    found = weighted_kappa([a for a, _ in pairs], [b for _, b in pairs])
    if expected == 0:
        assert math.isnan(found)
    else:
        assert found == pytest.approx(1 - observed / expected)


def test_near_misses_cost_less_than_far_ones():
    near = weighted_kappa([0, 1, 4, 5], [1, 1, 4, 4])
    far = weighted_kappa([0, 1, 4, 5], [5, 1, 4, 0])
    assert weighted_kappa([0, 1, 5], [0, 1, 5]) == 1.0
    assert far < 0 < near < 1


def test_marks_are_rounded_half_up():
    assert cohen_kappa([2.5, 0.49, 5], [3, 0, 4.5]) == 1.0


def test_undefined_kappa_is_nan_and_bad_marks_are_refused():
    assert math.isnan(weighted_kappa([], []))
    assert math.isnan(cohen_kappa([3, 3], [3, 3]))
    for a, b in (([1], [1, 2]), ([6], [1]), ([-1], [1]), ([math.nan], [1])):
        with pytest.raises(ValueError, match=r"judges|marks"):
            weighted_kappa(a, b)
    with pytest.raises(ValueError, match="categories"):
        weighted_kappa([0], [0], categories=1)
