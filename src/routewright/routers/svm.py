"""The SVM router: linear support vector regression per model."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from routewright.data.routing_data import RoutingData
from routewright.encoders import DEFAULT, View
from routewright.errors import require
from routewright.routers.base import BaseRouter, Floats
from routewright.routers.folds import held_out
from routewright.routers.learned import RidgeRouter
from routewright.routers.linear import Ridge
from routewright.routers.table import relative_error

TOTALS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
"""Tries for C times the number of prompts; beyond the last every set of data was overfitted."""

_FOLDS = 3


def fit_svm(
    x: Floats,
    scores: Floats,
    mu: Floats,
    groups: NDArray[np.str_],
    *,
    total: float | None = None,
    epsilon: float = 0.1,
    seed: int = 0,
) -> Ridge:
    """Support vector regression of scores (n, m) on x (n, f), as the linear model it comes to.

    Each model's scores are standardised, and errors beyond ε are squared. The usual absolute
    loss aims at the median, which for right and wrong answers is 0 or 1 whatever the prompt:
    RouterBench's setting is no better than chance on MMLU for that reason, and scaling alone
    does not help it.

    Args:
        x: inputs.
        scores: in [0, 1], NaN where unknown.
        mu: training means (m,), also what a model never scored is predicted.
        groups: rows of one group share a fold (n,).
        total: C times the number of prompts; None takes the one of ``TOTALS`` with the least
            out-of-fold relative error.
        epsilon: error that costs nothing, in standard deviations of a model's scores.
        seed: of the folds.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    totals = TOTALS if total is None else (total,)
    left_out = np.tile(mu, (len(totals), len(x), 1))
    for rows, held in held_out(groups, _FOLDS, seed):
        for told, each in zip(left_out, totals, strict=True):
            coef, intercept = _machines(x[rows], scores[rows], mu, each, epsilon)
            told[held] = x[held] @ coef + intercept
    losses = [relative_error(told, scores) for told in left_out]
    best = int(np.argmin(losses))  # of equal losses the strongest penalty: totals rise
    coef, intercept = _machines(x, scores, mu, totals[best], epsilon)
    alpha = len(x) / (2 * totals[best])  # C·error² + |w|²/2 is ridge regression outside the tube
    moved = x - x.mean(axis=0)
    curve = moved.T @ moved + alpha * np.eye(x.shape[1])
    known = np.isfinite(scores)
    squares = np.where(known, left_out[best] - np.where(known, scores, 0.0), 0.0) ** 2
    count = known.sum(axis=0)
    return Ridge(
        coef=coef,
        intercept=intercept,
        centre=x.mean(axis=0),
        inverse=np.asarray(np.linalg.inv(curve), dtype=np.float32),
        sigma=np.where(count > 0, np.sqrt(squares.sum(axis=0) / np.maximum(count, 1)), 0.5),
        alpha=alpha,
    )


class SvmRouter(RidgeRouter):
    """A linear model like ridge, fitted by the ε-insensitive squared loss.

    Args:
        total: C times the number of prompts; None chooses it out of fold.
        epsilon: error that costs nothing, in standard deviations of a model's scores.
        encoder: turns text into vectors.
        seed: of folds and encoder.
    """

    name = "svm"
    complexity = 24

    def __init__(
        self,
        *,
        total: float | None = None,
        epsilon: float = 0.1,
        encoder: str = DEFAULT,
        seed: int = 0,
    ) -> None:
        BaseRouter.__init__(self, encoder=encoder, seed=seed)
        self.total = total
        self.epsilon = epsilon

    def _fit(self, data: RoutingData, view: View) -> None:
        self.ridge_ = fit_svm(
            view.design,
            data.scores,
            self.train_means_["scores"],
            data.groups,
            total=self.total,
            epsilon=self.epsilon,
            seed=self.seed,
        )
        self.n_ = len(data)


def _machines(
    x: Floats, scores: Floats, mu: Floats, total: float, epsilon: float
) -> tuple[Floats, Floats]:
    """Coefficients (f, m) and intercepts (m,); a model whose scores don't vary has its mean."""
    svm: Any = require("sklearn.svm", "train")
    coef, intercept = np.zeros((x.shape[1], len(mu))), mu.astype(np.float64)
    for column, known in enumerate(np.isfinite(scores).T):
        y = scores[known, column]
        if len(y) < 2 or float(np.ptp(y)) < 1e-9:
            continue
        spread, mean, centre = y.std(), y.mean(), x[known].mean(axis=0)
        machine: Any = svm.LinearSVR(
            C=total / len(y),
            epsilon=epsilon,
            loss="squared_epsilon_insensitive",
            dual=False,
            max_iter=10_000,
        ).fit(x[known] - centre, (y - mean) / spread)
        coef[:, column] = machine.coef_ * spread
        intercept[column] = mean + float(machine.intercept_[0]) * spread - centre @ coef[:, column]
    return coef, intercept
