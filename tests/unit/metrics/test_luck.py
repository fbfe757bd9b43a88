"""How much of an oracle is luck."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from routewright.metrics import oracle
from routewright.metrics.luck import (
    chance_corrected,
    chance_corrected_oracle,
    cross_fitted_oracle,
    luck_floor,
    oracle_any_correct,
    shuffled_oracle,
)


def test_the_chance_floor_of_eleven_guessers() -> None:
    assert float(luck_floor(2, 11)) == pytest.approx(0.9995, abs=5e-5)
    assert float(luck_floor(4, 11)) == pytest.approx(0.9578, abs=5e-5)
    assert float(luck_floor(4, 1)) == 0.25


def test_a_guesser_is_corrected_to_nothing_and_a_sage_to_one() -> None:
    assert chance_corrected([0.25, 1.0, 0.0], 4) == pytest.approx([0, 1, -1 / 3])
    assert chance_corrected(0.5, [2, 4]) == pytest.approx([0, 1 / 3])
    with pytest.raises(ValueError, match="2 options"):
        chance_corrected(0.5, 1)


def test_an_oracle_is_corrected_by_the_oracle_of_guessers() -> None:
    assert chance_corrected_oracle(float(luck_floor(4, 11)), 4, 11) == pytest.approx(0)
    assert chance_corrected_oracle(1.0, [2, 4], 11) == 1
    mixed = 1 - (0.5**2 + 0.75**2) / 2
    assert chance_corrected_oracle(mixed, [2, 4], 2) == pytest.approx(0)
    with pytest.raises(ValueError, match="models"):
        luck_floor(4, 0)


def test_llmrouterbench_oracle_takes_the_cheapest_model_that_scores_at_all() -> None:
    scores = np.array([[0.2, 1.0], [0.0, 0.4], [0.0, 0.0]])
    costs = np.array([[1.0, 3.0], [1.0, 3.0], [5.0, 3.0]])
    found = oracle_any_correct(scores, costs)
    assert found.chosen.tolist() == [0, 1, 1]
    assert found.mean_score == pytest.approx(2 / 3)
    assert found.mean_cost_usd == pytest.approx(7 / 3)
    assert found.mean_cost0_usd == pytest.approx(4 / 3)


@given(
    arrays(np.float64, (5, 3), elements=st.sampled_from([0.0, 1.0])),
    arrays(np.float64, (5, 3), elements=st.sampled_from([1.0, 2.0, 3.0])),
)
def test_both_oracles_agree_on_binary_scores(scores: np.ndarray, costs: np.ndarray) -> None:
    ours, theirs = oracle(scores, costs), oracle_any_correct(scores, costs)
    assert theirs.chosen.tolist() == ours.chosen.tolist()
    assert theirs.mean_score == ours.mean_score
    assert theirs.mean_cost0_usd == ours.mean_cost0_usd


def test_in_a_world_of_luck_shuffling_leaves_the_oracle_alone() -> None:
    rng = np.random.default_rng(0)
    scores = (rng.random((800, 5)) < 0.25).astype(float)
    null = shuffled_oracle(scores, seed=1, draws=100)
    low, high = np.quantile(null, [0.005, 0.995])
    assert low <= scores.max(axis=1).mean() <= high
    assert null.mean() == pytest.approx(float(luck_floor(4, 5)), abs=0.03)
    assert shuffled_oracle(scores, seed=1, draws=3).tolist() == null[:3].tolist()


def test_where_models_share_difficulty_shuffling_lifts_the_oracle() -> None:
    hard = np.arange(200) < 100
    scores = np.column_stack([~hard, ~hard, ~hard]).astype(float)
    assert shuffled_oracle(scores, seed=0, draws=20).min() > scores.max(axis=1).mean() + 0.2


def test_a_cross_fitted_oracle_gives_luck_nothing() -> None:
    rng = np.random.default_rng(2)
    samples = (rng.random((4000, 4, 4)) < 0.5).astype(float)
    assert samples[:, :, 0].max(axis=1).mean() > 0.9
    assert cross_fitted_oracle(samples) == pytest.approx(0.5, abs=0.01)


def test_a_cross_fitted_oracle_keeps_skill() -> None:
    samples = np.zeros((2, 2, 2))
    samples[0, 0], samples[1, 1] = 1, 1  # each prompt has its own specialist, always right
    assert cross_fitted_oracle(samples) == 1
    samples[1, 1] = [1, 0]
    # On the second prompt one half picks the specialist and finds 0, the other ties and finds 1/2.
    assert cross_fitted_oracle(samples) == pytest.approx((1 + 0.25) / 2)


def test_many_samples_are_split_at_random_by_seed() -> None:
    samples = np.random.default_rng(0).random((10, 3, 12))
    assert cross_fitted_oracle(samples, seed=1) == cross_fitted_oracle(samples, seed=1)
    assert cross_fitted_oracle(samples, seed=1) != cross_fitted_oracle(samples, seed=2)
    with pytest.raises(ValueError, match="r at least 2"):
        cross_fitted_oracle(samples[:, :, :1])
    with pytest.raises(ValueError, match="NaN"):
        cross_fitted_oracle(np.full((1, 1, 2), np.nan))
