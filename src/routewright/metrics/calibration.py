"""Whether a predicted 0.8 means 0.8, and whether predicted differences are real ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
