"""Votes agree with scores, and dropped ties mislead."""

from __future__ import annotations

import numpy as np
import pytest

from routewright import worlds
from routewright.errors import ConfigError
from routewright.metrics import oracle
from routewright.metrics.two_models import apgr


def test_votes_come_as_often_as_they_should() -> None:
    world = worlds.pairwise_preference()
    votes, rates = world.votes(40_000, seed=1), world.win_rates()
    kinds = world.drawn(40_000, seed=1).kinds
    for kind in range(2):
        for i, j in [(0, 1), (1, 0), (2, 0), (2, 1)]:
            here = (kinds == kind) & (votes.first == i) & (votes.second == j)
            assert here.sum() > 2_000
            assert votes.won[here].mean() == pytest.approx(rates[kind, i, j], abs=0.04)
        assert (votes.won[kinds == kind] == 0.5).mean() == pytest.approx((0.1, 0.4)[kind], abs=0.01)
    sigmoid = 1 / (1 + np.exp(-(2.0 - 0.3)))
    assert rates[0, 2, 1] == pytest.approx(0.9 * sigmoid + 0.05)


def test_scores_are_shares_of_votes_and_their_oracle_is_known() -> None:
    world = worlds.pairwise_preference()
    data = world.draw(40_000, seed=2)
    np.testing.assert_allclose(data.scores.mean(axis=1), 0.5)
    assert data.scores.mean(axis=0) == pytest.approx(world.single_models[:, 1], abs=0.01)
    found = oracle(data.scores, data.costs)
    assert world.oracle() == pytest.approx((found.mean_score, found.mean_cost_usd), rel=0.01)


def test_of_two_models_the_difference_of_scores_is_the_win_rate() -> None:
    world = worlds.tie_heavy()
    np.testing.assert_allclose(world.scores[:, 1] - world.scores[:, 0], [0.02, 0.45], atol=1e-12)
    np.testing.assert_allclose(2 * world.win_rates()[:, 1, 0] - 1, [0.02, 0.45], atol=1e-12)


def test_training_on_decided_votes_alone_loses_to_ties_as_one_half() -> None:
    world = worlds.tie_heavy()
    votes, kinds = world.votes(8_000, seed=3), world.drawn(8_000, seed=3).kinds
    strong_won = np.where(votes.first == 1, votes.won, 1 - votes.won)
    decided = strong_won != 0.5
    by_half = np.array([strong_won[kinds == z].mean() for z in (0, 1)])
    by_decided = np.array([strong_won[decided & (kinds == z)].mean() for z in (0, 1)])
    assert by_decided[0] > by_decided[1]
    assert by_half[0] < by_half[1]
    test = world.drawn(8_000, seed=4)
    weak, strong = test.data.scores.T
    # By hand: PGR at a half is .45 / .47 or .02 / .47, so the areas are .729 and .271.
    assert apgr(strong, weak, by_half[test.kinds]) == pytest.approx(0.729, abs=0.02)
    assert apgr(strong, weak, by_decided[test.kinds]) == pytest.approx(0.271, abs=0.02)


def test_impossible_votes_are_refused() -> None:
    with pytest.raises(ConfigError, match="2 models or more"):
        worlds.pairwise_preference([[1.0]], [0.1], [1.0])
    with pytest.raises(ConfigError, match="a share for each of 2 clusters"):
        worlds.pairwise_preference(ties=(0.1,))
    with pytest.raises(ConfigError, match="closed form only"):
        worlds.pairwise_preference(cost_spread=1).oracle()
