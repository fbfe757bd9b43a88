"""The IRT router: skills of models against demands that are read off the text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routewright.data.routing_data import RoutingData
from routewright.encoders import DEFAULT, View
from routewright.routers.adam import Descent, Params, Rows, descend
from routewright.routers.base import Arrays, BaseRouter, Floats, Meta
from routewright.routers.folds import held_out
from routewright.routers.packing import pack, unpack
from routewright.routers.sigmoid import logit, sigmoid
from routewright.routers.table import relative_error, spread_of_means

_PENALTY = 0.1  # of demands: differences are faint, and without it noise is learned before them
_APART = 0.2  # how far skills start from each other: the more, the more noise is learned first
_STRETCH = float(np.log(np.e - 1))  # softplus of it is 1


@dataclass(frozen=True, eq=False)
class Responses:
    """K members of P(m right on x) = σ(a·θ_m - b), a = softplus(W_a x + c), b = w_b·x.

    Attributes:
        demand: W_a, what a prompt asks of each of r skills (K, f, r).
        base: c (K, r).
        hardness: w_b (K, f).
        skill: θ (K, m, r).
        mean: training means (m,), what a model never scored is predicted.
        scored: models with a score (m,).
        spread: standard error where the members agree (m,).
    """

    demand: Floats
    base: Floats
    hardness: Floats
    skill: Floats
    mean: Floats
    scored: NDArray[np.bool_]
    spread: Floats

    def predict(self, x: Floats) -> tuple[Floats, Floats]:
        """Scores (n, m) and standard errors (n, m); a row does not depend on the others."""
        told = np.empty((len(x), len(self.base), len(self.mean)))
        for row, inputs in enumerate(x):
            asks = np.logaddexp(0.0, inputs @ self.demand + self.base)
            odds = (self.skill @ asks[..., None])[..., 0] - (self.hardness @ inputs)[:, None]
            told[row] = np.where(self.scored, sigmoid(odds), self.mean)
        return told.mean(axis=1), np.sqrt(told.var(axis=1) + self.spread**2)


def fit_responses(
    x: Floats,
    scores: Floats,
    mu: Floats,
    groups: NDArray[np.str_],
    *,
    skills: int = 16,
    members: int = 5,
    how: Descent = Descent(),  # noqa: B008  # a frozen value
    seed: int = 0,
) -> Responses:
    """Train one member per fold, each stopped by the relative error on the fold it never sees.

    At the start no prompt differs from another and a·θ_m is the log odds of the training mean,
    so that a member that learns nothing predicts the means.

    Args:
        x: inputs (n, f).
        scores: (n, m) in [0, 1], NaN where unknown.
        mu: training means (m,).
        groups: rows of one group share a fold (n,).
        skills: r, dimensions of θ.
        members: folds, and so members.
        how: of the descent.
        seed: of skills, folds and order.
    """
    found: list[Params] = []
    left_out = np.tile(mu, (len(x), 1))
    for member, (rows, held) in enumerate(held_out(groups, members, seed)):
        start = _start(x.shape[1], skills, mu, seed + member)
        found.append(_descend(start, x, scores, rows, held, how, seed + member))
        left_out[held] = _told(found[-1], x[held])[1]
    found = found or [_start(x.shape[1], skills, mu, seed)]
    demand, base, hardness, skill = (np.array(each) for each in zip(*found, strict=True))
    return Responses(
        demand=demand,
        base=base,
        hardness=hardness,
        skill=skill,
        mean=mu,
        scored=np.asarray(np.isfinite(scores).any(axis=0)),
        spread=spread_of_means(left_out, scores),
    )


class IrtRouter(BaseRouter):
    """Multidimensional item response theory, as in IRT-Router's M-IRT, with free skills.

    M-IRT also reads θ_m off a text that describes the model; here the graded answers alone
    decide. EmbedLLM's pointwise matrix factorisation is the router ``mf`` with
    ``loss="pointwise"``.

    Args:
        skills: dimensions of a model's skill.
        members: models to average, each stopped early on a fold of its own.
        encoder: turns text into vectors.
        seed: of skills, folds and encoder.
    """

    name = "irt"
    complexity = 34

    def __init__(
        self, *, skills: int = 16, members: int = 5, encoder: str = DEFAULT, seed: int = 0
    ) -> None:
        super().__init__(encoder=encoder, seed=seed)
        self.skills = skills
        self.members = members

    def _fit(self, data: RoutingData, view: View) -> None:
        self.responses_ = fit_responses(
            view.design,
            data.scores,
            self.train_means_["scores"],
            data.groups,
            skills=self.skills,
            members=self.members,
            seed=self.seed,
        )

    def _predict_scores(self, view: View) -> tuple[Floats, Floats]:
        return self.responses_.predict(view.design)

    def _state(self) -> tuple[Arrays, Meta]:
        return pack("irt", self.responses_), {"members": len(self.responses_.base)}

    def _restore(self, arrays: Arrays) -> None:
        self.responses_ = unpack("irt", Responses, arrays)


def _start(inputs: int, skills: int, mu: Floats, seed: int) -> Params:
    theta = np.random.default_rng(seed).normal(0, _APART, (len(mu), skills))
    theta += ((logit(mu) - theta.sum(axis=1)) / skills)[:, None]
    return np.zeros((inputs, skills)), np.full(skills, _STRETCH), np.zeros(inputs), theta


def _told(params: Params, x: Floats) -> tuple[Floats, Floats]:
    """Raw demands W_a x + c (n, r), and scores (n, m)."""
    demand, base, hardness, skill = params
    raw = x @ demand + base
    return raw, sigmoid(np.logaddexp(0.0, raw) @ skill.T - (x @ hardness)[:, None])


def _descend(
    params: Params, x: Floats, scores: Floats, rows: Rows, held: Rows, how: Descent, seed: int
) -> Params:
    known = np.isfinite(scores)
    target = np.where(known, scores, 0.0)

    def gradient(now: Params, batch: Rows) -> Params:
        here = rows[batch]
        raw, told = _told(now, x[here])
        error = np.where(known[here], told - target[here], 0.0) / len(here)
        asked = (error @ now[3]) * sigmoid(raw)  # the slope of softplus is the sigmoid
        hardness = -(x[here].T @ error.sum(axis=1))
        return (
            x[here].T @ asked + _PENALTY * now[0],
            asked.sum(axis=0),
            hardness,
            error.T @ np.logaddexp(0.0, raw),
        )

    def loss(now: Params) -> float:
        return relative_error(_told(now, x[held])[1], scores[held])

    return descend(params, gradient, len(rows), loss, how, seed)
