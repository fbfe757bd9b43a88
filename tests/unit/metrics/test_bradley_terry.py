"""Strengths from comparisons."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from routewright.metrics.bradley_terry import (
    bradley_terry,
    elo_gap,
    similarity_weights,
    win_rate,
    win_table,
)


def test_fixture_e_three_wins_and_a_loss() -> None:
    p = win_rate([1, 1, 1, 0])
    assert p == 0.75
    assert elo_gap(p) == pytest.approx(190.8485, abs=5e-5)


def test_fixture_e_similarity_weights() -> None:
    assert similarity_weights([1, 0.5, 0]) == pytest.approx([100, 31.6228, 10], abs=5e-5)


def test_two_models_by_newton_are_the_closed_form() -> None:
    weights = similarity_weights([0.9, 0.3, 0.5, 0.1])
    outcome = [1, 0, 0.5, 1]
    table = win_table([0] * 4, [1] * 4, outcome, models=2, weights=weights)
    x = bradley_terry(table, ridge=1e-9)
    assert x.sum() == pytest.approx(0, abs=1e-9)
    assert 1 / (1 + math.exp(x[1] - x[0])) == pytest.approx(win_rate(outcome, weights))


tables = arrays(np.float64, (4, 4), elements=st.integers(0, 9).map(float))


@given(tables)
def test_strengths_are_a_maximum_and_sum_to_nothing(wins: np.ndarray) -> None:
    ridge = 1e-3
    x = bradley_terry(wins, ridge=ridge)
    assert np.isfinite(x).all()
    assert x.sum() == pytest.approx(0, abs=1e-8)
    chance = 1 / (1 + np.exp(x - x[:, None]))
    off = wins * (1 - np.eye(4))
    slope = (off - (off + off.T) * chance).sum(axis=1) - ridge * x
    assert slope == pytest.approx(np.zeros(4), abs=1e-6)


def test_strengths_are_recovered_from_many_games() -> None:
    true = np.array([-1.0, 0.0, 0.2, 0.8])
    chance = 1 / (1 + np.exp(true - true[:, None]))
    games = np.triu(np.random.default_rng(0).binomial(20_000, chance), 1)
    lost = np.triu(20_000 - games, 1).T
    assert bradley_terry(games + lost) == pytest.approx(true, abs=0.03)


def test_separable_data_stay_finite_and_strangers_stay_in_the_middle() -> None:
    wins = np.zeros((3, 3))
    wins[0, 1] = 5
    x = bradley_terry(wins)
    assert x[0] > 3
    assert x == pytest.approx([x[0], -x[0], 0], abs=1e-6)


def test_a_tie_is_half_a_win_for_each() -> None:
    assert win_table([0, 1], [1, 0], [0.5, 1], models=2).tolist() == [[0, 0.5], [1.5, 0]]
    with pytest.raises(ValueError, match="outcomes"):
        win_table([0], [1], [2], models=2)
    with pytest.raises(ValueError, match="second"):
        win_table([0], [2], [1], models=2)
    with pytest.raises(ValueError, match="not all 0"):
        win_rate([1, 0], [0, 0])
    with pytest.raises(ValueError, match="ridge"):
        bradley_terry(np.ones((2, 2)), ridge=0)


def test_elo_at_the_ends_and_in_the_middle() -> None:
    assert elo_gap(0.5) == 0
    assert elo_gap(1) == -elo_gap(0) == math.inf
    with pytest.raises(ValueError, match="win_rate"):
        elo_gap(75)


def test_gamma_one_weighs_nothing_and_nothing_similar_weighs_alike() -> None:
    assert similarity_weights([0.9, 0.1], gamma=1).tolist() == [1, 1]
    assert similarity_weights([-0.1, -0.9]).tolist() == [1, 1]
    assert (
        similarity_weights([0.9, 0.1], gamma=1e8)[0]
        > 1e7 * similarity_weights([0.9, 0.1], gamma=1e8)[1]
    )


def test_the_paper_divides_by_each_training_prompts_own_neighbour() -> None:
    found = similarity_weights([0.4, 0.4], 10, "train", nearest=[0.8, 0.4])
    assert found == pytest.approx([10**1.5, 100])
    with pytest.raises(ValueError, match="needs nearest"):
        similarity_weights([0.4], normalise="train")
    with pytest.raises(ValueError, match="above 0"):
        similarity_weights([0.4], normalise="train", nearest=[0.0])
