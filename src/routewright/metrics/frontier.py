"""Cost-quality geometry: hulls, their value at a cost, and the area under them.

A point is (mean cost, mean score) of one policy on the same prompts. Mixing two policies at
random reaches every point between them, and nobody has to spend more, so what a set of points
attains is its non-decreasing convex hull (Hu et al., RouterBench, arXiv 2403.12031, section 4).
Hulls are arrays (k, 2) of vertices, cost in column 0 and score in column 1, both rising.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Left = Literal["cheapest", "null", "error"]
Convention = Literal["paper", "routerbench_code"]

# Costs are sums of the same prices in different orders: equal ones may differ in the last bits.
REL_TOL = 1e-12


class Aiq(float):
    """An average improvement in quality: a float that knows whether it is an average.

    ``degenerate`` is true where the range of costs is a single point; the number is then the
    hull's value at that cost, because the average over an empty range is undefined.
    """

    degenerate: bool = False


def ndch(points: ArrayLike) -> Floats:
    """The non-decreasing convex hull of points: its vertices (k, 2), cost and score rising.

    It is the function max { sum w_i q_i : w >= 0, sum w_i = 1, sum w_i c_i <= c } of the cost c:
    straight between vertices and flat after the last one. Slopes strictly fall.

    Args:
        points: (p, 2), cost in US dollars and score. Rows holding NaN are dropped.

    Raises:
        ValueError: no row without NaN, a cost that is negative or infinite, or another shape.
    """
    rows = np.asarray(points, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != 2:
        raise ValueError(f"points must have shape (p, 2), not {rows.shape}")
    rows = rows[~np.isnan(rows).any(axis=1)]
    if not len(rows):
        raise ValueError("a hull needs at least one point without NaN")
    if not np.isfinite(rows).all() or rows[:, 0].min() < 0:
        raise ValueError("a hull needs finite scores and finite costs of 0 or more")
    hull: list[tuple[float, float]] = []
    best = -np.inf
    for cost, score in rows[np.lexsort((-rows[:, 1], rows[:, 0]))].tolist():
        if score <= best:
            continue
        best = score
        while len(hull) > 1 and _is_below(hull[-2], hull[-1], (cost, score)):
            hull.pop()
        hull.append((cost, score))
    return np.array(hull)


def _is_below(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    """Whether b lies on or under the line from a to c: slope(a, b) <= slope(b, c)."""
    return (b[1] - a[1]) * (c[0] - b[0]) <= (c[1] - b[1]) * (b[0] - a[0])


def hull_value(hull: Floats, cost_usd: ArrayLike) -> Floats:
    """The hull's score at each cost, of the shape of ``cost_usd``; NaN left of its start."""
    return np.interp(np.asarray(cost_usd, dtype=np.float64), hull[:, 0], hull[:, 1], left=np.nan)


def hull_cost(hull: Floats, score: float) -> float:
    """The lowest cost at which the hull reaches a score; infinity where it never does."""
    if score <= hull[0, 1]:
        return float(hull[0, 0])
    if score > hull[-1, 1]:
        return np.inf
    return float(np.interp(score, hull[:, 1], hull[:, 0]))


def quality_neutral_cost(
    points: ArrayLike, best_single: float, best_single_cost_usd: float
) -> float:
    """QNC: the least cost at which the points' hull is as good as the best single model.

    As a part of that model's cost: 0.4 saves 60 % at no loss, above 1 routing doesn't pay.

    Args:
        points: (p, 2), cost in US dollars and score.
        best_single: mean score of the best single model.
        best_single_cost_usd: its mean cost, above 0.

    Returns:
        A part; infinity where the hull never gets there.

    Raises:
        ValueError: a best single model that is free, or points without a hull.
    """
    if not best_single_cost_usd > 0:
        raise ValueError(f"best_single_cost_usd must be above 0, not {best_single_cost_usd}")
    return hull_cost(ndch(points), best_single) / best_single_cost_usd


