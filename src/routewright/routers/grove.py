"""Ensembles of trees that add up: what the forest and the boosted trees have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routewright.data.routing_data import RoutingData
from routewright.encoders import View
from routewright.routers.base import Arrays, BaseRouter, Floats, Meta
from routewright.routers.packing import pack, under, unpack
from routewright.routers.table import spread_of_means
from routewright.routers.trees import Trees, join

Float32 = NDArray[np.float32]

WIDTH = 32
"""Directions of the vector that trees may ask about: more cost time and gained nothing."""

_OWN = ("member", "members", "mean", "spread")


@dataclass(frozen=True, eq=False)
class Sight:
    """What trees see of a prompt: its features, and the main directions of its vector.

    Attributes:
        centre: mean vector (d,).
        directions: principal axes (d, w).
    """

    centre: Floats
    directions: Floats

    def of(self, view: View) -> Float32:
        """Inputs (n, f + w); a row does not depend on the others."""
        moved = view.embeddings - self.centre
        turned = np.array([row @ self.directions for row in moved])
        turned = turned.reshape(len(moved), self.directions.shape[1])
        return np.hstack([view.features, turned]).astype(np.float32)


def fit_sight(view: View, width: int = WIDTH) -> Sight:
    """The axes along which the training vectors spread most."""
    vectors = view.embeddings.astype(np.float64)
    centre = vectors.mean(axis=0)
    _, axes = np.linalg.eigh((vectors - centre).T @ (vectors - centre))
    return Sight(centre, np.ascontiguousarray(axes[:, ::-1][:, :width]))


@dataclass(frozen=True, eq=False)
class Grove:
    """K members, each the sum of its trees.

    Attributes:
        trees: of all members.
        member: whose each tree is (T,).
        members: K.
        mean: training means (m,), from which the trees depart.
        spread: standard error where the members agree (m,).
    """

    trees: Trees
    member: NDArray[np.int32]
    members: int
    mean: Floats
    spread: Floats

    def predict(self, x: Float32) -> tuple[Floats, Floats]:
        """Scores (n, m) and standard errors (n, m); a row does not depend on the others."""
        whose = (self.member == np.arange(self.members)[:, None]).astype(np.float64)
        told = np.empty((len(x), self.members, len(self.mean)))
        for row, inputs in enumerate(x):
            told[row] = whose @ self.trees.value[self.trees.leaves(inputs)]
        return self.mean + told.mean(axis=1), np.sqrt(told.var(axis=1) + self.spread**2)

    def state(self) -> Arrays:
        """The learned arrays by name."""
        own = {name: np.asarray(getattr(self, name)) for name in _OWN}
        return own | pack("trees", self.trees)

    @classmethod
    def restore(cls, arrays: Arrays) -> Grove:
        """The grove that gave these arrays."""
        own: dict[str, Any] = {name: arrays[name] for name in _OWN}
        own["members"] = int(own["members"])
        return cls(trees=unpack("trees", Trees, arrays), **own)


def plant(
    members: Sequence[Sequence[Trees]], scores: Floats, mu: Floats, left_out: Floats
) -> Grove:
    """Put members together; a model never scored keeps its mean.

    Args:
        members: the trees of each.
        scores: (n, m), NaN where unknown.
        mu: training means (m,).
        left_out: held-out predictions (n, m).
    """
    trees = join([tree for member in members for tree in member], len(mu))
    never = ~np.isfinite(scores).any(axis=0)
    owner = np.repeat(np.arange(len(members)), [len(member) for member in members])
    return Grove(
        trees=replace(trees, value=np.where(never, 0.0, trees.value)),
        member=owner.astype(np.int32),
        members=max(len(members), 1),
        mean=mu,
        spread=spread_of_means(left_out, scores),
    )


class GroveRouter(BaseRouter):
    """A router whose scores come from trees; a family says how they grow."""

    def _fit(self, data: RoutingData, view: View) -> None:
        self.sight_ = fit_sight(view)
        self.grove_ = self._grow(self.sight_.of(view), data)

    @abstractmethod
    def _grow(self, x: Float32, data: RoutingData) -> Grove:
        """Learn from inputs (n, f) and the data's scores."""

    def _predict_scores(self, view: View) -> tuple[Floats, Floats]:
        return self.grove_.predict(self.sight_.of(view))

    def _state(self) -> tuple[Arrays, Meta]:
        grove = {f"grove.{name}": array for name, array in self.grove_.state().items()}
        return pack("sight", self.sight_) | grove, {"trees": len(self.grove_.member)}

    def _restore(self, arrays: Arrays) -> None:
        self.sight_ = unpack("sight", Sight, arrays)
        self.grove_ = Grove.restore(under("grove", arrays))
