"""Bounds and sweeps in worlds whose optimum is known in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from routewright.metrics import aiq, hull_value, ndch, oracle, oracle_curve, sweep, zero_router
from tests.unit.evaluation.worlds import clusters, nested


def test_world_h_zero_router_bayes_router_and_clairvoyant_oracle() -> None:
    scores, costs, odds, _ = clusters()
    assert zero_router(scores, costs) == pytest.approx(np.array([[1, 0.6], [5, 0.925]]))
    assert aiq(zero_router(scores, costs), 1, 5) == pytest.approx(0.7625)
    bayes = sweep(odds, costs, scores, costs)
    assert ndch(bayes.points) == pytest.approx(np.array([[1, 0.6], [3, 0.9], [5, 0.925]]))
    assert aiq(bayes.points, 1, 5) == pytest.approx(0.83125)
    clairvoyant = oracle(scores, costs)
    assert clairvoyant.mean_score == pytest.approx(0.9625)
    assert clairvoyant.mean_cost_usd == pytest.approx(2.45)


@pytest.mark.parametrize(
    ("slope", "columns"), [(0.16, (0, 0)), (0.14, (0, 1)), (0.013, (0, 1)), (0.012, (1, 1))]
)
def test_world_h_switches_where_the_slopes_say(slope: float, columns: tuple[int, int]) -> None:
    scores, costs, odds, cluster = clusters()
    chosen = sweep(odds, costs, scores, costs, worth_usd=[1 / slope]).chosen[0]
    assert set(chosen[cluster == 0].tolist()) == {columns[0]}
    assert set(chosen[cluster == 1].tolist()) == {columns[1]}


def test_world_i_nested_difficulty() -> None:
    scores, costs = nested()
    best = oracle(scores, costs)
    assert (best.mean_score, best.mean_cost_usd) == (pytest.approx(0.95), pytest.approx(2.95))
    assert best.mean_cost0_usd == pytest.approx(2.90)
    curve = oracle_curve(scores, costs)
    assert ndch(curve.points) == pytest.approx(np.array([[1, 0.5], [1.6, 0.8], [2.95, 0.95]]))
    assert aiq(curve.points, 1, 10) == pytest.approx(0.91875)
    assert aiq(zero_router(scores, costs), 1, 10) == pytest.approx(0.825)


def test_the_oracle_takes_the_cheapest_of_equals_and_pays_where_nothing_is_right() -> None:
    scores = np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0], [0.2, 0.4, 0.4]])
    costs = np.array([[3.0, 2.0, 1.0], [3.0, 2.0, 1.0], [1.0, 5.0, 5.0]])
    best = oracle(scores, costs)
    assert best.chosen.tolist() == [1, 2, 1]
    assert best.mean_cost_usd == pytest.approx(8 / 3)
    assert best.mean_cost0_usd == pytest.approx(7 / 3)


def test_luck_world_shuffled_models_keep_zero_flat() -> None:
    scores = np.array([[a, b] for a in (0, 1) for b in (0, 1)], dtype=float)
    costs = np.tile([1.0, 2.0], (4, 1))
    assert hull_value(zero_router(scores, costs), [1, 2]).tolist() == [0.5, 0.5]
    assert oracle(scores, costs).mean_score == 0.75


def test_choices_read_predictions_and_points_read_outcomes() -> None:
    predicted, expected = np.array([[0.9, 0.1]]), np.array([[1.0, 2.0]])
    turned = sweep(predicted, expected, np.array([[0.0, 1.0]]), np.array([[7.0, 3.0]]))
    assert set(turned.chosen.ravel().tolist()) == {0}
    assert turned.points.tolist() == [[7.0, 0.0]] * len(turned.worth_usd)


def test_both_ends_of_the_knob_are_exact() -> None:
    predicted, expected = np.array([[0.2, 0.9, 0.9]]), np.array([[1.0, 3.0, 2.0]])
    turned = sweep(predicted, expected, predicted, expected)
    assert turned.worth_usd[0] == np.inf
    assert turned.worth_usd[-1] == 0
    assert turned.chosen[0].tolist() == [2]
    assert turned.chosen[-1].tolist() == [0]


def test_matrices_of_different_shapes_are_an_error() -> None:
    with pytest.raises(ValueError, match="one shape"):
        sweep(np.ones((2, 2)), np.ones((2, 2)), np.ones((3, 2)), np.ones((3, 2)))
