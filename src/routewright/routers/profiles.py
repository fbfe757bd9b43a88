"""The profile learner: which kind of prompt is it, and how do the models do on that kind?

Where the training data says of which task a prompt is, its kinds are those tasks, and a linear
discriminant (Fisher 1936; Bishop, PRML 4.2) learns to tell them apart by the text; where not,
they are clusters of the vectors. A prompt gets the kinds' profiles in proportion to how likely each
is, so that one between two topics gets something of both. With clusters and hard borders this is
what Avengers-Pro and UniRoute route by; the soft map over learned kinds is UniRoute's as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from routewright.errors import require
from routewright.routers.packing import Holds

Floats = NDArray[np.float64]

FEWEST_OF_KIND = 10
"""Prompts of a task below which it is no kind."""

MOST_KINDS = 256
_CLUSTERS = (8, 64)  # at least and at most
_PROMPTS_A_CLUSTER = 40
_SPHERE = 0.1  # share of the round covariance in the common one, against noise in its axes
_CALM = 2.0  # temperature: the discriminant takes inputs for independent that aren't
_CLUSTERED = 20_000  # prompts that clusters are found among


@dataclass(frozen=True, eq=False)
class Profiles:
    """Kinds of prompts (k) as a linear discriminant on inputs (f), and their profiles (k, m).

    Attributes:
        slopes: (f, k).
        offsets: (k,).
        means: each kind's mean scores, shrunk towards those of all (k, m).
        counts: known scores behind them (k, m).
        kappa: pseudo-counts of the shrinkage.
    """

    slopes: Annotated[Floats, Holds("f k")]
    offsets: Annotated[Floats, Holds("k")]
    means: Annotated[Floats, Holds("k m", low=0, high=1)]
    counts: Annotated[Floats, Holds("k m", low=0)]
    kappa: Annotated[float, Holds(low=1e-9)]

    def likely(self, inputs: Floats) -> Floats:
        """Probability of each kind (n, k), row by row, so that batches change nothing."""
        return np.array([self._likely(row) for row in inputs]).reshape(-1, len(self.offsets))

    def of(self, inputs: Floats) -> Floats:
        """Scores (m,) of one prompt."""
        return self._likely(inputs) @ self.means

    def _likely(self, row: Floats) -> Floats:
        told = (row @ self.slopes + self.offsets) / _CALM
        told = np.exp(told - np.maximum.reduce(told))
        return told / np.add.reduce(told)

    def predict(self, inputs: Floats) -> tuple[Floats, Floats]:
        """Scores (n, m) and standard errors (n, m)."""
        likely = self.likely(inputs)
        spread = np.clip(self.means * (1 - self.means), 0, None) / (self.counts + self.kappa)
        scores = np.array([row @ self.means for row in likely]).reshape(-1, self.means.shape[1])
        doubt = np.array([row @ spread for row in likely]).reshape(scores.shape)
        return scores, np.sqrt(doubt)


def kinds_of(tasks: NDArray[np.str_], vectors: NDArray[np.float32], *, seed: int) -> NDArray[Any]:
    """A kind for each prompt (n,), -1 for none: its task where tasks are known, else its cluster.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    names, code, count = np.unique(tasks, return_inverse=True, return_counts=True)
    common = np.flatnonzero((count >= FEWEST_OF_KIND) & (names != ""))
    common = common[np.argsort(-count[common], kind="stable")][:MOST_KINDS]
    if len(common) >= 2:
        number = np.full(len(names), -1)
        number[common] = np.arange(len(common))
        return number[code.reshape(-1)]
    return _clusters(vectors, seed)


def fit_profiles(
    inputs: Floats, kinds: NDArray[Any], scores: Floats, mu: Floats, *, kappa: float = 10.0
) -> Profiles:
    """Learn to tell the kinds apart, and what each is like.

    Args:
        inputs: (n, f).
        kinds: of each prompt (n,), -1 for none; those teach nothing here.
        scores: (n, m), NaN where unknown.
        mu: training means (m,) that profiles are shrunk towards.
        kappa: pseudo-counts of ``mu``.
    """
    of_kind = np.flatnonzero(kinds >= 0)
    count = max(int(kinds.max(initial=-1)) + 1, 1)
    member: Floats = np.zeros((len(of_kind), count))
    member[np.arange(len(of_kind)), kinds[of_kind]] = 1
    size: Floats = member.sum(axis=0)
    x = inputs[of_kind]
    centres = (member.T @ x) / np.maximum(size, 1)[:, None]
    within = x - centres[kinds[of_kind]]
    common = within.T @ within / max(len(x), 1)
    level = max(float(np.trace(common)) / len(common), 1e-9)
    common = (1 - _SPHERE) * common + _SPHERE * level * np.eye(len(common))
    slopes = np.asarray(np.linalg.solve(common, centres.T), dtype=np.float64)
    prior = np.log((size + 1) / (len(x) + count))
    known = np.isfinite(scores[of_kind])
    earned = member.T @ np.where(known, scores[of_kind], 0.0)
    counts = member.T @ known.astype(np.float64)
    return Profiles(
        slopes=slopes,
        offsets=prior - (centres * slopes.T).sum(axis=1) / 2,
        means=(earned + kappa * mu) / (counts + kappa),
        counts=counts,
        kappa=kappa,
    )


def _clusters(vectors: NDArray[np.float32], seed: int) -> NDArray[Any]:
    least, most = _CLUSTERS
    different = len(np.unique(vectors, axis=0))
    count = min(max(min(len(vectors) // _PROMPTS_A_CLUSTER, most), least), different)
    if count < 2:
        return np.zeros(len(vectors), dtype=np.intp)
    cluster: Any = require("sklearn.cluster", "train")
    rng = np.random.default_rng(seed)
    drawn = rng.choice(len(vectors), min(len(vectors), _CLUSTERED), replace=False)
    # Full precision: scikit-learn's own tolerance then means the same for every d.
    fitted: Any = cluster.KMeans(n_clusters=count, n_init=1, random_state=seed).fit(
        vectors[drawn].astype(np.float64)
    )
    return np.asarray(fitted.predict(vectors.astype(np.float64)), dtype=np.intp)
