"""Whether a predicted 0.8 means 0.8, and whether predicted differences are real ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Calibration:
    """How predicted scores relate to realised ones.

    Attributes:
        brier: mean squared difference of predicted and realised score; lower is better.
        slope: of realised on predicted differences between models; 1 is calibrated, below 1
            the router exaggerates. None where all predicted differences are equal.
        intercept: of the same line; 0 is calibrated.
    """

    brier: float
    slope: float | None
    intercept: float | None


def brier(predicted: Floats, scores: Floats) -> float:
    """Mean squared difference of expected and realised scores (n, m); NaN cells are left out."""
    return float(np.nanmean((predicted - scores) ** 2))


def calibration(predicted: Floats, scores: Floats, reference: int) -> Calibration:
    """Brier score, and the line of differences to one model.

    A choice depends on differences alone, so the line is fitted by least squares to
    s_m - s_reference on its prediction, over all prompts and all other models m.

    Args:
        predicted: expected scores (n, m).
        scores: realised scores (n, m), without NaN.
        reference: the column that the others are compared with.
    """
    others = [m for m in range(scores.shape[1]) if m != reference]
    x = (predicted[:, others] - predicted[:, [reference]]).ravel()
    y = (scores[:, others] - scores[:, [reference]]).ravel()
    spread = float(((x - x.mean()) ** 2).sum()) if x.size else 0.0
    error = brier(predicted, scores)
    if spread <= 1e-12 * x.size:
        return Calibration(error, None, None)
    slope = float(((x - x.mean()) * (y - y.mean())).sum() / spread)
    return Calibration(error, slope, float(y.mean() - slope * x.mean()))


def reliability_bins(predicted: ArrayLike, scores: ArrayLike, bins: int = 15) -> Floats:
    """Bins of equal mass, from low to high prediction: the points of a reliability diagram.

    Equal predictions share a bin, so there may be fewer bins than asked for, and a constant
    prediction has one.

    Args:
        predicted: expected scores, of any shape; cells where either is NaN are left out.
        scores: realised scores, of the same shape.
        bins: the most bins, 1 or more.

    Returns:
        One row per bin (k, 3): mean predicted, mean realised, number of cells.

    Raises:
        ValueError: shapes differ, no cell is known, or no bin asked for.
    """
    x, y = np.asarray(predicted, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    if x.shape != y.shape:
        raise ValueError(f"predicted has shape {x.shape}, scores {y.shape}")
    if bins < 1:
        raise ValueError(f"bins must be 1 or more, not {bins}")
    known = ~(np.isnan(x) | np.isnan(y))
    if not known.any():
        raise ValueError("no cell has both a prediction and a score")
    x, y = x[known], y[known]
    _, level, sizes = np.unique(x, return_inverse=True, return_counts=True)
    # A level stands in the bin that the middle of its ranks falls into.
    middle = np.cumsum(sizes) - (sizes + 1) / 2
    home = (middle * bins // len(x)).astype(np.intp)[level.reshape(-1)]
    count = np.bincount(home, minlength=bins)
    held = count > 0
    means = [np.bincount(home, weights=z, minlength=bins)[held] / count[held] for z in (x, y)]
    return np.column_stack([*means, count[held].astype(np.float64)])


def ece(predicted: ArrayLike, scores: ArrayLike, bins: int = 15) -> float:
    """Expected calibration error: mean distance of predicted from realised over the bins.

    The sum over bins of n_b / n · |mean predicted - mean realised|, with bins of equal mass (Naeini
    et al. 2015). It has a bias upwards of the order of the bins' noise, so compare it at equal n.
    Arguments and errors as of ``reliability_bins``.
    """
    rows = reliability_bins(predicted, scores, bins)
    return float(rows[:, 2] @ np.abs(rows[:, 0] - rows[:, 1]) / rows[:, 2].sum())
