"""Predicted scores and costs → a choice. Pure functions of arrays.

The rule is utility: expected score minus expected cost divided by the willingness to pay
(dollars for one whole unit of score). Both limits are exact: a willingness to pay of infinity
looks at scores alone, of zero at costs alone. Ties go to the lower expected cost, then to the
lower column, so that a choice never depends on noise. ``satisfice``, ``quality_rank`` and
``win_rate_rank`` are the other rules on offer; a ceiling on the cost comes before any of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


def utility(scores: Floats, costs: Floats, worth_usd: float) -> Floats:
    """Utility (n, m) = score - cost / worth; at worth 0 it is minus the cost.

    Args:
        scores: expected scores (n, m).
        costs: expected costs (n, m) in US dollars.
        worth_usd: dollars that one whole unit of score is worth, from 0 to infinity.

    Raises:
        ValueError: ``worth_usd`` is negative or not a number.
    """
    if math.isnan(worth_usd) or worth_usd < 0:
        raise ValueError(f"worth_usd must be 0 or more, not {worth_usd}")
    if worth_usd == 0:
        return -costs
    return scores if math.isinf(worth_usd) else scores - costs / worth_usd


def rank(
    scores: Floats, costs: Floats, worth_usd: float, allowed: NDArray[np.bool_] | None = None
) -> Ints:
    """Columns of each row from best to worst (n, m) by utility, then cost, then column.

    Models that are not ``allowed`` come last; the caller cuts them off.
    """
    value = utility(scores, costs, worth_usd)
    if allowed is not None:
        value = np.where(allowed, value, -np.inf)
    return np.lexsort((costs, -value), axis=1)  # stable: what ties keeps the order of columns


def rank_one(scores: Sequence[float], costs: Sequence[float], worth_usd: float) -> list[int]:
    """``rank`` of a single prompt in plain numbers: for a few models numpy takes longer to call."""
    if math.isnan(worth_usd) or worth_usd < 0:
        raise ValueError(f"worth_usd must be 0 or more, not {worth_usd}")
    if worth_usd == 0:
        keys = [(cost, cost) for cost in costs]
    elif math.isinf(worth_usd):
        keys = [(-score, cost) for score, cost in zip(scores, costs, strict=True)]
    else:
        both = zip(scores, costs, strict=True)
        keys = [(cost / worth_usd - score, cost) for score, cost in both]
    return sorted(range(len(keys)), key=keys.__getitem__)


def choose(
    scores: Floats, costs: Floats, worth_usd: float, allowed: NDArray[np.bool_] | None = None
) -> Ints:
    """The best column of each row (n,): the first that ``rank`` gives."""
    value = utility(scores, costs, worth_usd)
    if allowed is not None:
        value = np.where(allowed, value, -np.inf)
    best = value.argmax(axis=1)
    top = value[np.arange(len(value)), best]
    # Ties are rare, and only they need the whole order; NaN equals nothing and goes the same way.
    tied = (value == top[:, None]).sum(axis=1) != 1
    if tied.any():
        few = None if allowed is None else np.broadcast_to(allowed, value.shape)[tied]
        best[tied] = rank(scores[tied], costs[tied], worth_usd, few)[:, 0]
    return best


def satisfice_rank(
    scores: Floats, costs: Floats, thresholds: Floats, allowed: NDArray[np.bool_] | None = None
) -> Ints:
    """Columns of each row from best to worst (n, m) for whom enough is enough.

    First the models whose expected score reaches their threshold, by cost; then the others, by
    score. NVIDIA's LLM router (blueprint v2) chooses so; ties of cost go to the higher score, ties
    of score to the lower cost, then the lower column.

    Args:
        scores: calibrated expected scores (n, m).
        costs: expected costs (n, m) in US dollars.
        thresholds: the score that is enough (m,), or (n, m).
        allowed: (n, m); models that are not come last, and the caller cuts them off.
    """
    enough = scores >= thresholds
    last = np.zeros(scores.shape, dtype=np.bool_) if allowed is None else ~allowed
    first, second = np.where(enough, costs, -scores), np.where(enough, -scores, costs)
    last = np.broadcast_to(last, scores.shape)
    return np.lexsort((second, first, ~enough, last), axis=1)


def satisfice(
    scores: Floats, costs: Floats, thresholds: Floats, allowed: NDArray[np.bool_] | None = None
) -> Ints:
    """The cheapest model whose score reaches its threshold, else the best score (n,)."""
    return satisfice_rank(scores, costs, thresholds, allowed)[:, 0]


def quality_rank(
    scores: Floats, costs: Floats, quality: float, allowed: NDArray[np.bool_] | None = None
) -> Ints:
    """Columns from best to worst (n, m): at least this share of the best score, at least cost.

    The best is the highest expected score among the ``allowed``. At 1 that model is first, at 0
    the cheapest.
    """
    open_ = scores if allowed is None else np.where(allowed, scores, -np.inf)
    best = open_.max(axis=1, keepdims=True)
    best = np.where(np.isfinite(best), best, 0.0)  # nobody is allowed: the order means nothing
    return satisfice_rank(scores, costs, quality * best, allowed)


def win_rate(strong: Floats, weak: Floats) -> Floats:
    """The chance that the strong model's answer wins, half of it where both are as good (n,).

    For answers that are right or wrong this is exact: P(win) + P(tie) / 2 = (1 + s - w) / 2.
    """
    return (1.0 + strong - weak) / 2.0


def win_rate_rank(scores: Floats, strong: int, least: float) -> Ints:
    """Both columns (n, 2): the ``strong`` first where its win rate is at least ``least``.

    RouteLLM's rule for two models (arXiv 2406.18665).

    Raises:
        ValueError: there are not two models.
    """
    if scores.shape[1] != 2:
        raise ValueError(f"a win rate is between 2 models, not {scores.shape[1]}")
    wins = win_rate(scores[:, strong], scores[:, 1 - strong]) >= least
    first = np.where(wins, strong, 1 - strong).astype(np.intp)
    return np.stack([first, 1 - first], axis=1)


def affordable(costs: Floats, max_usd: float | None) -> NDArray[np.bool_]:
    """Whose expected cost is within the ceiling (n, m); None is no ceiling."""
    if max_usd is None:
        return np.ones(costs.shape, dtype=np.bool_)
    return costs <= max_usd


def worth_grid(scores: Floats, costs: Floats, size: int = 200) -> Floats:
    """Settings of the knob at which choices change, from infinity (quality) to 0 (thrift).

    For each prompt the upper envelope of its models in the (cost, score) plane has edges; the
    policy changes exactly at their slopes (science of utility routing; RouterBench sweeps a
    fixed list instead, arXiv 2403.12031). At most ``size`` quantiles of all slopes are kept.
    It reads predictions only, never an outcome.
    """
    edges = _envelope_slopes(scores, costs)
    if edges.size == 0:
        return np.array([np.inf, 0.0])
    inner = np.unique(np.quantile(edges, np.linspace(0, 1, size), method="nearest"))
    # Between two neighbouring slopes the choice is constant: settle half-way, off the tie.
    between = np.sqrt(inner[1:]) * np.sqrt(inner[:-1])
    worth = 1.0 / np.concatenate([inner[:1] / 2, between, inner[-1:] * 2])
    return np.concatenate([[np.inf], worth, [0.0]])


def _envelope_slopes(scores: Floats, costs: Floats) -> Floats:
    """Slopes of score per dollar along every row's upper envelope, all rows together."""
    order = np.lexsort((-scores, costs), axis=1)
    x = np.take_along_axis(costs, order, axis=1)
    y = np.take_along_axis(scores, order, axis=1)
    n, m = x.shape
    at = np.zeros(n, dtype=np.intp)  # the vertex each row stands on, walking right
    rows: Ints = np.arange(n, dtype=np.intp)
    slopes: list[Floats] = []
    for _ in range(m - 1):
        dx = x - x[rows, at][:, None]
        dy = y - y[rows, at][:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = np.where((dy > 0) & (dx > 0), dy / dx, -np.inf)
        best = slope.max(axis=1)
        if not np.any(best > 0):
            break
        slopes.append(best[best > 0])
        # The farthest of equally steep points, so that every edge is taken once.
        steep = slope >= best[:, None] * (1 - 1e-12)
        steepest = np.where(steep, np.arange(m, dtype=np.intp), -1).max(axis=1)
        at = np.where(best > 0, steepest, at)
    return np.concatenate(slopes) if slopes else np.empty(0)