def aiq(
    points: ArrayLike,
    c_min: float,
    c_max: float,
    *,
    left: Left = "cheapest",
    convention: Convention = "paper",
    cheapest_score: float | None = None,
) -> Aiq:
    """Average improvement in quality: the mean height of the points' hull from c_min to c_max.

    The hull is integrated exactly. The bounds must be shared by all routers compared; by custom
    the mean costs of the cheapest and the dearest single model on the same prompts. A hull that
    ends before c_max goes on flat, one that passes it is cut.

    Args:
        points: (p, 2), cost and score.
        c_min: lower bound of cost in US dollars.
        c_max: upper bound. Where it equals c_min the hull's value there is returned, and
            ``.degenerate`` of the result is true.
        left: what a hull does that starts right of c_min, where it has no value. ``cheapest``
            adds the cheapest single model, (c_min, ``cheapest_score``), which anybody may use
            instead; ``null`` adds an empty answer, (0, 0); ``error`` refuses.
        convention: ``paper`` divides by c_max - c_min. ``routerbench_code`` reproduces what
            RouterBench's program prints: the area from the hull's own start, divided by c_max.
        cheapest_score: mean score of the cheapest single model, for ``left="cheapest"``.
            Without it, the points themselves must hold a point at c_min or cheaper.

    Raises:
        ValueError: bounds out of order, or a hull without a value at c_min.
    """
    if not 0 <= c_min <= c_max < np.inf:
        raise ValueError(f"bounds of cost must be 0 <= c_min <= c_max, not {c_min} and {c_max}")
    rows = np.asarray(points, dtype=np.float64)
    if convention == "routerbench_code":
        hull = ndch(rows)
        start = min(float(hull[0, 0]), c_max)
        return Aiq(_area(hull, start, c_max) / c_max) if c_max > 0 else _height(hull, c_max)
    if left == "null":
        rows = np.vstack([rows, [0.0, 0.0]])
    elif left == "cheapest" and cheapest_score is not None:
        rows = np.vstack([rows, [c_min, cheapest_score]])
    hull = ndch(rows)
    if hull[0, 0] > c_min * (1 + REL_TOL):
        raise ValueError(
            f"the hull starts at cost {hull[0, 0]:.6g}, right of c_min {c_min:.6g}: give "
            "cheapest_score, or left='null'"
        )
    if c_max <= c_min * (1 + REL_TOL):
        return _height(hull, c_min)
    return Aiq(_area(hull, c_min, c_max) / (c_max - c_min))


def zero_router(scores: ArrayLike, costs: ArrayLike) -> Floats:
    """The zero router's hull (k, 2): every mix of single models, blind to the prompt.

    Args:
        scores: realised scores (n, m); rows without a complete set of cells are left out.
        costs: realised costs (n, m) in US dollars.

    Raises:
        ValueError: no row is complete.
    """
    s, c = np.asarray(scores, dtype=np.float64), np.asarray(costs, dtype=np.float64)
    whole = np.isfinite(s).all(axis=1) & np.isfinite(c).all(axis=1)
    if not whole.any():
        raise ValueError("no prompt has a score and a cost of every model")
    return ndch(np.column_stack([c[whole].mean(axis=0), s[whole].mean(axis=0)]))


def hull_members(points: ArrayLike) -> tuple[int, ...]:
    """Which rows of ``points`` (p, 2) are vertices of their hull, cheapest first."""
    rows = np.asarray(points, dtype=np.float64)
    return tuple(int(np.flatnonzero((rows == vertex).all(axis=1))[0]) for vertex in ndch(rows))


def _height(hull: Floats, cost_usd: float) -> Aiq:
    value = Aiq(hull_value(hull, max(cost_usd, float(hull[0, 0]))))
    value.degenerate = True
    return value


def _area(hull: Floats, low: float, high: float) -> float:
    """The integral of a hull from low to high: exact, for the knots hold every bend."""
    bends = hull[(hull[:, 0] > low) & (hull[:, 0] < high), 0]
    knots = np.concatenate([[low], bends, [high]])
    heights = hull_value(hull, np.maximum(knots, hull[0, 0]))
    return float(((heights[1:] + heights[:-1]) / 2 * np.diff(knots)).sum())
