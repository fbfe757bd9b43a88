"""All models' scores on a prompt as one Gaussian: what was bought tells of what was not.

A model that is asked only where another failed has a low mean on those prompts and is no worse for
it. Holes that depend on the prompt and on scores that are there are ignorable for a likelihood of
all models together (Rubin, Biometrika 63, 1976), and for no mean or regression of one column. The
fit is expectation-maximisation for a multivariate regression with holes (Little and Rubin,
Statistical Analysis with Missing Data, chapter 11), with ridge penalties on the coefficients.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from routewright.routers.linear import fit_ridge
from routewright.routers.packing import Holds

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
Mask = NDArray[np.bool_]

STEPS = 60
_PRIOR = 0.1  # variance of a score, and how many models' worth of rows believe in it
_BLOCK = 1_000_000  # numbers that stand in memory at one time while holes are filled
_STILL = 1e-4  # a step that moves no score further than this is the last


@dataclass(frozen=True, eq=False)
class Joint:
    """Scores = x · coef + intercept + errors that are correlated between models.

    Attributes:
        coef: (f, m).
        intercept: (m,).
        covariance: of the errors (m, m).
        centre: means of the inputs (f,), about which the leverage is taken.
        inverse: (XᵀX + αI)⁻¹ over the rows with a score (f, f).
        answers: scores seen of each model (m,).
        rows: prompts with a score.
    """

    coef: Annotated[Floats, Holds("f m")]
    intercept: Annotated[Floats, Holds("m")]
    covariance: Annotated[Floats, Holds("m m")]
    centre: Annotated[Floats, Holds("f")]
    inverse: Annotated[NDArray[np.float32], Holds("f f")]
    answers: Annotated[Floats, Holds("m", low=0)]
    rows: Annotated[int, Holds(low=1)]

    def predict(self, x: Floats) -> Floats:
        """Expected scores (n, m) of inputs alone; a row does not depend on the others."""
        told = np.array([row @ self.coef for row in x])
        return told.reshape(-1, len(self.intercept)) + self.intercept

    def doubt(self, x: Floats) -> Floats:
        """Standard errors of the expected scores (n, m); 1/2 for a model without a score.

        As if a model's own answers had to pay for its column; what other models' answers tell
        of it is left out, so that doubt of a model seldom asked is rather too large.
        """
        moved = (x - self.centre).astype(np.float32)
        reach = np.array([row @ (self.inverse @ row) for row in moved], dtype=np.float64)
        share = self.rows / np.maximum(self.answers, 1.0)
        reach = np.maximum(reach.reshape(len(x), 1), 0.0) * share + 1 / np.maximum(self.answers, 1)
        std = np.sqrt(np.minimum(reach, 1.0) * np.diag(self.covariance))
        return np.where(self.answers > 0, np.minimum(std, 0.5), 0.5)

    def fill(self, x: Floats, scores: Floats) -> tuple[Floats, Floats]:
        """Scores (n, m) with each hole's expectation given the row's other scores, in [0, 1].

        Returns:
            The table, and the standard deviation of what stands in each hole (n, m), 0 where
            the score is known.
        """
        patterns, member = by_pattern(scores)
        carry = _carry(self.covariance, patterns)
        told = self.predict(x)
        left = np.diag(self.covariance) - np.einsum("ij,kji->ki", self.covariance, carry)
        spread = np.sqrt(np.maximum(left, 0.0))[member]
        filled = _filled(told, scores, carry, member)
        return np.clip(filled, 0.0, 1.0), np.where(np.isfinite(scores), 0.0, spread)


def fit_joint(x: Floats, scores: Floats, mu: Floats, *, steps: int = STEPS) -> Joint:
    """Fit on inputs (n, f) and scores (n, m) with NaN holes; rows without a score teach nothing.

    What all models share and how they differ have a penalty each, chosen leaving one out as
    ``fit_score_ridge`` does. A model without any score keeps its ``mu`` (m,).
    """
    some: Mask = np.asarray(np.isfinite(scores).any(axis=1))
    seen: Mask = np.asarray(np.isfinite(scores).any(axis=0))
    x, y = x[some], scores[some][:, seen]
    n, m = y.shape
    centre: Floats = x.mean(axis=0)
    moved: Floats = x - centre
    level, differ = _penalties(x, y)
    gram: Floats = moved.T @ moved
    eye = np.eye(len(gram))
    inverse: Floats = np.asarray(np.linalg.inv(gram + differ * eye), dtype=np.float64)
    solve_level = np.asarray(np.linalg.solve(gram + level * eye, moved.T), dtype=np.float64)
    solve_differ: Floats = inverse @ moved.T
    patterns, member = by_pattern(y)
    count = np.bincount(member, minlength=len(patterns)).astype(np.float64)
    mean, fitted = mu[seen], np.zeros((n, m))
    coef = np.zeros((x.shape[1], m))
    covariance = _PRIOR * (np.eye(m) + 1) / 2
    prior = m * covariance
    for _ in range(steps):
        carry = _carry(covariance, patterns)
        filled = _filled(fitted + mean, y, carry, member)
        # What is left unsure of the holes, summed over rows.
        unsure = n * covariance - covariance @ np.tensordot(count, carry, axes=1)
        mean: Floats = np.asarray(filled.mean(axis=0))
        shared: Floats = (filled - mean).mean(axis=1, keepdims=True)
        coef = solve_level @ shared + solve_differ @ (filled - mean - shared)
        before, fitted = fitted, moved @ coef
        error = filled - fitted - mean
        covariance = (error.T @ error + unsure + prior) / (n + m)
        if np.abs(fitted - before).max(initial=0.0) < _STILL:
            break
    return _whole(coef, mean, covariance, centre, inverse, seen, mu, np.isfinite(scores))


def by_pattern(scores: Floats) -> tuple[Mask, Rows]:
    """Which cells are known, once for each pattern that occurs (k, m), and every row's (n,)."""
    patterns, member = np.unique(np.isfinite(scores), axis=0, return_inverse=True)
    return patterns, member.reshape(-1).astype(np.intp)


