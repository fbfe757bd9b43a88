"""Routing between a strong and a weak model: how much of their gap how few strong calls recover.

The router scores every prompt; the higher the score, the sooner the prompt goes to the strong
model. The curve of performance gap recovered (PGR) over the share of strong calls starts at (0, 0)
and ends at (1, 1); its area is APGR, the share at which it first reaches p is CPT(p) (Ong et al.,
RouteLLM, arXiv 2406.18665, section 3). Here both are exact. RouteLLM's own program reads the curve
at deciles of the score and inverts it as if it always rose, so its figures differ by up to 0.01.

Where the strong model is no better than the weak one there is no gap to recover. PGR, APGR and
CPT are then NaN, never clipped: ask with ``np.isnan``, or read ``pair_statistics(...).gap``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from routewright.metrics.shapes import Floats, share, vectors

# Sums of the same gains in another order may differ in the last bits: a gap of that size is none,
# and a level missed by that much is reached.
TOLERANCE = 1e-12
CHUNK = 64  # replicates at a time: their cumulated sums stay in the processor's cache


def pgr_curve(strong: ArrayLike, weak: ArrayLike, router_score: ArrayLike) -> Floats:
    """Breakpoints of the PGR curve (k + 1, 2): share of strong calls, PGR; straight in between.

    k is the number of different router scores. Prompts of equal score go strong in random order,
    so a tied block is one straight segment, in expectation. PGR may be negative or above 1; all of
    it is NaN where the strong model is no better.

    Args:
        strong: scores of the strong model (n,).
        weak: scores of the weak model (n,).
        router_score: the higher, the sooner strong (n,); infinite ones are welcome.

    Raises:
        ValueError: lengths differ, no prompts, or NaN.
    """
    pair = _Pair.of(strong, weak, router_score)
    shares, recovered = next(pair.curves(np.ones((1, pair.size))))
    start = np.nan if np.isnan(recovered[0, -1]) else 0.0
    return np.vstack([[0.0, start], np.column_stack([shares[0], recovered[0]])])


def apgr(strong: ArrayLike, weak: ArrayLike, router_score: ArrayLike) -> float:
    """Average performance gap recovered: the area under the PGR curve, by trapezoids.

    A constant score gives exactly 1/2, a random one 1/2 in expectation. NaN where the strong model
    is no better than the weak one. Arguments and errors as of ``pgr_curve``.
    """
    pair = _Pair.of(strong, weak, router_score)
    return float(_areas(pair, np.ones((1, pair.size)))[0])


def cpt(
    strong: ArrayLike,
    weak: ArrayLike,
    router_score: ArrayLike,
    p: float,
    *,
    step: bool = False,
) -> float:
    """Call-performance threshold: the smallest share of strong calls that recovers p of the gap.

    The first crossing, for a PGR curve may fall again. It counts calls, not dollars.

    Args:
        strong: scores of the strong model (n,).
        weak: scores of the weak model (n,).
        router_score: the higher, the sooner strong (n,).
        p: the part of the gap to recover, above 0 and at most 1: RouteLLM's CPT(50%) is p=0.5.
        step: the breakpoint at or after the crossing, instead of the crossing itself.

    Returns:
        A share in (0, 1], which always exists, because strong calls alone recover the whole gap;
        NaN where the strong model is no better.

    Raises:
        ValueError: lengths differ, no prompts, NaN, or p out of range.
    """
    pair = _Pair.of(strong, weak, router_score)
    return float(_crossings(pair, np.ones((1, pair.size)), p, step)[0])


def apgr_replicates(
    strong: ArrayLike, weak: ArrayLike, router_score: ArrayLike, weights: ArrayLike
) -> Floats:
    """``apgr`` of resampled prompts (b,): what it is with prompt i taken weights[b, i] times.

    NaN for replicates whose strong model is no better; above 1 % of such, the prompts can't support
    a claim (``undefined_share``).

    Args:
        strong: scores of the strong model (n,).
        weak: scores of the weak model (n,).
        router_score: the higher, the sooner strong (n,).
        weights: how often each prompt is drawn (b, n), 0 or more, as ``Draws.weights`` yields.

    Raises:
        ValueError: lengths differ, no prompts, NaN, or a negative weight.
    """
    pair = _Pair.of(strong, weak, router_score)
    return _areas(pair, pair.checked(weights))


def cpt_replicates(
    strong: ArrayLike,
    weak: ArrayLike,
    router_score: ArrayLike,
    weights: ArrayLike,
    p: float,
    *,
    step: bool = False,
) -> Floats:
    """``cpt`` of resampled prompts (b,); arguments as of ``apgr_replicates`` and ``cpt``."""
    pair = _Pair.of(strong, weak, router_score)
    return _crossings(pair, pair.checked(weights), p, step)


def undefined_share(draws: ArrayLike) -> float:
    """Share of replicates (b,) that are NaN: samples in which the strong model was no better."""
    return float(np.isnan(np.asarray(draws, dtype=np.float64)).mean())


def threshold_for_share(router_score: ArrayLike, strong_share: float) -> float:
    """The threshold that sends a share of these prompts strong, where strong is score >= threshold.

    It is the empirical (1 - share) quantile, between two scores by linear interpolation, as
    RouteLLM calibrates; infinity for a share of 0. A tied block goes strong as a whole, so with
    ties the share is reached or passed. A threshold holds for this router and this traffic only.

    Args:
        router_score: scores of calibration prompts (n,).
        strong_share: the share wanted, 0 to 1.

    Raises:
        ValueError: no prompts, NaN, or a share out of range.
    """
    (scores,) = vectors(router_score=router_score)
    if share("strong_share", strong_share) == 0:
        return math.inf
    return float(np.quantile(scores, 1 - strong_share))


@dataclass(frozen=True, eq=False)
class _Pair:
    """Prompts in the order in which they go strong; ``starts`` is None where no two tie."""

    order: NDArray[np.intp]
    gains: Floats
    starts: NDArray[np.intp] | None

    @classmethod
    def of(cls, strong: ArrayLike, weak: ArrayLike, router_score: ArrayLike) -> _Pair:
        s, w, score = vectors(strong=strong, weak=weak, router_score=router_score)
        order = np.argsort(-score, kind="stable")
        ranked = score[order]
        starts = np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1]))
        return cls(order, (s - w)[order], starts if len(starts) < len(score) else None)

    @property
    def size(self) -> int:
        return len(self.order)

    def checked(self, weights: ArrayLike) -> Floats:
        drawn = np.asarray(weights, dtype=np.float64)
        if drawn.ndim != 2 or drawn.shape[1] != self.size:
            raise ValueError(f"weights must have shape (b, {self.size}), not {drawn.shape}")
        if not drawn.size or not drawn.min() >= 0:
            raise ValueError("weights must be 0 or more")
        return drawn

    def blocks(self, weights: Floats) -> Iterator[tuple[Floats, Floats]]:
        """Draws and gains of each tied block (c, k), some replicates at a time."""
        for at in range(0, len(weights), CHUNK):
            drawn = weights[at : at + CHUNK].take(self.order, axis=1)
            gains = drawn * self.gains
            if self.starts is not None:
                drawn = np.add.reduceat(drawn, self.starts, axis=1)
                gains = np.add.reduceat(gains, self.starts, axis=1)
            yield drawn, gains

    def curves(self, weights: Floats) -> Iterator[tuple[Floats, Floats]]:
        """Shares of strong calls and PGR after each block (c, k), NaN where undefined."""
        for drawn, gains in self.blocks(weights):
            calls, total = np.cumsum(drawn, axis=1), np.cumsum(gains, axis=1)
            size, gap = calls[:, -1:], total[:, -1:]
            known = gap > TOLERANCE * size
            yield calls / np.where(size > 0, size, np.nan), total / np.where(known, gap, np.nan)


def _areas(pair: _Pair, weights: Floats) -> Floats:
    areas: list[Floats] = []
    for drawn, gains in pair.blocks(weights):
        total = np.cumsum(gains, axis=1)
        heights = np.einsum("ck,ck->c", drawn, total) - np.einsum("ck,ck->c", drawn, gains) / 2
        calls, gap = drawn.sum(axis=1), total[:, -1]
        known = gap > TOLERANCE * calls
        areas.append(heights / np.where(known, gap * calls, np.nan))
    return np.concatenate(areas)


def _crossings(pair: _Pair, weights: Floats, p: float, step: bool) -> Floats:
    if not 0 < p <= 1:
        raise ValueError(f"p must be above 0 and at most 1 (50 % is 0.5), not {p}")
    crossings: list[Floats] = []
    for shares, recovered in pair.curves(weights):
        rows = np.arange(len(shares))
        after = (recovered >= p * (1 - TOLERANCE)).argmax(axis=1)
        x1, y1 = shares[rows, after], recovered[rows, after]
        if not step:
            before = np.maximum(after - 1, 0)
            x0 = np.where(after > 0, shares[rows, before], 0.0)
            y0 = np.where(after > 0, recovered[rows, before], 0.0)
            x1 = x0 + np.clip((p - y0) / (y1 - y0), 0, 1) * (x1 - x0)
        crossings.append(np.where(np.isnan(y1), np.nan, x1))
    return np.concatenate(crossings)
