"""Many curves at once: one per bootstrap replicate.

``Curves.hull`` gives in every row exactly what ``frontier.ndch`` gives: the monotone chain runs
over all replicates together, a point of each at a time. Every replicate sees all its points: none
is dropped because of how it looked in the full sample.

``Curves.path`` joins the points by cost and picks nothing. A hull is a maximum over noisy points,
so on few prompts even a router that guesses rises above the mix of two models it guesses between;
a comparison that must not be fooled uses paths.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Curves:
    """Piecewise linear curves of r replicates, flat beyond both ends.

    Attributes:
        costs: knots' costs (r, k), not falling; a shorter curve repeats its last knot.
        scores: knots' scores (r, k).
    """

    costs: Floats
    scores: Floats

    @classmethod
    def path(cls, costs: Floats, scores: Floats) -> Curves:
        """The points, costs (r, p) and scores (r, p), joined in order of cost."""
        order = np.argsort(costs, axis=1, kind="stable")
        along = np.take_along_axis
        return cls(along(costs, order, axis=1), along(scores, order, axis=1))

    @classmethod
    def hull(cls, costs: Floats, scores: Floats) -> Curves:
        """The non-decreasing convex hulls of the points, costs (r, p) and scores (r, p)."""
        order = np.lexsort((-scores, costs), axis=1)
        x = np.take_along_axis(costs, order, axis=1)
        y = np.take_along_axis(scores, order, axis=1)
        highest = np.maximum.accumulate(y, axis=1)
        rises = np.ones(y.shape, dtype=np.bool_)
        rises[:, 1:] = y[:, 1:] > highest[:, :-1]
        hx, hy, size = _chain(x, y, rises)
        wide = int(size.max())
        last = np.minimum(np.arange(wide), size[:, None] - 1)
        return cls(np.take_along_axis(hx, last, axis=1), np.take_along_axis(hy, last, axis=1))

    def values(self, cost_usd: float) -> Floats:
        """Each curve's score at one cost (r,)."""
        x, y = self.costs, self.scores
        at = np.clip((x <= cost_usd).sum(axis=1) - 1, 0, None)
        rows, after = np.arange(len(x)), np.minimum(at + 1, x.shape[1] - 1)
        x0, y0, dx = x[rows, at], y[rows, at], x[rows, after] - x[rows, at]
        share = np.where(dx > 0, np.clip(cost_usd - x0, 0, dx) / np.where(dx > 0, dx, 1), 0.0)
        return y0 + share * (y[rows, after] - y0)

    def areas(self, c_min: float, c_max: float) -> Floats:
        """The mean height of each curve from c_min to c_max (r,); at one cost its value there."""
        if c_max <= c_min:
            return self.values(c_min)
        x, y = self.costs, self.scores
        clipped = np.clip(x, c_min, c_max)
        total = (c_max - clipped[:, -1]) * y[:, -1] + (clipped[:, 0] - c_min) * y[:, 0]
        x0, x1, y0, y1 = x[:, :-1], x[:, 1:], y[:, :-1], y[:, 1:]
        widths, spans = clipped[:, 1:] - clipped[:, :-1], x1 - x0
        middle = (clipped[:, 1:] + clipped[:, :-1]) / 2
        share = (middle - x0) / np.where(spans > 0, spans, 1.0)
        total += np.where(widths > 0, widths * (y0 + share * (y1 - y0)), 0.0).sum(axis=1)
        return total / (c_max - c_min)

    def costs_at(self, scores: Floats) -> Floats:
        """The lowest cost at which each hull reaches its score of ``scores`` (r,), or infinity.

        For hulls only: a path may reach a score, lose it and reach it again.
        """
        x, y = self.costs, self.scores
        # A mean reached through other sums may differ from its twin in the last bits: which
        # vertices stand around a score allows for that, how far along the edge it lies does not.
        after = (y < (scores - 1e-12)[:, None]).sum(axis=1)
        never, rows = after == y.shape[1], np.arange(len(y))
        after = np.minimum(after, y.shape[1] - 1)
        before = np.maximum(after - 1, 0)
        rise = y[rows, after] - y[rows, before]
        share = np.where(rise > 0, (scores - y[rows, before]) / np.where(rise > 0, rise, 1), 1.0)
        cost = x[rows, before] + np.clip(share, 0, 1) * (x[rows, after] - x[rows, before])
        return np.where(never, np.inf, cost)


def _chain(
    x: Floats, y: Floats, rises: NDArray[np.bool_]
) -> tuple[Floats, Floats, NDArray[np.intp]]:
    """Andrew's monotone chain over all rows: stacks of vertices (r, p) and their sizes (r,)."""
    hx, hy = np.empty_like(x), np.empty_like(y)
    size = np.zeros(len(x), dtype=np.intp)
    for column in range(x.shape[1]):
        live = np.flatnonzero(rises[:, column])
        px, py = x[live, column], y[live, column]
        rows, qx, qy = live, px, py
        while len(rows):
            deep = size[rows] > 1
            rows, qx, qy = rows[deep], qx[deep], qy[deep]
            top = size[rows] - 1
            bx, by = hx[rows, top], hy[rows, top]
            below = (by - hy[rows, top - 1]) * (qx - bx) <= (qy - by) * (bx - hx[rows, top - 1])
            rows, qx, qy = rows[below], qx[below], qy[below]
            size[rows] -= 1
        hx[live, size[live]], hy[live, size[live]] = px, py
        size[live] += 1
    return hx, hy, size