def _carry(covariance: Floats, patterns: Mask) -> Floats:
    """How errors of known cells carry over to all cells of the row, for each pattern (k, m, m).

    Row i of a pattern's matrix is what an error of model i adds to every model; it is the
    identity among known cells, and 0 in the rows of holes.
    """
    both = patterns[:, :, None] & patterns[:, None, :]
    within = np.where(both, covariance, 0.0) + np.eye(len(covariance)) * ~patterns[:, :, None]
    across = np.where(patterns[:, :, None], covariance, 0.0)
    return np.asarray(np.linalg.solve(within, across), dtype=np.float64)


def _filled(told: Floats, y: Floats, carry: Floats, member: Rows) -> Floats:
    """The table (n, m) with each hole's expectation given the row's known cells."""
    error = np.where(np.isfinite(y), y - told, 0.0)
    filled = told.copy()
    step = max(1, _BLOCK // carry.shape[1] ** 2)
    for start in range(0, len(y), step):
        part = slice(start, start + step)
        filled[part] += (error[part, None, :] @ carry[member[part]])[:, 0]
    return filled


def _penalties(x: Floats, y: Floats) -> tuple[float, float]:
    known = np.isfinite(y)
    mean: Floats = np.asarray(np.nanmean(y, axis=0))
    moved: Floats = np.where(known, y - mean, np.nan)
    level: Floats = np.asarray(np.nanmean(moved, axis=1))[:, None]
    hard, _ = fit_ridge(x, level, np.zeros(1))
    differ, _ = fit_ridge(x, moved - level, np.zeros(len(mean)))
    return hard.alpha, differ.alpha


def _whole(
    coef: Floats,
    mean: Floats,
    covariance: Floats,
    centre: Floats,
    inverse: Floats,
    seen: Mask,
    mu: Floats,
    known: Mask,
) -> Joint:
    """With the columns of models that have no score."""
    m = len(mu)
    every, intercept, errors = np.zeros((len(centre), m)), mu.astype(np.float64), np.eye(m) / 4
    every[:, seen] = coef
    intercept[seen] = mean - centre @ coef
    errors[np.ix_(seen, seen)] = covariance
    return Joint(
        coef=every,
        intercept=intercept,
        covariance=errors,
        centre=centre,
        inverse=inverse.astype(np.float32),
        answers=known.sum(axis=0).astype(np.float64),
        rows=int(known.any(axis=1).sum()),
    )
