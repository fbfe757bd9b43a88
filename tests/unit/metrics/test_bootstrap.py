"""Intervals: groups stay together, replicates are paired by their seed."""

from __future__ import annotations

import numpy as np
import pytest

from routewright.metrics import Estimate, bootstrap_means, brier, calibration, resample

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
    assert set(np.round(draws, 6)) == {0.0, 0.75, 1.0}


def test_equal_seeds_are_paired_and_others_are_not() -> None:
    values = np.random.default_rng(0).random((400, 1))
    one = bootstrap_means(values, NAMES, replicates=50, seed=7)
    shifted = bootstrap_means(values + 0.1, NAMES, replicates=50, seed=7)
    other = bootstrap_means(values, NAMES, replicates=50, seed=8)
    assert np.ptp(shifted - one) < 1e-12
    assert np.ptp(other - one) > 1e-3


def test_every_replicate_draws_as_many_groups_as_there_are() -> None:
    counts = np.concatenate(list(resample(30, replicates=11, seed=1)))
    assert counts.shape == (11, 30)
    assert (counts.sum(axis=1) == 30).all()


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
