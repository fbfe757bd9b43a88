"""Policies as functions of arrays: quality, ceilings, win rates, and what holds of them all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routewright.policy import (
    Floats,
    affordable,
    quality_rank,
    rank,
    utility,
    win_rate,
    win_rate_rank,
)

SCORES = np.array([[0.60, 0.80, 0.90]])
COSTS = np.array([[1.0, 2.0, 3.0]])

# Few values, so that ties are common.
tables = (
    st.integers(2, 6)
    .flatmap(
        lambda m: st.tuples(
            st.lists(st.sampled_from([0.0, 0.2, 0.5, 0.9, 0.95, 1.0]), min_size=m, max_size=m),
            st.lists(st.sampled_from([0.0, 1e-5, 1e-3, 1e-3 + 1e-9, 0.5]), min_size=m, max_size=m),
            st.lists(st.booleans(), min_size=m, max_size=m).filter(any),
        )
    )
    .map(lambda t: (np.array([t[0]]), np.array([t[1]]), np.array([t[2]])))
)
Table = tuple[Floats, Floats, np.ndarray]
shares = st.floats(0, 1)
ceilings = st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted)


@pytest.mark.parametrize(
    ("quality", "order"),
    [(0.0, [0, 1, 2]), (0.65, [0, 1, 2]), (0.85, [1, 2, 0]), (0.95, [2, 1, 0]), (1.0, [2, 1, 0])],
)
def test_quality_takes_the_cheapest_with_that_share_of_the_best(quality: float, order: list[int]):
    assert quality_rank(SCORES, COSTS, quality)[0].tolist() == order


def test_the_best_is_sought_among_the_allowed():
    allowed = np.array([[True, True, False]])
    assert quality_rank(SCORES, COSTS, 0.85, allowed)[0].tolist() == [1, 0, 2]


def test_among_equal_costs_the_better_model_comes_first():
    assert quality_rank(SCORES, np.zeros((1, 3)), 0.1)[0].tolist() == [2, 1, 0]


@given(tables, shares)
def test_the_chosen_model_is_allowed_and_has_its_share(table: Table, quality: float):
    scores, costs, allowed = table
    first = quality_rank(scores, costs, quality, allowed)[0, 0]
    assert allowed[0, first]
    assert scores[0, first] >= quality * scores[allowed].max()


@given(tables)
def test_quality_1_takes_the_best_at_least_cost(table: Table):
    scores, costs, allowed = table
    first = quality_rank(scores, costs, 1.0, allowed)[0, 0]
    best = allowed & (scores == scores[allowed].max())
    assert best[0, first]
    assert costs[0, first] == costs[best].min()


@given(tables, ceilings, shares)
def test_a_higher_ceiling_never_makes_the_choice_by_quality_cheaper(
    table: Table, pair: list[float], quality: float
):
    scores, costs, allowed = table
    chosen: list[float] = []
    for ceiling in pair:
        open_ = allowed & affordable(costs, ceiling)
        if open_.any():
            first = quality_rank(scores, costs, quality, open_)[0, 0]
            assert costs[0, first] <= ceiling
            chosen.append(costs[0, first])
    assert chosen == sorted(chosen)


@given(tables, ceilings, st.floats(1e-4, 10))
def test_a_higher_ceiling_never_lowers_utility(table: Table, pair: list[float], worth: float):
    scores, costs, allowed = table
    values: list[float] = []
    for ceiling in pair:
        open_ = allowed & affordable(costs, ceiling)
        if open_.any():
            first = rank(scores, costs, worth, open_)[0, 0]
            values.append(utility(scores, costs, worth)[0, first])
    assert values == sorted(values)


def test_without_a_ceiling_everything_is_affordable():
    assert affordable(COSTS, None).all()
    assert affordable(COSTS, 2.0)[0].tolist() == [True, True, False]


def test_a_win_rate_counts_a_tie_as_half():
    assert win_rate(np.array([1.0, 0.5, 0.0]), np.array([0.0, 0.5, 1.0])).tolist() == [1, 0.5, 0]


@pytest.mark.parametrize(("least", "first"), [(0.6, 1), (0.59, 1), (0.61, 0)])
def test_the_strong_model_answers_from_its_win_rate_on(least: float, first: int):
    scores = np.array([[0.5, 0.7]])
    assert win_rate_rank(scores, 1, least)[0].tolist() == [first, 1 - first]


def test_a_win_rate_of_three_models_is_refused():
    with pytest.raises(ValueError, match="between 2 models, not 3"):
        win_rate_rank(SCORES, 2, 0.5)
