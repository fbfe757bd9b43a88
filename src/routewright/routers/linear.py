"""Ridge regression in closed form, one per column, with the penalty chosen leaving one out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from routewright.routers.packing import Holds

Floats = NDArray[np.float64]

ALPHAS = tuple(float(a) for a in np.geomspace(1, 1e5, 16))

_PROBES = 20_000  # training rows on which penalties are compared


@dataclass(frozen=True, eq=False)
class Ridge:
    """Fitted coefficients for m columns.

    Attributes:
        coef: (f, m).
        intercept: (m,).
        centre: feature means (f,) about which the leverage is taken.
        inverse: (XᵀX + αI)⁻¹ over all rows (f, f).
        sigma: leave-one-out root mean squared error of each column (m,).
        alpha: the penalty chosen.
    """

    coef: Annotated[Floats, Holds("f m")]
    intercept: Annotated[Floats, Holds("m")]
    centre: Annotated[Floats, Holds("f")]
    inverse: Annotated[NDArray[np.float32], Holds("f f")]
    sigma: Annotated[Floats, Holds("m", low=0)]
    alpha: Annotated[float, Holds(low=0)]

    def predict(self, x: Floats) -> Floats:
        """Predictions (n, m); a row's result does not depend on the other rows."""
        return np.matmul(x[:, None], self.coef)[:, 0] + self.intercept  # a product for each row

    def leverage(self, x: Floats) -> Floats:
        """xᵀ(XᵀX + αI)⁻¹x of each row (n,)."""
        moved = (x - self.centre).astype(np.float32)
        told = [row @ (self.inverse @ row) for row in moved]
        return np.array(told, dtype=np.float64).reshape(len(x))


def fit_ridge(
    x: Floats, y: Floats, fallback: Floats, alphas: tuple[float, ...] = ALPHAS
) -> tuple[Ridge, Floats]:
    """Fit y (n, m) with NaN holes on x (n, f); also give leave-one-out predictions (n, m).

    The hat matrix gives leave-one-out predictions in closed form (Allen's PRESS), so every
    penalty is tried at the price of one eigendecomposition per pattern of holes. The one with the
    least squared error is taken. Of more than 20,000 prompts as many are tried on: the best
    penalty is a matter of noise against signal and doesn't grow with their number. The others'
    leave-one-out predictions are NaN.

    Args:
        x: inputs.
        y: targets; a column with fewer than two known values gets its ``fallback``.
        fallback: (m,).
        alphas: penalties to try.
    """
    tries = np.array(alphas)
    probed = np.unique(np.linspace(0, len(x) - 1, min(len(x), _PROBES)).astype(np.intp))
    errors = np.zeros(len(tries))
    for rows, columns in _by_pattern(y, probed):
        target = y[np.ix_(rows, columns)]
        for at, guess in enumerate(_press(x[rows], target, tries)):
            errors[at] += ((guess - target) ** 2).sum()
    # Of equal errors the strongest penalty: where nothing can be learned, learn nothing.
    best = int(np.flatnonzero(errors <= errors.min() * (1 + 1e-12))[-1])
    left_out = np.full(y.shape, np.nan)
    left_out[probed] = fallback
    for rows, columns in _by_pattern(y, probed):
        (guess,) = _press(x[rows], y[np.ix_(rows, columns)], tries[[best]])
        left_out[np.ix_(rows, columns)] = guess
    alpha = float(tries[best])
    coef = np.zeros((x.shape[1], y.shape[1]))
    intercept = fallback.astype(np.float64).copy()
    for rows, columns in _by_pattern(y, np.arange(len(x))):
        mean_x, mean_y = x[rows].mean(axis=0), y[np.ix_(rows, columns)].mean(axis=0)
        moved = x[rows] - mean_x
        gram = moved.T @ moved + alpha * np.eye(x.shape[1])
        coef[:, columns] = np.linalg.solve(gram, moved.T @ (y[np.ix_(rows, columns)] - mean_y))
        intercept[columns] = mean_y - mean_x @ coef[:, columns]
    moved = x - x.mean(axis=0)
    known = np.isfinite(y[probed])
    squares = np.where(known, left_out[probed] - np.where(known, y[probed], 0.0), 0.0) ** 2
    fitted = Ridge(
        coef=coef,
        intercept=intercept,
        centre=x.mean(axis=0),
        inverse=np.asarray(
            np.linalg.inv(moved.T @ moved + alpha * np.eye(x.shape[1])), dtype=np.float32
        ),
        sigma=np.sqrt(squares.sum(axis=0) / np.maximum(known.sum(axis=0), 1)),
        alpha=alpha,
    )
    return fitted, left_out


def fit_score_ridge(
    x: Floats, scores: Floats, mu: Floats, alphas: tuple[float, ...] = ALPHAS
) -> Ridge:
    """Ridge for scores: how hard a prompt is for all, plus how models differ on it.

    The two parts need different penalties: difficulty shows in every column at once, while
    differences are faint, and a choice hangs on them alone. Each part's penalty is the one that
    predicts that part best; the parts are linear, so their coefficients add up to one Ridge.

    Args:
        x: inputs (n, f).
        scores: (n, m), NaN where unknown.
        mu: training means (m,), also what a model never scored is predicted.
        alphas: penalties to try.
    """
    known = np.isfinite(scores)
    moved = np.where(known, scores - mu, np.nan)
    count = known.sum(axis=1)
    total = np.where(known, moved, 0.0).sum(axis=1)
    level = np.where(count > 0, total / np.maximum(count, 1), np.nan)[:, None]
    hard, _ = fit_ridge(x, level, np.zeros(1), alphas)
    differ, _ = fit_ridge(x, moved - level, np.zeros(len(mu)), alphas)
    never = ~known.any(axis=0)
    coef, intercept = hard.coef + differ.coef, hard.intercept + differ.intercept + mu
    return replace(
        differ,
        coef=np.where(never, 0.0, coef),
        intercept=np.where(never, mu, intercept),
        sigma=np.where(never, 0.5, np.hypot(hard.sigma, differ.sigma)),
    )


def _by_pattern(
    y: Floats, among: NDArray[np.intp]
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Columns that share their known rows, with those rows; hopeless columns are left out."""
    patterns: dict[bytes, list[int]] = {}
    known = np.isfinite(y[among])
    for column in range(y.shape[1]):
        patterns.setdefault(known[:, column].tobytes(), []).append(column)
    for columns in patterns.values():
        rows = among[known[:, columns[0]]]
        if len(rows) >= 2:
            yield rows, np.array(columns)


def _press(x: Floats, y: Floats, alphas: Floats) -> Iterator[Floats]:
    n = len(x)
    moved, mean = x - x.mean(axis=0), y.mean(axis=0)
    values, vectors = np.linalg.eigh(moved.T @ moved)
    values = np.maximum(values, 0.0)
    turned = moved @ vectors
    target = turned.T @ (y - mean)
    shrunk: Floats = 1 / (values[:, None] + alphas)
    leverage = turned**2 @ shrunk + 1 / n
    for at in range(len(alphas)):
        fitted = turned @ (target * shrunk[:, [at]]) + mean
        yield y - (y - fitted) / np.maximum(1 - leverage[:, [at]], 1e-6)
