"""The default router: a blend of members that know different things, one of them nothing.

q̂_m(x) = Cal_m(Σ_j w_j f_jm(x)), w on the simplex and shared by all models. The constant member
μ_m keeps the blend from promising more than the data shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from routewright.data.routing_data import RoutingData
from routewright.encoders import DEFAULT, View
from routewright.routers.base import Arrays, BaseRouter, Floats, Meta, Predictions
from routewright.routers.blend import fit_weights
from routewright.routers.calibration import Calibration, fit_calibration
from routewright.routers.cost import CostModel
from routewright.routers.folds import FEWEST, group_folds
from routewright.routers.kernel import (
    KernelRidge,
    Landmarks,
    choose_landmarks,
    familiarity,
    fit_kernel,
)
from routewright.routers.linear import Ridge, fit_score_ridge
from routewright.routers.mlp import Networks, fit_networks
from routewright.routers.native import Compiled, compiled
from routewright.routers.packing import Holds, expect, expect_simplex, pack, unpack
from routewright.routers.profiles import Profiles, fit_profiles, kinds_of
from routewright.routers.table import relative_error, score_means
from routewright.routers.worth import best_worth
from routewright.types import Prompt

Float32 = NDArray[np.float32]

MEMBERS = ("constant", "ridge", "kernel", "profiles", "mlp")

_WIDTH = 4.0  # of the kernel


@dataclass(frozen=True, eq=False)
class _Seen:
    """What the members learn from: the same prompts, seen once for all folds."""

    design: Floats
    likeness: Floats
    landmarks: Landmarks
    kinds: NDArray[np.intp]

    def of(self, rows: NDArray[np.intp]) -> _Seen:
        return replace(
            self, design=self.design[rows], likeness=self.likeness[rows], kinds=self.kinds[rows]
        )


@dataclass(frozen=True, eq=False)
class _Members:
    mu: Floats
    ridge: Ridge
    kernel: KernelRidge
    profiles: Profiles
    mlp: Networks
    n: int

    def predict(self, view: View) -> tuple[Floats, Floats, Floats]:
        """Scores and standard errors of each member (j, n, m), and familiarity (n,)."""
        constant = np.tile(self.mu, (len(view.chars), 1))
        near, near_std, familiar = self.kernel.predict(view.places)
        kind, kind_std = self.profiles.predict(view.design)
        net, net_std = self.mlp.predict(view.design)
        leverage = np.sqrt(np.maximum(self.ridge.leverage(view.design), 0.0) + 1 / self.n)
        scores = np.array([constant, self.ridge.predict(view.design), near, kind, net])
        spread = np.sqrt(np.clip(constant * (1 - constant), 0, None) / self.n)
        ridge_std = leverage[:, None] * self.ridge.sigma
        # The ridges can leave the unit interval; a score can't.
        doubt = np.array([spread, ridge_std, near_std, kind_std, net_std])
        return np.clip(scores, 0, 1), doubt, familiar

    def of(self, view: View) -> tuple[Floats, Float32]:
        """Scores of each member (j, 1, m) of the view's one prompt, and its similarities (l,)."""
        design = view.design[0]
        near, similar = self.kernel.of(view.places[0])
        linear = self.ridge.predict(view.design)[0]
        told = np.array([self.mu, linear, near, self.profiles.of(design), self.mlp.of(design)])
        return np.minimum(np.maximum(told, 0.0), 1.0)[:, None], similar


