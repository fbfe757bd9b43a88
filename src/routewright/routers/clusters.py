"""The k-means learner: each cluster's mean scores, shrunk towards the global ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from routewright.errors import require
from routewright.routers.packing import Holds
from routewright.routers.table import relative_error

Floats = NDArray[np.float64]
Float32 = NDArray[np.float32]

COUNTS = (8, 16, 32, 64)
NEAR = (1, 2, 3)

_SHARP = 9.0  # weight exp(-9 · cosine distance) of a cluster, as in Avengers


@dataclass(frozen=True, eq=False)
class Clusters:
    """Centres (c, d) with profiles (c, m) of scores and the counts (c, m) behind them.

    A prompt is told by the ``near`` nearest, the more alike the more.
    """

    centres: Annotated[Float32, Holds("c d")]
    profiles: Annotated[Floats, Holds("c m", low=0, high=1)]
    counts: Annotated[Floats, Holds("c m", low=0)]
    kappa: Annotated[float, Holds(low=0)]
    near: Annotated[int, Holds(low=1)] = 1

    def predict(self, vectors: Float32) -> tuple[Floats, Floats]:
        """Scores (n, m) and standard errors (n, m), from each prompt's nearest centres."""
        nearest, weights = self.around(vectors)
        score = (weights[..., None] * self.profiles[nearest]).sum(axis=1)
        counts = (weights[..., None] * self.counts[nearest]).sum(axis=1)
        spread = np.clip(score * (1 - score), 0, None)
        return score, np.sqrt(spread / (counts + self.kappa))

    def around(self, vectors: Float32) -> tuple[NDArray[np.intp], Floats]:
        """The ``near`` nearest centres of each vector, and their weights (n, near)."""
        # |v - c|² orders as |c|²/2 - v·c; row by row, so that batches don't change rounding.
        square = (self.centres.astype(np.float64) ** 2).sum(axis=1)
        length = np.maximum(np.sqrt(square), 1e-9)
        nearest = np.zeros((len(vectors), min(self.near, len(self.centres))), dtype=np.intp)
        weights = np.ones(nearest.shape)
        for row, vector in enumerate(vectors):
            alike = self.centres @ vector
            nearest[row] = np.argsort(square / 2 - alike, kind="stable")[: nearest.shape[1]]
            if self.near > 1:
                size = max(float(np.linalg.norm(vector)), 1e-9)
                cosine = alike[nearest[row]] / (length[nearest[row]] * size)
                weights[row] = np.exp(_SHARP * (cosine - cosine.max()))
        return nearest, weights / weights.sum(axis=1, keepdims=True)


def fit_clusters(
    vectors: Float32,
    scores: Floats,
    mu: Floats,
    *,
    clusters: int | None = None,
    near: int | None = 1,
    kappa: float = 10.0,
    seed: int = 0,
) -> Clusters:
    """Cluster the vectors, then shrink: profile = (n·mean + κ₀μ) / (n + κ₀).

    The number of clusters, unless given, is the one of ``COUNTS`` with the least centred error
    when each prompt is taken out of its own cluster's sum; so is ``near``, where it is None, of
    ``NEAR``. UniRoute and Avengers route by such profiles; with few labels the shrinkage decides
    whether they help.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    different = len(np.unique(vectors, axis=0))
    wanted = [clusters] if clusters else [c for c in COUNTS if c <= len(vectors) // 8] or [1]
    tries: list[tuple[Clusters, Floats]] = []
    for count in wanted:
        labels, centres = _k_means(vectors, min(count, different), seed)
        fitted, own = _profile(labels, centres, scores, mu, kappa)
        for each in (near,) if near else NEAR:
            tried = replace(fitted, near=each)
            tries.append((tried, own if each == 1 else _blend(tried, vectors, labels, own)))
    return min(tries, key=lambda tried: relative_error(tried[1], scores))[0]


def _blend(fitted: Clusters, vectors: Float32, labels: NDArray[np.intp], own: Floats) -> Floats:
    """What the clusters say of their own prompts, each taken out of its own cluster (n, m)."""
    nearest, weights = fitted.around(vectors)
    is_own = (nearest == labels[:, None])[..., None]
    told = np.where(is_own, own[:, None], fitted.profiles[nearest])
    return (weights[..., None] * told).sum(axis=1)


def _k_means(vectors: Float32, count: int, seed: int) -> tuple[NDArray[np.intp], Float32]:
    cluster: Any = require("sklearn.cluster", "train")
    # Full precision: scikit-learn's own tolerance then means the same for every d.
    fitted: Any = cluster.KMeans(n_clusters=count, n_init=3, random_state=seed).fit(
        vectors.astype(np.float64)
    )
    return fitted.labels_, np.asarray(fitted.cluster_centers_, dtype=np.float32)


def _profile(
    labels: NDArray[np.intp], centres: Float32, scores: Floats, mu: Floats, kappa: float
) -> tuple[Clusters, Floats]:
    known = np.isfinite(scores)
    filled = np.where(known, scores, 0.0)
    total = np.zeros((len(centres), scores.shape[1]))
    count = np.zeros_like(total)
    np.add.at(total, labels, filled)
    np.add.at(count, labels, known)
    profiles = (total + kappa * mu) / (count + kappa)
    left_out = (total[labels] - filled + kappa * mu) / (count[labels] - known + kappa)
    return Clusters(centres, profiles, count, kappa), left_out
