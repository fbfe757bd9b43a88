"""The boosting router: trees that correct each other, for difficulty and for differences."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from routewright.data.routing_data import RoutingData
from routewright.encoders import DEFAULT
from routewright.routers.base import Floats
from routewright.routers.folds import held_out
from routewright.routers.grove import Float32, Grove, GroveRouter, plant
from routewright.routers.table import squared_error
from routewright.routers.trees import Rows, Trees, grow


@dataclass(frozen=True)
class Boost:
    """How to boost.

    Attributes:
        rate: share of what a tree found that is kept.
        rounds: trees of one sequence, at most.
        patience: trees without a better held-out error before it ends.
        depth: questions from root to leaf, at most.
        leaf: prompts in a leaf, at least.
        features: share of the columns that each split may look at.
    """

    rate: float = 0.05
    rounds: int = 400
    patience: int = 30
    depth: int = 5
    leaf: int = 20
    features: float = 0.3


def boost(
    x: Float32, target: Floats, rows: Rows, held: Rows, how: Boost, seed: int
) -> tuple[list[Trees], Floats]:
    """The trees up to the least held-out squared error, and what they say (n, q).

    None, if the first ones don't lower it.
    """
    trees: list[Trees] = []
    now = np.zeros(target.shape)
    best, least, count = now, squared_error(now[held], target[held]), 0
    while len(trees) < how.rounds and len(trees) - count < how.patience:
        tree, told = grow(
            x,
            target - now,
            rows,
            depth=how.depth,
            leaf=how.leaf,
            features=how.features,
            seed=seed + len(trees),
        )
        trees.append(replace(tree, value=how.rate * tree.value))
        now = now + how.rate * told
        error = squared_error(now[held], target[held])
        if error < least:
            best, least, count = now, error, len(trees)
    return trees[:count], best


def fit_boosting(
    x: Float32,
    scores: Floats,
    mu: Floats,
    groups: NDArray[np.str_],
    *,
    members: int = 5,
    how: Boost = Boost(),
    seed: int = 0,
) -> Grove:
    """Boost one member per fold, each stopped by the error on the fold it never sees.

    As in ``fit_score_ridge``, how hard a prompt is for all and how models differ on it are
    learned apart: each part stops where it is predicted best. The trees for the differences
    are shared by all models, so that their number does not multiply the work.

    Args:
        x: inputs (n, f).
        scores: (n, m), NaN where unknown.
        mu: training means (m,), also what a model never scored is predicted.
        groups: rows of one group share a fold (n,).
        members: folds, and so members.
        how: of the boosting.
        seed: of folds and splits.
    """
    known = np.isfinite(scores)
    moved = np.where(known, scores - mu, 0.0)
    count = known.sum(axis=1, keepdims=True)
    level = np.where(count > 0, moved.sum(axis=1, keepdims=True) / np.maximum(count, 1), np.nan)
    differ = np.where(known, moved - level, np.nan)
    left_out = np.tile(mu, (len(x), 1))
    grown: list[list[Trees]] = []
    for member, (rows, held) in enumerate(held_out(groups, members, seed)):
        at = seed + member * how.rounds
        hard, for_all = boost(x, level, rows, held, how, at)
        apart, for_each = boost(x, differ, rows, held, how, at)
        grown.append([*hard, *apart])
        left_out[held] += for_all[held] + for_each[held]
    return plant(grown, scores, mu, left_out)


class BoostingRouter(GroveRouter):
    """Gradient-boosted trees on the features of form and the main directions of the vector.

    Args:
        members: sequences to average, each stopped early on a fold of its own.
        rate: share of what a tree found that is kept.
        depth: questions from root to leaf, at most.
        encoder: turns text into vectors.
        seed: of folds, splits and encoder.
    """

    name = "boosting"
    complexity = 48

    def __init__(
        self,
        *,
        members: int = 5,
        rate: float = 0.05,
        depth: int = 5,
        encoder: str = DEFAULT,
        seed: int = 0,
    ) -> None:
        super().__init__(encoder=encoder, seed=seed)
        self.members = members
        self.rate = rate
        self.depth = depth

    def _grow(self, x: Float32, data: RoutingData) -> Grove:
        return fit_boosting(
            x,
            data.scores,
            self.train_means_["scores"],
            data.groups,
            members=self.members,
            how=Boost(rate=self.rate, depth=self.depth),
            seed=self.seed,
        )
