"""What a router chooses, counted."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from routewright.metrics import oracle_curve
from routewright.metrics.choices import (
    budget_violation,
    flip_rate,
    latency_percentiles,
    model_recall,
    model_shares,
    regret,
    selection_entropy,
    strong_share,
)

SCORES = np.array([[0.2, 0.9], [0.5, 0.6]])
COSTS = np.array([[1.0, 3.0], [1.0, 3.0]])


def test_regret_is_the_utility_left_on_the_table() -> None:
    # At $10 a unit: .1 and .6 for the first prompt, .4 and .3 for the second.
    assert regret(SCORES, COSTS, [1, 0], 10) == pytest.approx(0)
    assert regret(SCORES, COSTS, [0, 1], 10) == pytest.approx((0.5 + 0.1) / 2)
    assert regret(SCORES, COSTS, [0, 0], math.inf) == pytest.approx((0.7 + 0.1) / 2)
    assert regret(SCORES, COSTS, [0, 1], 0) == pytest.approx(1)  # in dollars


@given(arrays(np.float64, (6, 3), elements=st.integers(0, 10)), st.integers(0, 5))
def test_the_oracle_has_no_regret_and_nobody_less(scores: np.ndarray, seed: int) -> None:
    scores, rng = scores / 10, np.random.default_rng(seed)
    costs = rng.random((6, 3))
    best = oracle_curve(scores, costs)
    for worth, chosen in zip(best.worth_usd.tolist(), best.chosen, strict=True):
        assert regret(scores, costs, chosen, worth) == pytest.approx(0, abs=1e-12)
    assert regret(scores, costs, rng.integers(0, 3, 6), 2.0) >= 0


def test_model_recall_asks_about_prompts_with_one_right_model() -> None:
    scores = [[1, 0], [0, 1], [1, 1], [0, 0], [1, 0]]
    assert model_recall(scores, [0, 0, 0, 0, 0]) == pytest.approx(2 / 3)
    assert math.isnan(model_recall([[1, 1], [0, 0]], [0, 1]))


def test_shares_and_the_strong_one_among_them() -> None:
    assert model_shares([0, 2, 2, 2], 4).tolist() == [0.25, 0, 0.75, 0]
    assert strong_share([0, 2, 2, 2], 2) == 0.75
    with pytest.raises(ValueError, match="columns from 0 to 1"):
        model_shares([0, 2], 2)
    with pytest.raises(ValueError, match="at least one"):
        model_shares([], 2)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=40))
def test_entropy_lies_between_one_model_and_an_even_mix(chosen: list[int]) -> None:
    bits = selection_entropy(model_shares(chosen, 5))
    assert 0 <= bits <= math.log2(5) + 1e-12
    assert (bits == 0) == (len(set(chosen)) == 1)


def test_entropy_in_bits() -> None:
    assert selection_entropy([0.25] * 4) == 2
    assert selection_entropy([0.5, 0.25, 0.25, 0]) == 1.5
    with pytest.raises(ValueError, match="sum to 1"):
        selection_entropy([0.5, 0.6])


def test_flips_are_counted() -> None:
    assert flip_rate([0, 1, 1, 1], [0, 1, 0, 0]) == 0.5
    with pytest.raises(ValueError, match="pair up"):
        flip_rate([0], [0, 1])


def test_a_burst_breaks_a_budget_that_the_mean_keeps() -> None:
    costs = np.array([1.0] * 6 + [4.0] * 2 + [1.0] * 2)
    over = budget_violation(costs, 2.0, window=4)
    assert over.overall == 0
    assert over.worst_window == pytest.approx((4 + 4 + 1 + 1) / 4 / 2 - 1)
    assert budget_violation(costs, 1.0).overall == pytest.approx(0.6)
    assert budget_violation(costs, 1.0).worst_window == pytest.approx(0.6)  # fewer than a window
    assert budget_violation(costs, 9.0).worst_window == 0
    with pytest.raises(ValueError, match="target"):
        budget_violation(costs, 0.0)


def test_percentiles_are_latencies_that_were_seen() -> None:
    seen = latency_percentiles(np.arange(1, 101) / 1000)
    assert (seen.p50_s, seen.p95_s, seen.p99_s) == (0.050, 0.095, 0.099)
    with pytest.raises(ValueError, match="seconds"):
        latency_percentiles([])
