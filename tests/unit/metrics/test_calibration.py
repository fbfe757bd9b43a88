"""Calibration: bins of equal mass, and what the error of a calibrated prediction is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from routewright.metrics import brier, calibration
from routewright.metrics.calibration import ece, reliability_bins


def test_two_bins_worked_out_by_hand() -> None:
    predicted, scores = [0.1, 0.3, 0.6, 0.8], [0, 0, 1, 0]
    assert reliability_bins(predicted, scores, 2) == pytest.approx(
        np.array([[0.2, 0.0, 2], [0.7, 0.5, 2]])
    )
    assert ece(predicted, scores, 2) == pytest.approx((0.2 + 0.2) / 2)


def test_equal_predictions_share_a_bin_whatever_the_order_of_rows() -> None:
    predicted, scores = np.full(100, 0.5), np.arange(100) < 50
    assert reliability_bins(predicted, scores).tolist() == [[0.5, 0.5, 100]]
    assert ece(predicted, scores) == 0
    half = np.repeat([0.2, 0.9], [97, 3])
    assert reliability_bins(half, half)[:, 2].tolist() == [97, 3]


grid = arrays(np.float64, 40, elements=st.sampled_from([0.0, 0.1, 0.35, 0.5, 0.8, 1.0]))


@given(grid, grid, st.integers(1, 50))
def test_bins_hold_every_cell_once_in_order(
    predicted: np.ndarray, scores: np.ndarray, bins: int
) -> None:
    rows = reliability_bins(predicted, scores, bins)
    assert rows[:, 2].sum() == 40
    assert len(rows) <= bins
    assert (np.diff(rows[:, 0]) > 0).all()
    assert rows[:, 0] @ rows[:, 2] == pytest.approx(predicted.sum())
    assert rows[:, 1] @ rows[:, 2] == pytest.approx(scores.sum())
    error = ece(predicted, scores, bins)
    assert abs(predicted.mean() - scores.mean()) - 1e-9 <= error <= 1
    assert ece(predicted, predicted, bins) == pytest.approx(0)


def test_without_ties_bins_are_of_equal_mass() -> None:
    predicted = np.random.default_rng(0).random(1000)
    sizes = reliability_bins(predicted, predicted)[:, 2]
    assert len(sizes) == 15
    assert sizes.max() - sizes.min() <= 1


def test_overconfidence_shows() -> None:
    rng = np.random.default_rng(0)
    true = rng.uniform(0.3, 0.7, 20_000)
    scores = (rng.random(20_000) < true).astype(float)
    assert ece(true, scores) < 0.02
    assert ece(0.5 + 2 * (true - 0.5), scores) == pytest.approx(0.1, abs=0.02)


def test_cells_that_were_not_bought_are_left_out() -> None:
    predicted, scores = np.array([[0.5, 0.9]]), np.array([[0.5, np.nan]])
    assert reliability_bins(predicted, scores).tolist() == [[0.5, 0.5, 1]]
    with pytest.raises(ValueError, match="no cell"):
        ece([0.5], [np.nan])
    with pytest.raises(ValueError, match="shape"):
        ece([0.5, 0.5], [1])
    with pytest.raises(ValueError, match="bins"):
        ece([0.5], [1], 0)


def test_brier_and_the_line_of_differences() -> None:
    scores = np.array([[0.0, 1.0], [0.0, 0.0], [0.5, 1.0]])
    predicted = 0.5 * scores
    assert brier(predicted, scores) == pytest.approx((0.25 + 0.0625 + 0.25) / 6)
    line = calibration(predicted, scores, 0)
    assert line.slope == pytest.approx(2)
    assert line.intercept == pytest.approx(0)
    assert calibration(np.zeros((3, 2)), scores, 0).slope is None
