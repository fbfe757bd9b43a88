"""Everything a router can see of a world, with what then is to be expected, and its frontier."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routewright.metrics.curves import Curves
from routewright.metrics.frontier import ndch

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

SAME_SLOPE = 1e-9  # relative: slopes that differ by rounding are one edge


@dataclass(frozen=True, eq=False)
class Views:
    """All texts that differ to a reader, v of them, or a sample.

    Attributes:
        chance: how likely each is (v,); sums to 1.
        scores: expected score of each model given the text (v, m).
        costs: expected cost in US dollars given the text (v, m).
        sampled: whether these are draws of equal chance, not all there is.
    """

    chance: Floats
    scores: Floats
    costs: Floats
    sampled: bool

    def parts(self, count: int) -> Iterator[Views]:
        """A sample in ``count`` samples of like size."""
        for rows in np.array_split(np.arange(len(self.chance)), count):
            chance = self.chance[rows]
            yield Views(chance / chance.sum(), self.scores[rows], self.costs[rows], self.sampled)

    def frontier(self) -> Floats:
        """Vertices (k, 2) of what the best policy reaches on average.

        Every view has a hull of its own; the frontier is their Minkowski sum: it starts at the
        mean of their starts and appends all their edges, weighted, the steepest first.
        """
        hulls = Curves.hull(self.costs, self.scores)
        steps = np.stack([np.diff(hulls.costs, axis=1), np.diff(hulls.scores, axis=1)], axis=2)
        edges = (self.chance[:, None, None] * steps).reshape(-1, 2)
        edges = edges[(edges > 0).all(axis=1)]
        start = self.chance @ np.column_stack([hulls.costs[:, 0], hulls.scores[:, 0]])
        slopes = edges[:, 1] / edges[:, 0]
        order = np.argsort(-slopes, kind="stable")
        edges, slopes = edges[order], slopes[order]
        if not len(edges):
            return start[None]
        new = np.concatenate([[True], slopes[1:] < slopes[:-1] * (1 - SAME_SLOPE)])
        joined = np.add.reduceat(edges, np.flatnonzero(new), axis=0)
        return ndch(np.vstack([start, start + np.cumsum(joined, axis=0)]))


def posterior(counts: Counts, speech: Floats, shares: Floats) -> Floats:
    """P(kind | text) as (n, K): Bayes' rule on the words of each block.

    A text that no kind would write is evidence of nothing and leaves the prior.

    Args:
        counts: words of each block (n, B).
        speech: P(block | kind) (K, B).
        shares: P(kind) (K,).
    """
    logs = counts @ np.log(np.maximum(speech, 1e-300)).T + np.log(np.maximum(shares, 1e-300))
    ruled_out = (counts @ (speech == 0).T.astype(np.float64) > 0) | (shares == 0)
    lost = ruled_out.all(axis=1)
    top = np.where(ruled_out, -np.inf, logs)
    top[lost] = 0.0
    weights = np.exp(top - top.max(axis=1, keepdims=True))
    weights[lost] = shares
    return weights / weights.sum(axis=1, keepdims=True)


def all_counts(length: int, blocks: int) -> Counts:
    """Every way to deal ``length`` words out to ``blocks`` (v, B): bars between stars."""
    total = length + blocks - 1
    ways = list(itertools.combinations(range(total), blocks - 1))
    bars = np.array(ways, dtype=np.int64).reshape(len(ways), blocks - 1)
    walls = np.hstack([np.full((len(bars), 1), -1), bars, np.full((len(bars), 1), total)])
    return np.diff(walls, axis=1) - 1


def chances(counts: Counts, speech: Floats, shares: Floats) -> Floats:
    """P(counts) (v,) for prompts of equal length: a mixture of multinomials."""
    length = int(counts[0].sum())
    factorial = np.array([math.lgamma(k + 1) for k in range(length + 1)])
    ways = factorial[length] - factorial[counts].sum(axis=1)
    logs = counts @ np.log(np.maximum(speech, 1e-300)).T
    return np.exp(ways[:, None] + logs) @ shares
