"""Routewright says that routing pays only where the prompts prove it."""

from __future__ import annotations

import numpy as np
import pytest

import routewright as rw
from tests.unit.evaluation.worlds import Foreseeing, table, topics


def test_a_router_with_skill_pays_and_the_line_says_what_it_reaches() -> None:
    data, router, means = topics(1000, signal=True)
    e = rw.evaluate({"stack": router}, data, train_means=means, replicates=400)
    row, best = e.row("stack"), e.row(e.best_model, "model")
    assert e.pays
    assert e.verdict.startswith("routing pays: stack reaches ")
    quality = 100 * row.score.value / best.score.value
    cost = 100 * row.cost_usd.value / best.cost_usd.value
    assert f"{quality:.1f} % of the best model's (large) quality" in e.verdict
    assert f"at {cost:.1f} % of its cost" in e.verdict
    assert cost <= 90


def test_a_router_without_skill_is_told_to_step_aside() -> None:
    data, router, means = topics(1000, signal=False)
    e = rw.evaluate({"noise": router}, data, train_means=means, replicates=400)
    assert not e.pays
    assert e.verdict.startswith("do not route: use model large; noise is ")
    assert "95 % interval" in e.verdict


def test_a_router_that_guesses_between_two_models_is_seldom_said_to_pay() -> None:
    """The hull of 200 lucky settings would; joined settings do not (5 % would be 2 of 40)."""
    wins = hull_wins = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        scores = (rng.random((200, 2)) < [0.5, 0.8]).astype(float)
        costs = np.array([1e-4, 2e-3]) * rng.lognormal(0, 0.5, (200, 2))
        data = table(scores, costs, ("small", "large"))
        told = np.array([0.5, 0.8]) + rng.normal(0, 0.05, (200, 2))
        router = Foreseeing(data, told, np.tile([1e-4, 2e-3], (200, 1)))
        means = ([0.5, 0.8], [1e-4, 2e-3])
        e = rw.evaluate(router, data, train_means=means, baselines=False, replicates=200)
        wins += e.pays
        hull_wins += e.row("foreseeing").aiq.value > e.row("zero_test").aiq.value + 0.005
    assert wins <= 6
    assert hull_wins >= 30


def test_a_constant_prediction_equals_the_zero_router() -> None:
    data, _, (scores, costs) = topics(500, signal=True)
    n = len(data)
    constant = Foreseeing(data, np.tile(scores, (n, 1)), np.tile(costs, (n, 1)))
    e = rw.evaluate(constant, data, train_means=(scores, costs), replicates=200)
    gain = e.row("foreseeing").minus_zero_train
    assert gain is not None
    assert [gain.value, gain.low, gain.high] == pytest.approx([0, 0, 0], abs=1e-12)
    assert not e.pays


def test_shuffled_labels_leave_no_skill() -> None:
    data, router, _ = topics(1000, signal=True)
    mixed = np.random.default_rng(5).permutation(len(data))
    shuffled = table(data.scores[mixed], data.costs[mixed], data.models)
    train = (data.scores.mean(axis=0), data.costs.mean(axis=0))
    e = rw.evaluate(router, shuffled, train_means=train, replicates=300)
    assert not e.pays
