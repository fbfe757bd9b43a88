"""The kNN learner: shrunk, weighted means of the scores of similar prompts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from routewright.routers.packing import Holds
from routewright.routers.table import relative_error

Floats = NDArray[np.float64]
Float32 = NDArray[np.float32]

KAPPAS = (3.0, 10.0)
"""Pseudo-counts tried: weak for prompts that fall into clear kinds, strong for the rest."""

TEMPERATURES = (0.1, 0.2, 0.4, 1.0)

_LIKE = 1e-3  # similarity below which a prompt is no neighbour at all
_NEAR = 10  # neighbours in the mean similarity that tells how familiar a prompt is
_PROBES = 1_500  # training rows on which the settings are compared


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Training vectors (n, d) with scores (n, m), and how to read them.

    The prediction is (Σ w·s + κ₀μ) / (Σ w + κ₀) over the k nearest prompts with a known score,
    w = exp((similarity - 1) / temperature). Prompts as near as the k-th all count, so that
    ties never hang on the order of rows or on rounding.
    """

    vectors: Annotated[Float32, Holds("n d")]
    scores: Annotated[Floats, Holds("n m", low=0, high=1)]
    known: Annotated[NDArray[np.bool_], Holds("n m")]
    mu: Annotated[Floats, Holds("m", low=0, high=1)]
    k: Annotated[int, Holds(low=1)]
    temperature: Annotated[float, Holds(low=1e-6)]
    kappa: Annotated[float, Holds(low=0)]

    def predict(self, vectors: Float32) -> tuple[Floats, Floats, Floats]:
        """Scores (n, m), standard errors (n, m), mean similarity to the nearest ten (n,)."""
        rows = [self.read(self.vectors @ vector) for vector in vectors]
        m = len(self.mu)
        return (
            np.array([row[0] for row in rows]).reshape(-1, m),
            np.array([row[1] for row in rows]).reshape(-1, m),
            np.array([row[2] for row in rows]).reshape(-1),
        )

    def left_out(self, rows: NDArray[np.intp], groups: NDArray[np.str_]) -> Iterator[Float32]:
        """Similarities of training rows to all others, with their own group out of sight."""
        _, code = np.unique(groups, return_inverse=True)
        for row in rows:
            similar = self.vectors @ self.vectors[row]
            similar[code == code[row]] = -1.0
            yield similar

    def read(self, similar: Float32) -> tuple[Floats, Floats, float]:
        """Scores (m,), standard errors (m,) and familiarity of a prompt this similar to each."""
        near = min(max(self.k, _NEAR), len(similar))
        index = np.argpartition(-similar, near - 1)[:near]
        index = index[np.argsort(-similar[index])]
        closeness = float(np.mean(np.maximum(similar[index[:_NEAR]], 0.0)))
        # The margin is wider than float32 rounding, so equal texts are equally near.
        edge = max(float(similar[index[min(self.k, near) - 1]]) - 1e-5, _LIKE)
        index = np.flatnonzero(similar >= edge)
        weight = np.exp((similar[index].astype(np.float64) - 1) / self.temperature)[:, None]
        weight = weight * self.known[index]
        total = weight.sum(axis=0)
        guess = (weight * self.scores[index]).sum(axis=0) + self.kappa * self.mu
        score = guess / (total + self.kappa)
        effective = total**2 / np.maximum((weight**2).sum(axis=0), 1e-12)
        std = np.sqrt(np.clip(score * (1 - score), 0, None) / (effective + self.kappa))
        return score, std, closeness


def default_k(n: int) -> int:
    """clip(1.5·√n, 40, 200), at most a third of the prompts."""
    return max(1, min(int(np.clip(1.5 * np.sqrt(n), 40, 200)), n // 3))


def fit_neighbours(
    vectors: Float32,
    scores: Floats,
    mu: Floats,
    groups: NDArray[np.str_],
    *,
    k: int | None = None,
    temperature: float | None = None,
    kappa: float | None = None,
) -> Neighbours:
    """Store the prompts; settings left open are chosen leaving one group out.

    Small k is harmful with few labels per neighbourhood, so the choice is among weightings of
    the default k, half and twice it, by the centred error of at most 1,500 training prompts.
    """
    n = len(vectors)
    known = np.isfinite(scores)
    first = Neighbours(
        vectors=vectors,
        scores=np.where(known, scores, 0.0),
        known=known,
        mu=mu,
        k=min(k or default_k(n), n),
        temperature=temperature or 1.0,
        kappa=kappa or KAPPAS[-1],
    )
    ks = [first.k] if k else sorted({max(1, min(int(first.k * f), n)) for f in (0.5, 1, 2)})
    heats = [temperature] if temperature else list(TEMPERATURES)
    pulls = [kappa] if kappa else list(KAPPAS)
    tries = list(product(ks, heats, pulls))
    labelled = np.flatnonzero(known.sum(axis=1) >= 2)
    if len(tries) == 1 or not len(labelled):
        return first
    probes = labelled[np.linspace(0, len(labelled) - 1, min(_PROBES, len(labelled))).astype(int)]
    guesses = np.array(
        [_try_all(similar, first, ks, heats, pulls) for similar in first.left_out(probes, groups)]
    )
    losses = [relative_error(guesses[:, i], scores[probes]) for i in range(len(tries))]
    size, heat, pull = tries[int(np.argmin(losses))]
    return replace(first, k=size, temperature=heat, kappa=pull)


def _try_all(
    similar: Float32, stored: Neighbours, ks: list[int], heats: list[float], pulls: list[float]
) -> Floats:
    """One prompt's predictions under every setting (settings, m), in the order of the product.

    Running sums over the sorted neighbours serve all k at once; ties at the k-th are cut here,
    which is near enough to compare settings.
    """
    index = np.argpartition(-similar, ks[-1] - 1)[: ks[-1]]
    index = index[np.argsort(-similar[index])]
    near = np.maximum(similar[index].astype(np.float64), 0.0)
    weight = np.exp((near - 1) / np.array(heats)[:, None]) * (near > _LIKE)
    known = weight[:, :, None] * stored.known[index]
    last = np.array(ks) - 1
    total = known.cumsum(axis=1)[:, last]
    earned = (known * stored.scores[index]).cumsum(axis=1)[:, last]
    pull = np.array(pulls)[:, None]
    told = (earned[:, :, None] + pull * stored.mu) / (total[:, :, None] + pull)
    return told.transpose(1, 0, 2, 3).reshape(-1, len(stored.mu))
