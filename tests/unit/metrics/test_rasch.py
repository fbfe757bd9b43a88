"""The difficulty-only null recovers itself and reproduces published oracles."""

from __future__ import annotations

import numpy as np
import pytest

from routewright.metrics import aiq, zero_router
from routewright.metrics.rasch import Rasch, fit_rasch, rasch_null
from tests.unit.metrics.real import outcomes_of

THETA = np.array([-1.0, 0.0, 0.5, 1.0, 2.5])
COSTS = np.array([1.0, 2.0, 3.0, 5.0, 9.0])


def world(n: int, sigma: float, seed: int) -> np.ndarray:
    return Rasch(THETA, sigma, 0.0).simulate(n, np.random.default_rng(seed))[1]


@pytest.mark.parametrize("sigma", [0.6, 1.5, 2.5])
def test_a_fit_recovers_the_world_it_was_drawn_from(sigma: float) -> None:
    found = fit_rasch(world(6000, sigma, 1))
    # The standard error of an ability is about .05 here.
    assert found.theta == pytest.approx(THETA, abs=0.15)
    assert found.sigma == pytest.approx(sigma, abs=0.15)


def test_the_fit_is_a_maximum_of_the_likelihood() -> None:
    scores = world(400, 1.2, 3)
    found = fit_rasch(scores)

    def log_likelihood(theta: np.ndarray, sigma: float) -> float:
        # Straight from the definition, on a fine grid of difficulties instead of 41 nodes.
        b = np.linspace(-8, 8, 2001) * sigma
        mass = np.exp(-0.5 * (b / sigma) ** 2)
        p = 1 / (1 + np.exp(-(theta - b[:, None])))
        each = [(mass / mass.sum()) @ np.where(row, p, 1 - p).prod(axis=1) for row in scores > 0]
        return float(np.log(each).sum())

    at = log_likelihood(found.theta, found.sigma)
    assert found.log_likelihood == pytest.approx(at, rel=1e-6)
    for shift in (-0.05, 0.05):
        assert log_likelihood(found.theta, found.sigma + shift) < at
        for model in range(len(THETA)):
            moved = found.theta + shift * (np.arange(len(THETA)) == model)
            assert log_likelihood(moved, found.sigma) < at


def test_the_observed_oracle_of_a_rasch_world_lies_within_its_null() -> None:
    scores = world(800, 1.5, 7)
    null = rasch_null(scores, np.tile(COSTS, (800, 1)), seed=0, draws=60)
    low, high = np.quantile(null.oracle_accuracy, [0.01, 0.99])
    assert low <= null.observed_oracle <= high
    assert 0.02 < null.p_value < 0.98
    assert null.observed_oracle == scores.max(axis=1).mean()
    bound = scores.mean(axis=0).max()
    assert null.oracle_accuracy.mean() > bound + 0.01  # luck alone lifts it
    assert null.bayes_aiq.mean() < bound  # difficulty alone can't
    assert null.zero_aiq.mean() < null.bayes_aiq.mean()
    assert (null.bayes_aiq < null.oracle_aiq).all()


def test_specialists_show_as_an_oracle_above_the_null() -> None:
    rng = np.random.default_rng(5)
    topic = rng.integers(0, 3, 900)
    scores = (rng.random((900, 3)) < np.where(np.eye(3)[topic] > 0, 0.95, 0.1)).astype(float)
    null = rasch_null(scores, np.tile(COSTS[:3], (900, 1)), seed=0, draws=40)
    assert null.observed_oracle > null.oracle_accuracy.max()
    assert null.p_value == pytest.approx(1 / 41)


def test_equal_seeds_draw_equal_worlds() -> None:
    scores, costs = world(100, 1.0, 0), np.tile(COSTS, (100, 1))
    first, again = (rasch_null(scores, costs, seed=4, draws=3) for _ in range(2))
    assert first.oracle_aiq.tolist() == again.oracle_aiq.tolist()
    assert rasch_null(scores, costs, seed=5, draws=3).oracle_aiq.tolist() != (
        first.oracle_aiq.tolist()
    )


def test_models_that_are_always_right_or_always_wrong_stay_finite() -> None:
    scores = np.column_stack([world(300, 1.0, 2), np.ones(300), np.zeros(300)])
    found = fit_rasch(scores)
    assert np.isfinite(found.theta).all()
    assert found.theta[-2] > 6 > -6 > found.theta[-1]


@pytest.mark.parametrize(
    ("scores", "reason"),
    [([[0.5, 1]], "0 and 1"), ([[1.0]], "at least 2 models"), ([[1, np.nan]], "NaN")],
)
def test_scores_that_are_no_rasch_data_are_errors(scores: list, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        fit_rasch(scores)


@pytest.mark.parametrize(
    ("dataset", "observed", "rasch", "zero", "bayes", "near"),
    [
        ("arc-challenge", 0.987, 0.993, 0.921, 0.941, 0.01),
        ("mbpp", 0.867, 0.891, 0.666, 0.676, 0.03),
        ("winogrande", 0.999, 1.000, 0.797, 0.808, 0.012),
        (None, 0.976, 0.989, 0.820, 0.838, 0.01),
    ],
)
def test_on_most_of_routerbench_the_null_is_near_the_published_table(
    dataset: str | None, observed: float, rasch: float, zero: float, bayes: float, near: float
) -> None:
    scores, costs = outcomes_of("routerbench", dataset)
    null = rasch_null(scores, costs, seed=0, draws=8)
    assert null.observed_oracle == pytest.approx(observed, abs=near)
    assert null.oracle_accuracy.mean() == pytest.approx(rasch, abs=near)
    assert null.bayes_aiq.mean() == pytest.approx(bayes, abs=near)
    kappa = costs.mean(axis=0)
    assert aiq(zero_router(scores, costs), kappa.min(), kappa.max()) == pytest.approx(
        zero, abs=near
    )
    assert null.p_value > 0.05  # no better than a world without specialisation
