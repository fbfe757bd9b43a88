"""The forest router: randomised trees on all models' scores at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from routewright.data.routing_data import RoutingData
from routewright.encoders import DEFAULT
from routewright.routers.base import Floats
from routewright.routers.folds import held_out
from routewright.routers.grove import Float32, Grove, GroveRouter, plant
from routewright.routers.table import pull
from routewright.routers.trees import Trees, grow

_MEMBERS = 5
_DEPTH = 20  # as RoRF's; leaves end most trees before
_FEATURES = 0.3


def fit_forest(
    x: Float32,
    scores: Floats,
    mu: Floats,
    groups: NDArray[np.str_],
    *,
    trees: int = 100,
    leaf: int = 20,
    seed: int = 0,
) -> Grove:
    """Grow the trees in five parts, each blind to one fold, then draw them to the means.

    How far they go from the means is decided by what each part says of its fold.

    Args:
        x: inputs (n, f).
        scores: (n, m), NaN where unknown.
        mu: training means (m,), also what a model never scored is predicted.
        groups: rows of one group share a fold (n,).
        trees: how many, over all parts.
        leaf: prompts in a leaf, at least.
        seed: of folds and splits.
    """
    each = max(trees // _MEMBERS, 1)
    left_out = np.tile(mu, (len(x), 1))
    members: list[list[Trees]] = []
    for member, (rows, held) in enumerate(held_out(groups, _MEMBERS, seed)):
        members.append([])
        for tree in range(each):
            grown, told = grow(
                x,
                scores - mu,
                rows,
                depth=_DEPTH,
                leaf=leaf,
                features=_FEATURES,
                seed=seed + member * each + tree,
            )
            members[-1].append(grown)
            left_out[held] += told[held] / each
    share = pull(left_out, scores, mu)
    drawn = [
        [replace(tree, value=tree.value * share / each) for tree in member] for member in members
    ]
    return plant(drawn, scores, mu, mu + share * (left_out - mu))


class ForestRouter(GroveRouter):
    """A forest of extremely randomised trees whose leaves hold every model's mean score.

    RoRF does so for two models, with classes for who is right; scores of N models need no
    classes, and their differences say who is worth the money.

    Args:
        trees: how many.
        leaf: prompts in a leaf, at least.
        encoder: turns text into vectors.
        seed: of folds, splits and encoder.
    """

    name = "forest"
    complexity = 47

    def __init__(
        self, *, trees: int = 100, leaf: int = 20, encoder: str = DEFAULT, seed: int = 0
    ) -> None:
        super().__init__(encoder=encoder, seed=seed)
        self.trees = trees
        self.leaf = leaf

    def _grow(self, x: Float32, data: RoutingData) -> Grove:
        return fit_forest(
            x,
            data.scores,
            self.train_means_["scores"],
            data.groups,
            trees=self.trees,
            leaf=self.leaf,
            seed=self.seed,
        )
