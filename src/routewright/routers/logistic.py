"""The logistic router: logistic regression per model, all models and penalties at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routewright.data.routing_data import RoutingData
from routewright.encoders import DEFAULT, View
from routewright.routers.base import Arrays, BaseRouter, Floats, Meta
from routewright.routers.folds import held_out
from routewright.routers.linear import ALPHAS
from routewright.routers.packing import pack, unpack
from routewright.routers.sigmoid import logit, sigmoid
from routewright.routers.table import relative_error

_FOLDS = 5
_STEPS = 500  # the most; penalised fits end long before
_CLOSE = 1e-3  # a step of the log odds below which the descent ends


@dataclass(frozen=True, eq=False)
class Logistic:
    """Fitted log odds for m models.

    Attributes:
        coef: (f, m).
        intercept: (m,).
        centre: feature means (f,).
        inverse: inverse curvature (XᵀWX + αI)⁻¹ with the mean weight of all cells (f, f).
        weight: sum of p(1 - p) over a model's known cells (m,).
        alpha: the penalty chosen.
    """

    coef: Floats
    intercept: Floats
    centre: Floats
    inverse: Floats
    weight: Floats
    alpha: float

    def predict(self, x: Floats) -> tuple[Floats, Floats]:
        """Scores (n, m) and standard errors (n, m); a row does not depend on the others."""
        moved = x - self.centre
        odds = np.array([row @ self.coef for row in moved]).reshape(-1, len(self.intercept))
        p = sigmoid(odds + self.intercept)
        reach = np.array([row @ self.inverse @ row for row in moved]).reshape(-1, 1)
        return p, p * (1 - p) * np.sqrt(np.maximum(reach, 0.0) + 1 / np.maximum(self.weight, 1.0))


def fit_logistic(
    x: Floats,
    scores: Floats,
    mu: Floats,
    groups: NDArray[np.str_],
    *,
    alphas: tuple[float, ...] = ALPHAS,
    seed: int = 0,
) -> Logistic:
    """Fit scores (n, m) on x (n, f); one penalty for all models, by out-of-fold relative error.

    A score between 0 and 1 counts as so much of a right and the rest of a wrong answer. The
    levels are not penalised: the strongest penalty predicts the training means.

    Args:
        x: inputs.
        scores: in [0, 1], NaN where unknown.
        mu: training means (m,), also what a model never scored is predicted.
        groups: rows of one group share a fold (n,).
        alphas: penalties to try.
        seed: of the folds.
    """
    known = np.isfinite(scores)
    left_out = np.tile(mu, (len(alphas), len(x), 1))
    for rows, held in held_out(groups, _FOLDS, seed) if len(alphas) > 1 else []:
        centre = x[rows].mean(axis=0)
        coef, intercept = _descend(x[rows] - centre, scores[rows], mu, np.array(alphas))
        left_out[:, held] = sigmoid((x[held] - centre) @ coef + intercept[:, None])
    losses = [relative_error(guess, scores) for guess in left_out]
    # Of equal losses the strongest penalty: where nothing can be learned, learn nothing.
    alpha = max(a for a, value in zip(alphas, losses, strict=True) if value <= min(losses) + 1e-15)
    centre = x.mean(axis=0)
    moved = x - centre
    coef, intercept = (each[0] for each in _descend(moved, scores, mu, np.array([alpha])))
    p = sigmoid(moved @ coef + intercept)
    weight = np.where(known, p * (1 - p), 0.0)
    mean = weight.sum() / max(int(known.sum()), 1)
    curve = mean * (moved.T @ moved) + alpha * np.eye(x.shape[1])
    return Logistic(
        coef=coef,
        intercept=intercept,
        centre=centre,
        inverse=np.asarray(np.linalg.inv(curve), dtype=np.float64),
        weight=weight.sum(axis=0),
        alpha=alpha,
    )


class LogisticRouter(BaseRouter):
    """Logistic regression per model on vector and features; choices hang on the differences.

    Args:
        alpha: the penalty; None chooses it out of fold.
        encoder: turns text into vectors.
        seed: of folds and encoder.
    """

    name = "logistic"
    complexity = 22

    def __init__(
        self, *, alpha: float | None = None, encoder: str = DEFAULT, seed: int = 0
    ) -> None:
        super().__init__(encoder=encoder, seed=seed)
        self.alpha = alpha

    def _fit(self, data: RoutingData, view: View) -> None:
        self.logistic_ = fit_logistic(
            view.design,
            data.scores,
            self.train_means_["scores"],
            data.groups,
            alphas=ALPHAS if self.alpha is None else (self.alpha,),
            seed=self.seed,
        )

    def _predict_scores(self, view: View) -> tuple[Floats, Floats]:
        return self.logistic_.predict(view.design)

    def _state(self) -> tuple[Arrays, Meta]:
        return pack("logistic", self.logistic_), {"alpha": self.logistic_.alpha}

    def _restore(self, arrays: Arrays) -> None:
        self.logistic_ = unpack("logistic", Logistic, arrays)


def _descend(x: Floats, scores: Floats, mu: Floats, alphas: Floats) -> tuple[Floats, Floats]:
    """Coefficients (a, f, m) and intercepts (a, m) for every penalty.

    The curvature of the log likelihood is nowhere above XᵀX / 4 (Böhning and Lindsay, 1988), so
    one eigendecomposition serves every model, penalty and step, where Newton would need a
    factorisation for each; Nesterov's momentum makes up for the shorter steps.
    """
    known = np.isfinite(scores)
    target = np.where(known, scores, 0.0)
    values, vectors = np.linalg.eigh(x.T @ x)
    turned = x @ vectors
    scale = np.maximum(values, 0.0) / 4 + alphas[:, None]
    count = np.maximum(known.sum(axis=0), 1)
    coef = np.zeros((len(alphas), x.shape[1], scores.shape[1]))
    level = np.tile(logit(mu), (len(alphas), 1))
    before, level_before = coef, level
    for step in range(_STEPS):
        push = step / (step + 3)
        ahead, level_ahead = coef + push * (coef - before), level + push * (level - level_before)
        error = np.where(known, sigmoid(turned @ ahead + level_ahead[:, None]) - target, 0.0)
        slope = turned.T @ error + alphas[:, None, None] * ahead
        before, level_before = coef, level
        coef = ahead - slope / scale[..., None]
        level = level_ahead - 4 * error.sum(axis=1) / count
        if np.abs(coef - before).max() < _CLOSE and np.abs(level - level_before).max() < _CLOSE:
            break
    return vectors @ coef, level
