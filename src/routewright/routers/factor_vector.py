"""The vector of a model that joins a factorisation, all else as it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routewright.routers.factor_model import sigmoid

Floats = NDArray[np.float64]

PULLS = (1.0, 0.1, 0.01, 0.001)
"""Tried, as parts of the pull by which the other models vary: few models vary too little."""

_STEPS = 100


@dataclass(frozen=True, eq=False)
class Labels:
    """What is known of a new model: won ~ σ(asks · v - offset).

    Attributes:
        asks: of each label's prompt (g, k).
        won: a score, or what was won of an opponent, in [0, 1] (g,).
        offsets: δ of the opponent, 0 for a score (g,).
        weights: (g,).
        folds: the fold of each label's prompt (g,).
    """

    asks: Floats
    won: Floats
    offsets: Floats
    weights: Floats
    folds: NDArray[np.intp]

    def entropy(self, vector: Floats) -> float:
        """Weighted sum of the cross-entropies."""
        lead = self.asks @ vector - self.offsets
        return float(self.weights @ (np.logaddexp(0.0, lead) - self.won * lead))

    def where(self, rows: NDArray[np.bool_]) -> Labels:
        """Some of the labels."""
        return Labels(
            self.asks[rows],
            self.won[rows],
            self.offsets[rows],
            self.weights[rows],
            self.folds[rows],
        )


def choose_vector(labels: Labels, others: Floats) -> Floats:
    """The new model's vector v (k,), drawn towards the mean of the other models' (m, k).

    The pull is that of a normal prior with their mean variance, or the part of it with the least
    cross-entropy on folds left out.
    """
    centre = others.mean(axis=0)
    prior = 1 / max(float(others.var(axis=0).mean()), 1e-6)
    folds = np.unique(labels.folds)
    if len(folds) < 2:
        return fit_vector(labels, centre, prior)

    def error(pull: float) -> float:
        return sum(
            labels.where(labels.folds == fold).entropy(
                fit_vector(labels.where(labels.folds != fold), centre, pull)
            )
            for fold in folds
        )

    return fit_vector(labels, centre, min((prior * part for part in PULLS), key=error))


def fit_vector(labels: Labels, centre: Floats, pull: float) -> Floats:
    """Logistic regression by Newton's method, with the penalty pull / 2 · |v - centre|²."""
    v, step, value = centre, np.zeros_like(centre), np.inf
    for _ in range(_STEPS):
        while True:
            away = v + step - centre
            found = labels.entropy(v + step) + pull / 2 * float(away @ away)
            if found <= value or np.abs(step).max() < 1e-12:
                break
            step = step / 2
        done = value - found < 1e-10 * (1 + abs(found))
        v, value = v + step, found
        if done:
            break
        p = sigmoid(labels.asks @ v - labels.offsets)
        slope = labels.asks.T @ (labels.weights * (labels.won - p)) - pull * (v - centre)
        bend = (labels.asks * (labels.weights * p * (1 - p))[:, None]).T @ labels.asks
        curve = bend + pull * np.eye(len(v))
        step = np.asarray(np.linalg.solve(curve, slope), dtype=np.float64)
    return v