class StackRouter(BaseRouter):
    """Stacked ensemble with a constant member.

    Weights come from out-of-fold predictions over group folds, for which whatever looks at
    scores is fitted anew without the fold; encoder, landmarks and clusters look at none and are
    made once. The fewer the labels, the nearer the learners' shares stay to equal ones. Scores are
    calibrated per model on the same out-of-fold blend: no member saw the prompt that it is judged
    on, and no labelled prompt is spent on calibration alone. The recommended worth is read off
    the same predictions.

    Args:
        folds: out-of-fold folds.
        gate: draw unfamiliar prompts towards the training means: yes, no, or None to let the
            out-of-fold error decide.
        encoder: turns text into vectors.
        seed: of folds, encoder and clusters.
    """

    name = "stack"
    complexity = 50

    def __init__(
        self, *, folds: int = 5, gate: bool | None = None, encoder: str = DEFAULT, seed: int = 0
    ) -> None:
        super().__init__(encoder=encoder, seed=seed)
        self.folds = folds
        self.gate = gate
        self._compiled: _Members | None = None  # what was compiled
        self._native_form: Compiled | None = None

    def _fit(self, data: RoutingData, view: View) -> None:
        landmarks = choose_landmarks(view.places, width=_WIDTH, seed=self.seed)
        seen = _Seen(
            design=view.design,
            likeness=landmarks.likeness(view.places),
            landmarks=landmarks,
            kinds=kinds_of(data.tasks, view.places, seed=self.seed),
        )
        mu, folds = score_means(data), group_folds(data.groups, self.folds, self.seed)
        networks = fit_networks(
            view.design, data.scores, mu, data.groups, members=self.folds, seed=self.seed
        )
        self.members_ = _fit_members(data, seen, networks)
        if len(data) < FEWEST or len(folds) < 2:
            self.weights_ = np.eye(len(MEMBERS))[0]
            self.gate_ = np.zeros(2)
            self.calibration_ = fit_calibration(data.scores[:0], data.scores[:0])
            return
        members, costs, familiar = _out_of_fold(data, view, seen, folds, networks)
        self.weights_ = fit_weights(members, data.scores)
        blend = _mixed(self.weights_, members)
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

    def expected(self, prompt: Prompt) -> tuple[Floats, Floats]:
        """Scores (m,) and costs (m,) of one prompt, without their standard errors."""
        return self.expected_of([prompt])[0]

    def expected_of(self, prompts: Sequence[Prompt]) -> list[tuple[Floats, Floats]]:
        """The same of several, which compiled code looks at together."""
        native = self._native
        if native is None:
            return [self.plainly(self.space_.view([prompt])) for prompt in prompts]
        return [
            told or self._viewed(native, self.space_.view([prompt]))
            for prompt, told in zip(prompts, native.expected(prompts), strict=True)
        ]

    def _viewed(self, native: Compiled, view: View) -> tuple[Floats, Floats]:
        return native.seen(view) or self.plainly(view)

    def plainly(self, view: View) -> tuple[Floats, Floats]:
        """``expected`` of the view's one prompt, by what the members themselves say."""
        scores, similar = self.members_.of(view)
        blend = _mixed(self.weights_, scores)
        if self.gate_[1] > self.gate_[0]:
            blend = _draw(blend, scores[0], np.array([familiarity(similar)]), self.gate_)
        told = self._sound(self.calibration_.apply(blend))
        return told[0], self._predict_costs(view)[0]

    @property
    def _native(self) -> Compiled | None:
        """The same in compiled code, made when it is first asked for; a fit makes another."""
        members = self.members_
        if self._compiled is not members:
            # Two threads may both make it; none may take the other's mark for the thing itself, and
            # decide plainly what is decided in compiled form a moment later.
            self._native_form = compiled(self) if type(self) is StackRouter else None
            self._compiled = members
        return self._native_form

    def _predict_scores(self, view: View) -> tuple[Floats, Floats]:
        scores, std, familiar = self.members_.predict(view)
        blend = _mixed(self.weights_, scores)
        # Each member's own doubt, and how far the members disagree.
        doubt = std**2 + (scores - blend) ** 2
        blend = _draw(blend, scores[0], familiar, self.gate_)
        return self.calibration_.apply(blend), np.sqrt(_mixed(self.weights_, doubt))

    def _state(self) -> tuple[Arrays, Meta]:
        m = self.members_
        arrays = {"mu": m.mu, "weights": self.weights_, "gate": self.gate_, "n": np.asarray(m.n)}
        arrays |= pack("ridge", m.ridge) | pack("kernel", m.kernel) | pack("profiles", m.profiles)
        arrays |= pack("mlp", m.mlp)
        arrays |= pack("calibration", self.calibration_)
        weights = {name: float(w) for name, w in zip(MEMBERS, self.weights_, strict=True)}
        return arrays, {"weights": weights, "gated": bool(self.gate_.any())}

    def _restore(self, arrays: Arrays) -> None:
        self.members_ = _Members(
            mu=expect("mu", arrays["mu"], Holds("m", low=0, high=1)),
            ridge=unpack("ridge", Ridge, arrays),
            kernel=unpack("kernel", KernelRidge, arrays),
            profiles=unpack("profiles", Profiles, arrays),
            mlp=unpack("mlp", Networks, arrays),
            n=int(expect("n", arrays["n"], Holds(low=1), np.int64)),
        )
        self.weights_ = expect_simplex("weights", arrays["weights"], len(MEMBERS))
        self.gate_ = expect("gate", arrays["gate"], Holds("2"))
        self.calibration_ = unpack("calibration", Calibration, arrays)


def _draw(blend: Floats, mu: Floats, familiar: Floats, gate: Floats) -> Floats:
    """g·blend + (1 - g)·μ, g rising from 0 to 1 between the two bounds of familiarity."""
    low, high = float(gate[0]), float(gate[1])
    if high <= low:
        return blend
    g = np.clip((familiar - low) / (high - low), 0.0, 1.0)[:, None]
    return g * blend + (1 - g) * mu


def _fit_members(data: RoutingData, seen: _Seen, networks: Networks) -> _Members:
    mu = score_means(data)
    return _Members(
        mu=mu,
        ridge=fit_score_ridge(seen.design, data.scores, mu),
        kernel=fit_kernel(seen.landmarks, seen.likeness, data.scores, mu),
        profiles=fit_profiles(seen.design, seen.kinds, data.scores, mu),
        mlp=networks,
        n=len(data),
    )


def _out_of_fold(
    data: RoutingData,
    view: View,
    seen: _Seen,
    folds: Sequence[NDArray[np.intp]],
    networks: Networks,
) -> tuple[Floats, Floats, Floats]:
    """Members' scores (j, n, m), costs (n, m) and familiarity (n,), each without its own fold.

    The encoder, the landmarks and the kinds come from all training prompts: they look at no score.
    Of the networks each fold is told by the one that was trained without it.
    """
    scores, costs = np.zeros((len(MEMBERS), *data.scores.shape)), np.zeros(data.scores.shape)
    familiar = np.zeros(len(data))
    for fold, held in enumerate(folds):
        kept = np.setdiff1d(np.arange(len(data)), held)
        train, unseen = data.subset(kept), view.of(held)
        scores[:, held], _, familiar[held] = _fit_members(
            train, seen.of(kept), networks.alone(fold)
        ).predict(unseen)
        costs[held] = CostModel().fit(train, view.of(kept)).predict(unseen)
    return scores, costs, familiar


def _mixed(weights: Floats, members: Floats) -> Floats:
    """Σ w_j f_j of members (j, n, m); np.tensordot takes ten times as long for one prompt."""
    return (weights @ members.reshape(len(weights), -1)).reshape(members.shape[1:])
