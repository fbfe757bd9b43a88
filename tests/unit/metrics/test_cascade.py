"""Cascades with an imperfect judge: exact expectations against the closed form and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from routewright.metrics.cascade import cascade, cascade_points, two_stage

FIXTURE_B = {"judge_error": 0.1, "weak_cost_usd": 1.0, "strong_cost_usd": 10.0}


def test_fixture_b_two_stages() -> None:
    found = two_stage(0.7, 0.9, 0.9, **FIXTURE_B)
    assert found.escalated == pytest.approx(0.34)
    assert found.mean_score == pytest.approx(0.936)
    assert found.mean_cost_usd == pytest.approx(4.4)


def test_fixture_b_nested_correctness_beats_the_mix_by_less() -> None:
    found = two_stage(0.7, 1.0, 2 / 3, **FIXTURE_B)
    assert found.mean_score == pytest.approx(0.88)
    assert found.mean_cost_usd == pytest.approx(4.4)
    assert pytest.approx(0.7756, abs=5e-5) == 0.7 + 0.2 * (4.4 - 1) / 9
    assert found.mean_score > 0.7756


@pytest.mark.parametrize(
    "rows", [[[1, 1]] * 7 + [[0, 1]] * 2 + [[0, 0]], [[1, 1]] * 5 + [[1, 0]] * 2 + [[0, 1]] * 3]
)
def test_a_cascade_of_two_is_the_closed_form(rows: list[list[int]]) -> None:
    scores = np.array(rows, dtype=float)
    costs = np.tile([1.0, 10.0], (10, 1))
    weak = scores[:, 0] == 1
    found = cascade(scores, costs, judge_error=0.1, threshold=1.0, judge_cost_usd=0.25)
    closed = two_stage(
        weak.mean(),
        scores[weak, 1].mean(),
        scores[~weak, 1].mean(),
        judge_cost_usd=0.25,
        **FIXTURE_B,
    )
    assert found.mean_score == pytest.approx(closed.mean_score)
    assert found.mean_cost_usd == pytest.approx(closed.mean_cost_usd)
    assert found.mean_calls == pytest.approx(1 + closed.escalated)


def played(scores, costs, budget, error, bar, rng):
    """The protocol step by step, for one judge: mean score and mean cost."""
    order = np.argsort(costs.mean(axis=0), kind="stable")
    total = np.zeros(2)
    for s, c in zip(scores, costs, strict=True):
        spent, answer = 0.0, 0.0
        for m in order:
            if spent > 0 and c[m] >= budget - spent:
                break
            spent += c[m]
            answer = s[m]
            if (s[m] >= bar) != (rng.random() < error):
                break
        total += answer, spent
    return total / len(scores)


@pytest.mark.parametrize(("budget", "error"), [(np.inf, 0.2), (6.0, 0.1), (2.5, 0.4), (0.5, 0.0)])
def test_the_exact_expectation_is_the_mean_of_many_simulated_judges(
    budget: float, error: float
) -> None:
    rng = np.random.default_rng(11)
    scores = (rng.random((30, 4)) < [0.4, 0.6, 0.7, 0.9]).astype(float)
    costs = rng.uniform(0.5, 1.5, (30, 4)) * [1, 2, 3, 8]
    judges = np.array([played(scores, costs, budget, error, 1.0, rng) for _ in range(600)])
    found = cascade(scores, costs, budget_usd=budget, judge_error=error, threshold=1.0)
    error_of_mean = judges.std(axis=0) / np.sqrt(len(judges))
    assert abs(found.mean_score - judges[:, 0].mean()) <= 4 * error_of_mean[0] + 1e-12
    assert abs(found.mean_cost_usd - judges[:, 1].mean()) <= 4 * error_of_mean[1] + 1e-12


binary = arrays(np.float64, (6, 3), elements=st.sampled_from([0.0, 1.0]))


@given(binary, st.floats(0, 1))
def test_a_judge_that_errs_costs_between_the_cheapest_and_all(
    scores: np.ndarray, error: float
) -> None:
    costs = np.tile([1.0, 2.0, 4.0], (6, 1))
    found = cascade(scores, costs, judge_error=error, threshold=1.0)
    assert 1 - 1e-12 <= found.mean_cost_usd <= 7 + 1e-12
    assert 1 - 1e-12 <= found.mean_calls <= 3 + 1e-12
    assert 0 <= found.mean_score <= scores.max(axis=1).mean() + 1e-12


@given(binary)
def test_a_perfect_judge_finds_every_right_answer(scores: np.ndarray) -> None:
    costs = np.tile([1.0, 2.0, 4.0], (6, 1))
    found = cascade(scores, costs, threshold=1.0)
    assert found.mean_score == pytest.approx(scores.max(axis=1).mean())


def test_a_small_budget_buys_the_first_answer_and_no_more() -> None:
    scores, costs = np.array([[0.0, 1.0]]), np.array([[1.0, 3.0]])
    assert cascade(scores, costs, budget_usd=0.01, threshold=1.0).mean_cost_usd == 1
    # A call as dear as what is left is not made.
    assert cascade(scores, costs, budget_usd=4.0, threshold=1.0).mean_score == 0
    assert cascade(scores, costs, budget_usd=4.01, threshold=1.0).mean_score == 1


def test_the_threshold_defaults_to_the_95th_percentile_of_all_scores() -> None:
    scores = np.array([[0.6, 0.9]] * 10)
    costs = np.tile([1.0, 2.0], (10, 1))
    assert cascade(scores, costs).mean_calls == 2
    assert cascade(scores, costs, threshold=0.6).mean_calls == 1


def test_points_per_budget_and_another_order() -> None:
    scores, costs = np.array([[0.0, 1.0]] * 2), np.array([[1.0, 3.0]] * 2)
    points = cascade_points(scores, costs, [1, 10], threshold=1.0)
    assert points.tolist() == [[1, 0], [4, 1]]
    assert cascade(scores, costs, order=[1, 0], threshold=1.0).mean_cost_usd == 3
    with pytest.raises(ValueError, match="order"):
        cascade(scores, costs, order=[0, 0])
    with pytest.raises(ValueError, match="judge_error"):
        cascade(scores, costs, judge_error=2)
