"""The kernel learner: ridge regression on a prompt's likeness to a few hundred training prompts.

Nyström's method (Williams and Seeger, NeurIPS 2000) for kernel ridge regression: smooth where
nearest neighbours are rough, and a decision costs the same whether ten thousand prompts were
trained on or a million.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from routewright.routers.linear import fit_score_ridge
from routewright.routers.packing import Holds

Floats = NDArray[np.float64]
Float32 = NDArray[np.float32]

LANDMARKS = 512
ALPHAS = tuple(float(a) for a in np.geomspace(0.1, 1e3, 13))

_NEAR = 10  # landmarks in the mean similarity that tells how familiar a prompt is
_FLAT = 1e-6  # share of the largest eigenvalue below which a direction is rounding


@dataclass(frozen=True, eq=False)
class Landmarks:
    """Training prompts (l, d) that others are compared with, and their whitening (l, r).

    The likeness of v to landmark z is exp(width · (v·z - 1)), 1 where they agree.
    """

    vectors: Float32
    turn: Floats
    width: float

    def likeness(self, vectors: Float32) -> Floats:
        """Whitened likenesses (n, r): the inputs of a ridge."""
        return _likeness(vectors @ self.vectors.T, self.width) @ self.turn


@dataclass(frozen=True, eq=False)
class KernelRidge:
    """Scores = likeness to the landmarks (l, d) · weights (l, m) + intercept (m,).

    Attributes:
        std: standard error of a score at a typical prompt (m,).
        width: of the kernel; a large one sees near landmarks alone.
    """

    landmarks: Annotated[Float32, Holds("l d", low=-2, high=2)]
    weights: Annotated[Floats, Holds("l m")]
    intercept: Annotated[Floats, Holds("m")]
    std: Annotated[Floats, Holds("m", low=0)]
    width: Annotated[float, Holds(low=1e-6, high=1e3)]
    alpha: Annotated[float, Holds(low=0)]

    def predict(self, vectors: Float32) -> tuple[Floats, Floats, Floats]:
        """Scores (n, m), standard errors (n, m), familiarity (n,): mean similarity to the ten
        nearest landmarks. Row by row, so that batches change nothing.
        """  # one sentence each
        scores = np.empty((len(vectors), len(self.intercept)))
        familiar = np.empty(len(vectors))
        for row, vector in enumerate(vectors):
            scores[row], similar = self.of(vector)
            familiar[row] = familiarity(similar)
        return scores, np.tile(self.std, (len(vectors), 1)), familiar

    def of(self, vector: Float32) -> tuple[Floats, Float32]:
        """Scores (m,) of one prompt, and its similarity to each landmark (l,)."""
        similar = self.landmarks @ vector
        return _likeness(similar, self.width) @ self.weights + self.intercept, similar


def familiarity(similar: Float32) -> float:
    """Mean of the ten largest similarities."""
    near = min(_NEAR, len(similar))
    return float(np.partition(similar, -near)[-near:].mean())


def choose_landmarks(
    vectors: Float32, *, width: float, seed: int, count: int = LANDMARKS
) -> Landmarks:
    """Draw landmarks among the training vectors (n, d); no score is looked at."""
    drawn = np.random.default_rng(seed).choice(len(vectors), min(count, len(vectors)), False)
    chosen = vectors[np.sort(drawn)]
    values, axes = np.linalg.eigh(_likeness(chosen @ chosen.T, width))
    kept = values > _FLAT * values[-1]
    return Landmarks(chosen, axes[:, kept] / np.sqrt(values[kept]), width)


def fit_kernel(
    landmarks: Landmarks,
    inputs: Floats,
    scores: Floats,
    mu: Floats,
    alphas: tuple[float, ...] = ALPHAS,
) -> KernelRidge:
    """Fit on the whitened likenesses ``inputs`` (n, r) of prompts with these scores (n, m)."""
    ridge = fit_score_ridge(inputs, scores, mu, alphas)
    moved: Floats = inputs - inputs.mean(axis=0)
    # The mean leverage stands for each prompt's own, which would cost more than the prediction.
    reach = float(np.sum((moved @ ridge.inverse) * moved)) / len(inputs) + 1 / len(inputs)
    return KernelRidge(
        landmarks=landmarks.vectors,
        weights=landmarks.turn @ ridge.coef,
        intercept=ridge.intercept,
        std=np.sqrt(reach) * ridge.sigma,
        width=landmarks.width,
        alpha=ridge.alpha,
    )


def _likeness(similar: NDArray[np.floating], width: float) -> Floats:
    return np.exp(width * (np.asarray(similar, dtype=np.float64) - 1))
