"""Intervals: groups stay together, replicates are paired by their seed."""

from __future__ import annotations

import numpy as np
import pytest

from routewright.metrics import Draws, Estimate, bootstrap_means, brier, calibration

NAMES = np.array([f"p{i}" for i in range(400)])


def test_the_first_row_is_the_full_sample() -> None:
    values = np.arange(800.0).reshape(400, 2)
    draws = bootstrap_means(values, NAMES, replicates=3)
    assert draws.shape == (4, 2)
    assert draws[0].tolist() == values.mean(axis=0).tolist()


def test_the_interval_has_the_width_that_theory_gives() -> None:
    values = np.tile([0.0, 1.0], 200)[:, None]
    draw = Estimate.of(bootstrap_means(values, NAMES, replicates=4000)[:, 0])
    assert draw.value == 0.5
    # Standard error sqrt(.25 / 400) = .025.
    assert draw.high - draw.low == pytest.approx(2 * 1.96 * 0.025, rel=0.06)


def test_copies_of_a_prompt_do_not_make_an_interval_narrower() -> None:
    values = np.tile([0.0, 1.0], 200)[:, None]
    once = bootstrap_means(values, NAMES, replicates=500)
    copied = bootstrap_means(np.repeat(values, 5, axis=0), np.repeat(NAMES, 5), replicates=500)
    assert copied == pytest.approx(once)


def test_groups_of_different_sizes_weigh_by_their_prompts() -> None:
    values = np.array([[0.0], [1.0], [1.0], [1.0]])
    draws = bootstrap_means(values, np.array(["a", "b", "b", "b"]), replicates=200)[1:, 0]
    known = set(np.round(draws[~np.isnan(draws)], 6))
    # One draw of each, b twice, both twice and a thrice, …: shares of 3 b to 1 a.
    assert {0.0, 0.75, 1.0} < known
    assert known <= {round(3 * b / (a + 3 * b), 6) for a in range(9) for b in range(9) if a + b}


def test_equal_seeds_are_paired_and_others_are_not() -> None:
    values = np.random.default_rng(0).random((400, 1))
    one = bootstrap_means(values, NAMES, replicates=50, seed=7)
    shifted = bootstrap_means(values + 0.1, NAMES, replicates=50, seed=7)
    other = bootstrap_means(values, NAMES, replicates=50, seed=8)
    assert np.ptp(shifted - one) < 1e-12
    assert np.ptp(other - one) > 1e-3


def test_weights_are_those_of_the_means_and_poisson_of_mean_one() -> None:
    groups = np.array([f"g{i % 5000}" for i in range(6000)])
    draws = Draws.over(groups, replicates=300, seed=3)
    weights = np.concatenate(list(draws.weights()))
    assert weights.shape == (301, 6000)
    assert (weights[0] == 1).all()
    assert (weights[:, :1000] == weights[:, 5000:]).all()
    # 5,000 groups times 300 replicates: the standard error of the mean is .0008.
    assert weights[1:, :5000].mean() == pytest.approx(1, abs=0.004)
    assert weights[1:, :5000].var() == pytest.approx(1, abs=0.01)
    values = np.random.default_rng(0).random((6000, 2))
    assert draws.means(values) == pytest.approx((weights @ values) / weights.sum(1)[:, None])


def test_rows_see_the_draws_of_their_data_set() -> None:
    draws = Draws.over(NAMES, replicates=20, seed=5)
    whole = np.concatenate(list(draws.weights()))
    rows = np.array([7, 300, 12])
    assert np.array_equal(np.concatenate(list(draws.of(rows).weights())), whole[:, rows])


def test_values_may_come_row_by_row() -> None:
    values = np.random.default_rng(1).random((400, 3))
    draws = Draws.over(NAMES, replicates=20)
    assert np.array_equal(draws.means(values), draws.means(lambda rows: values[rows]))


def test_replicates_in_which_a_figure_is_undefined_are_left_out() -> None:
    draws = np.array([0.5, np.nan, 0.4, 0.6])
    assert Estimate.of(draws) == Estimate(0.5, 0.4, 0.6)
    nothing = Estimate.of(np.array([0.5, np.nan]))
    assert np.isnan([nothing.low, nothing.high]).all()


def test_a_level_that_is_seldom_reached_has_an_infinite_upper_end() -> None:
    draws = np.concatenate([[0.5], np.full(90, 0.4), np.full(10, np.inf)])
    assert Estimate.of(draws) == Estimate(0.5, 0.4, np.inf)


def test_impossible_requests_are_errors() -> None:
    with pytest.raises(ValueError, match="replicates"):
        bootstrap_means(np.ones((2, 1)), np.array(["a", "b"]), replicates=0)
    with pytest.raises(ValueError, match="groups"):
        bootstrap_means(np.ones((2, 1)), np.array(["a"]))


def test_calibration_of_perfect_doubled_and_constant_predictions() -> None:
    truth = np.random.default_rng(0).random((50, 3))
    right = calibration(truth, truth, 2)
    assert (right.brier, right.slope) == (0.0, pytest.approx(1.0))
    assert right.intercept == pytest.approx(0.0, abs=1e-12)
    assert calibration(2 * truth, truth, 2).slope == pytest.approx(0.5)
    shifted = calibration(truth[:, :2] + [0.2, 0.0], truth[:, :2], 1)
    assert (shifted.slope, shifted.intercept) == (pytest.approx(1.0), pytest.approx(-0.2))
    flat = calibration(np.full((50, 3), 0.5), truth, 2)
    assert (flat.slope, flat.intercept) == (None, None)


def test_brier_leaves_out_cells_that_were_not_bought() -> None:
    assert brier(np.array([[0.5, 0.5]]), np.array([[1.0, np.nan]])) == 0.25
