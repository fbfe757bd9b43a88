"""The k-means learner: each cluster's mean scores, shrunk towards the global ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from routewright.errors import require
from routewright.routers.packing import Holds
from routewright.routers.table import relative_error

Floats = NDArray[np.float64]
Float32 = NDArray[np.float32]

COUNTS = (8, 16, 32, 64)


@dataclass(frozen=True, eq=False)
class Clusters:
    """Centres (c, d) with profiles (c, m) of scores and the counts (c, m) behind them."""

    centres: Annotated[Float32, Holds("c d")]
    profiles: Annotated[Floats, Holds("c m", low=0, high=1)]
    counts: Annotated[Floats, Holds("c m", low=0)]
    kappa: Annotated[float, Holds(low=0)]

    def predict(self, vectors: Float32) -> tuple[Floats, Floats]:
        """Scores (n, m) and standard errors (n, m) of each prompt's nearest centre."""
        # |v - c|² orders as |c|²/2 - v·c; row by row, so that batches don't change rounding.
        half = (self.centres.astype(np.float64) ** 2).sum(axis=1) / 2
        nearest = [int(np.argmin(half - self.centres @ vector)) for vector in vectors]
        score = self.profiles[nearest]
        spread = np.clip(score * (1 - score), 0, None)
        return score, np.sqrt(spread / (self.counts[nearest] + self.kappa))


def fit_clusters(
    vectors: Float32,
    scores: Floats,
    mu: Floats,
    *,
    clusters: int | None = None,
    kappa: float = 10.0,
    seed: int = 0,
) -> Clusters:
    """Cluster the vectors, then shrink: profile = (n·mean + κ₀μ) / (n + κ₀).

    The number of clusters, unless given, is the one of ``COUNTS`` with the least centred error
    when each prompt is taken out of its own cluster's sum. UniRoute and Avengers route by such
    profiles; with few labels the shrinkage decides whether they help.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    different = len(np.unique(vectors, axis=0))
    wanted = [clusters] if clusters else [c for c in COUNTS if c <= len(vectors) // 8] or [1]
    tries = [
        _profile(*_k_means(vectors, min(count, different), seed), scores, mu, kappa)
        for count in wanted
    ]
    return min(tries, key=lambda fitted: relative_error(fitted[1], scores))[0]


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
