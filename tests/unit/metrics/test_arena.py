"""RouterArena's columns on worked figures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routewright.metrics.arena import (
    arena_score,
    latency_score,
    optimal_accuracy,
    optimal_cost,
    optimal_selection,
    robustness,
)

SCORES = np.array([[1.0, 1], [0, 1], [0, 0], [1, 0]])
COSTS = np.array([[1.0, 4], [1, 4], [1, 4], [1, 4]])


@pytest.mark.parametrize(
    ("accuracy", "usd_per_1k", "expected"),
    [
        (0.6688, 0.15, 0.66899),
        (0.7396, 10.02, 0.64316),
        (0.8153, 0.61, 0.77921),
        (0.5869, 4.27, 0.55481),
    ],
)
def test_fixture_d_arena_score(accuracy: float, usd_per_1k: float, expected: float) -> None:
    assert arena_score(accuracy, usd_per_1k) == pytest.approx(expected, abs=5e-6)


def test_fixture_d_cheapness_is_recovered_from_the_score() -> None:
    # With beta -> infinity the score is C alone.
    assert arena_score(0.6688, 0.15, beta=1e12) == pytest.approx(0.67094, abs=5e-6)
    assert arena_score(0.7396, 10.02, beta=1e12) == pytest.approx(0.27915, abs=5e-6)


def test_costs_beyond_the_bounds_are_clipped_and_nothing_times_something_is_nothing() -> None:
    assert arena_score(1.0, 0.0) == arena_score(1.0, 0.0044) == 1
    assert arena_score(0.9, 200) == arena_score(0.9, 5000) == 0
    assert arena_score(0.0, 1.0) == 0


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 300), st.floats(0, 300))
def test_better_and_cheaper_never_scores_less(a: float, b: float, c: float, d: float) -> None:
    worse, better = arena_score(min(a, b), max(c, d)), arena_score(max(a, b), min(c, d))
    assert 0 <= worse <= better + 1e-12 <= 1 + 1e-9


@pytest.mark.parametrize(
    ("accuracy", "cost", "bounds"),
    [(66.9, 1, {}), (0.5, -1, {}), (0.5, math.nan, {}), (0.5, 1, {"c_min": 0})],
)
def test_impossible_figures_are_errors(accuracy: float, cost: float, bounds: dict) -> None:
    with pytest.raises(ValueError, match=r"share from 0 to 1|0 or more|c_min"):
        arena_score(accuracy, cost, **bounds)


def test_optimal_selection_and_cost_ask_about_answerable_prompts() -> None:
    chosen = [1, 0, 0, 0]  # too dear, too weak, unanswerable, right
    assert optimal_selection(SCORES, COSTS, chosen) == pytest.approx(1 / 3)
    assert optimal_cost(SCORES, COSTS, chosen) == pytest.approx((1 / 4 + 4 + 1) / 3)
    assert optimal_accuracy(SCORES, chosen) == pytest.approx(2 / 3)


def test_as_the_program_counts_only_right_answers_are_asked_about() -> None:
    chosen = [1, 0, 0, 0]
    assert optimal_selection(SCORES, COSTS, chosen, asked="router_right") == pytest.approx(1 / 2)
    assert optimal_cost(SCORES, COSTS, chosen, asked="router_right") == pytest.approx(2 / 5)


def test_the_oracle_is_optimal_and_equal_costs_are_equally_right() -> None:
    best = [0, 1, 0, 0]
    assert optimal_selection(SCORES, COSTS, best) == optimal_cost(SCORES, COSTS, best) == 1
    assert optimal_selection([[1, 1]], [[2, 2]], [1]) == 1
    assert optimal_cost([[1, 1]], [[0, 0]], [1]) == 1


def test_where_nothing_is_right_nothing_is_optimal() -> None:
    nothing = np.zeros((2, 2))
    assert math.isnan(optimal_selection(nothing, np.ones((2, 2)), [0, 1]))
    assert math.isnan(optimal_cost(nothing, np.ones((2, 2)), [0, 1]))
    assert math.isnan(optimal_accuracy(nothing, [0, 1]))


@pytest.mark.parametrize("chosen", [[0, 1, 2, 0], [0, 1], [-1, 0, 0, 0], [0.5, 0, 0, 0]])
def test_columns_that_are_none_are_errors(chosen: list[float]) -> None:
    with pytest.raises(ValueError, match="chosen must hold"):
        optimal_selection(SCORES, COSTS, chosen)


def test_robustness_counts_unchanged_choices() -> None:
    assert robustness([0, 1, 2, 2], [0, 1, 1, 2]) == 0.75
    with pytest.raises(ValueError, match="pair up"):
        robustness([0, 1], [0])


def test_the_latency_score_has_no_pole() -> None:
    # The leaderboard prints 27.03 and 90.91 in percent.
    assert latency_score(0.0137) == pytest.approx(0.2703, abs=5e-5)
    assert latency_score(0.0111) == pytest.approx(0.9091, abs=5e-5)
    assert latency_score(0.010) == latency_score(0.0) == 1
    with pytest.raises(ValueError, match="0 or more"):
        latency_score(-1)
