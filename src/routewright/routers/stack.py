"""The default router: a blend of members that know different things, one of them nothing.

q̂_m(x) = Cal_m(Σ_j w_j f_jm(x)), w on the simplex and shared by all models. The constant member
μ_m keeps the blend from promising more than the data shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routewright.data.routing_data import RoutingData
from routewright.encoders import DEFAULT, View
from routewright.routers.base import Arrays, BaseRouter, Floats, Meta, Predictions
from routewright.routers.blend import fit_weights
from routewright.routers.calibration import Calibration, fit_calibration
from routewright.routers.clusters import Clusters, fit_clusters
from routewright.routers.cost import CostModel
from routewright.routers.folds import FEWEST, group_folds
from routewright.routers.linear import Ridge, fit_score_ridge
from routewright.routers.neighbours import Neighbours, fit_neighbours
from routewright.routers.packing import pack, unpack
from routewright.routers.table import relative_error, score_means
from routewright.routers.worth import best_worth

MEMBERS = ("constant", "ridge", "knn", "kmeans")


@dataclass(frozen=True, eq=False)
class _Members:
    mu: Floats
    ridge: Ridge
    knn: Neighbours
    kmeans: Clusters
    n: int

    def predict(self, view: View) -> tuple[Floats, Floats, Floats]:
        """Scores and standard errors of each member (j, n, m), and familiarity (n,)."""
        constant = np.tile(self.mu, (len(view.chars), 1))
        places = view.places
        near, near_std, familiar = self.knn.predict(places)
        cluster, cluster_std = self.kmeans.predict(places)
        leverage = np.sqrt(np.maximum(self.ridge.leverage(view.design), 0.0) + 1 / self.n)
        scores = np.array([constant, self.ridge.predict(view.design), near, cluster])
        spread = np.sqrt(np.clip(constant * (1 - constant), 0, None) / self.n)
        ridge_std = leverage[:, None] * self.ridge.sigma
        # Only the ridge can leave the unit interval; a score can't.
        return np.clip(scores, 0, 1), np.array([spread, ridge_std, near_std, cluster_std]), familiar


class StackRouter(BaseRouter):
    """Stacked ensemble with a constant member.

    Weights come from out-of-fold predictions over group folds, for which everything, the
    encoder included, is fitted anew without the fold. From 1,000 labelled prompts on every
    weight is learned; below, the members' shares are fixed and only the constant's is learned.
    Scores are calibrated per model on the same out-of-fold blend: no member saw the prompt that
    it is judged on, and no labelled prompt is spent on calibration alone. The recommended
    worth is read off the same predictions.

    Args:
        folds: out-of-fold folds.
        gate: draw unfamiliar prompts towards the training means: yes, no, or None to let the
            out-of-fold error decide.
        encoder: turns text into vectors.
        seed: of folds, encoder and clusters.
    """

    name = "stack"

    def __init__(
        self, *, folds: int = 5, gate: bool | None = None, encoder: str = DEFAULT, seed: int = 0
    ) -> None:
        super().__init__(encoder=encoder, seed=seed)
        self.folds = folds
        self.gate = gate

    def _fit(self, data: RoutingData, view: View) -> None:
        self.members_ = self._fit_members(data, view)
        folds = group_folds(data.groups, self.folds, self.seed)
        if len(data) < FEWEST or len(folds) < 2:
            self.weights_ = np.eye(len(MEMBERS))[0]
            self.gate_ = np.zeros(2)
            self.calibration_ = fit_calibration(data.scores[:0], data.scores[:0])
            return
        members, costs, familiar = self._out_of_fold(data, folds)
        self.weights_ = fit_weights(members, data.scores)
        blend = np.tensordot(self.weights_, members, 1)
        low, high = np.percentile(familiar, [1, 10])
        gated = _draw(blend, members[0], familiar, np.array([low, high]))
        wins = relative_error(gated, data.scores) <= relative_error(blend, data.scores)
        use = wins if self.gate is None else self.gate
        self.gate_ = np.array([low, high]) if use and high > low else np.zeros(2)
        blend = _draw(blend, members[0], familiar, self.gate_)
        self.calibration_ = fit_calibration(blend, data.scores)
        scores = self.calibration_.apply(blend)
        self.out_of_fold_ = Predictions(data.models, scores, costs, np.zeros_like(scores))
        if data.complete.any():
            self.recommended_worth_usd_ = best_worth(self.out_of_fold_, data)

    def _fit_members(self, data: RoutingData, view: View) -> _Members:
        mu = score_means(data)
        return _Members(
            mu=mu,
            ridge=fit_score_ridge(view.design, data.scores, mu),
            knn=fit_neighbours(view.places, data.scores, mu, data.groups),
            kmeans=fit_clusters(view.places, data.scores, mu, seed=self.seed),
            n=len(data),
        )

    def _out_of_fold(
        self, data: RoutingData, folds: Sequence[NDArray[np.intp]]
    ) -> tuple[Floats, Floats, Floats]:
        shape = data.scores.shape
        scores, costs = np.zeros((len(MEMBERS), *shape)), np.zeros(shape)
        familiar = np.zeros(len(data))
        for held in folds:
            train = data.subset(np.setdiff1d(np.arange(len(data)), held))
            test = data.subset(held)
            space = self._space().fit(train.prompts)
            seen, unseen = space.view(train.prompts), space.view(test.prompts)
            fitted = self._fit_members(train, seen)
            scores[:, held], _, familiar[held] = fitted.predict(unseen)
            costs[held] = CostModel().fit(train, seen).predict(unseen)
        return scores, costs, familiar

    def _predict_scores(self, view: View) -> tuple[Floats, Floats]:
        scores, std, familiar = self.members_.predict(view)
        blend = np.tensordot(self.weights_, scores, 1)
        # Each member's own doubt, and how far the members disagree.
        doubt = std**2 + (scores - blend) ** 2
        blend = _draw(blend, scores[0], familiar, self.gate_)
        return self.calibration_.apply(blend), np.sqrt(np.tensordot(self.weights_, doubt, 1))

    def _state(self) -> tuple[Arrays, Meta]:
        m = self.members_
        arrays = {"mu": m.mu, "weights": self.weights_, "gate": self.gate_, "n": np.asarray(m.n)}
        arrays |= pack("ridge", m.ridge) | pack("knn", m.knn) | pack("kmeans", m.kmeans)
        arrays |= pack("calibration", self.calibration_)
        weights = {name: float(w) for name, w in zip(MEMBERS, self.weights_, strict=True)}
        return arrays, {"weights": weights, "gated": bool(self.gate_.any())}

    def _restore(self, arrays: Arrays) -> None:
        self.members_ = _Members(
            mu=arrays["mu"],
            ridge=unpack("ridge", Ridge, arrays),
            knn=unpack("knn", Neighbours, arrays),
            kmeans=unpack("kmeans", Clusters, arrays),
            n=int(arrays["n"]),
        )
        self.weights_, self.gate_ = arrays["weights"], arrays["gate"]
        self.calibration_ = unpack("calibration", Calibration, arrays)


def _draw(blend: Floats, mu: Floats, familiar: Floats, gate: Floats) -> Floats:
    """g·blend + (1 - g)·μ, g rising from 0 to 1 between the two bounds of familiarity."""
    low, high = float(gate[0]), float(gate[1])
    if high <= low:
        return blend
    g = np.clip((familiar - low) / (high - low), 0.0, 1.0)[:, None]
    return g * blend + (1 - g) * mu
