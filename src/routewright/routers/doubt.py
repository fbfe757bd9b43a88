"""How far a predicted score may be off, read off held-out prompts of like prediction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_BINS = 5
_PER_BIN = 20  # held-out scores in one bin at least; fewer tell nothing about it


@dataclass(frozen=True, eq=False)
class Doubt:
    """Standard errors along the predicted score, a line through knots for each model.

    Attributes:
        at: predicted scores at the knots (b, m), rising.
        std: standard errors there (b, m).
    """

    at: Floats
    std: Floats

    def of(self, told: Floats) -> Floats:
        """Standard errors (n, m) of predicted scores (n, m)."""
        columns = [
            np.interp(told[:, m], self.at[:, m], self.std[:, m]) for m in range(told.shape[1])
        ]
        return np.column_stack(columns)


def fit_doubt(told: Floats, scores: Floats) -> Doubt:
    """Learn from predictions (n, m) for held-out prompts and their scores (n, m), NaN unknown.

    Prompts fall into bins by predicted score; a bin's squared error is the square of its mean
    residual (what the prediction is off by) plus the mean square over the bin's size (what
    the bin itself may be off by). A model without a score may be anywhere: 1/2.
    """
    known = np.isfinite(scores)
    bins = int(np.clip(known.sum(axis=0).min() // _PER_BIN, 1, _BINS)) if known.size else 1
    at, std = np.zeros((bins, told.shape[1])), np.full((bins, told.shape[1]), 0.5)
    for m, rows in enumerate(known.T):
        if not rows.any():
            continue
        order = np.argsort(told[rows, m], kind="stable")
        x, residual = told[rows, m][order], (scores - told)[rows, m][order]
        for b, part in enumerate(np.array_split(np.arange(len(x)), bins)):
            at[b, m] = x[part].mean()
            square = residual[part].mean() ** 2 + (residual[part] ** 2).mean() / len(part)
            std[b, m] = np.sqrt(square)
    return Doubt(at, std)
