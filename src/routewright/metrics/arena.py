"""RouterArena's columns (Lu et al., arXiv 2510.00202, and its leaderboard's definitions).

All but the arena score and robustness depend on the router's own pool of models: routers of
different pools are not compared on their skill at routing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from routewright.metrics.shapes import Floats, choice, matrices, share

Asked = Literal["answerable", "router_right"]


def arena_score(
    accuracy: float,
    usd_per_1k: float,
    *,
    beta: float = 0.1,
    c_min: float = 0.0044,
    c_max: float = 200.0,
) -> float:
    """Weighted harmonic mean of accuracy A and cheapness C, (1 + beta) A C / (beta A + C).

    C = (log2 c_max - log2 c) / (log2 c_max - log2 c_min), clipped to [0, 1]; with beta = 0.1 the
    weight on accuracy is 0.909.

    Args:
        accuracy: A, from 0 to 1.
        usd_per_1k: mean cost c of 1,000 prompts in US dollars, 0 or more.
        beta: weight of cost against accuracy.
        c_min: cost of 1,000 prompts that counts as cheapest, C = 1.
        c_max: cost of 1,000 prompts that counts as dearest, C = 0.

    Returns:
        A number from 0 to 1; 0 where A or C is 0.

    Raises:
        ValueError: accuracy out of [0, 1], a negative cost, or bounds out of order.
    """
    right = share("accuracy", accuracy)
    if not 0 < c_min < c_max < math.inf or not beta > 0:
        raise ValueError(f"need 0 < c_min < c_max and beta > 0, not {c_min}, {c_max} and {beta}")
    if not usd_per_1k >= 0:
        raise ValueError(f"usd_per_1k must be 0 or more, not {usd_per_1k}")
    cost = min(max(usd_per_1k, c_min), c_max)
    cheap = math.log2(c_max / cost) / math.log2(c_max / c_min)
    return (1 + beta) * right * cheap / (beta * right + cheap) if right * cheap > 0 else 0.0


def optimal_selection(
    scores: ArrayLike,
    costs: ArrayLike,
    chosen: ArrayLike,
    *,
    passing: float = 1.0,
    asked: Asked = "answerable",
) -> float:
    """Among prompts that some model answers rightly: how often the cheapest right one was chosen.

    Models of equal cost are equally right choices.

    Args:
        scores: realised scores (n, m).
        costs: realised costs (n, m) in US dollars.
        chosen: the router's column for each prompt (n,).
        passing: a score from here on is right.
        asked: which prompts count. ``answerable`` is the definition in print. ``router_right``
            counts prompts only where the router's own answer was right too, as RouterArena's
            program does, which forgives choosing too weak a model.

    Returns:
        A share; NaN where no prompt counts.

    Raises:
        ValueError: shapes differ, NaN, or a column out of range.
    """
    of = _rivals(scores, costs, chosen, passing, asked)
    return float((of.right & (of.paid <= of.best)).mean()) if of.paid.size else math.nan


def optimal_cost(
    scores: ArrayLike,
    costs: ArrayLike,
    chosen: ArrayLike,
    *,
    passing: float = 1.0,
    asked: Asked = "answerable",
) -> float:
    """Cost of the cheapest right model over the cost paid.

    For ``asked="answerable"`` the mean of the prompts' ratios, as in print: a wrong choice that was
    cheaper than the cheapest right model counts above 1. For ``"router_right"`` the ratio of
    totals, as RouterArena's program adds them up, which is at most 1. Arguments, NaN and errors as
    of ``optimal_selection``; a choice that cost nothing counts 1.
    """
    of = _rivals(scores, costs, chosen, passing, asked)
    if not of.paid.size:
        return math.nan
    if asked == "router_right":
        return float(of.best.sum() / of.paid.sum()) if of.paid.sum() > 0 else 1.0
    return float(np.where(of.paid > 0, of.best / np.where(of.paid > 0, of.paid, 1), 1.0).mean())


def optimal_accuracy(scores: ArrayLike, chosen: ArrayLike) -> float:
    """Mean score of the choices over the mean best score, over all prompts: A / a_max.

    Args:
        scores: realised scores (n, m).
        chosen: the router's column for each prompt (n,).

    Returns:
        A share; NaN where every score is 0.

    Raises:
        ValueError: shapes differ, NaN, or a column out of range.
    """
    (s,) = matrices(scores=scores)
    taken = choice(chosen, *s.shape)
    best = float(s.max(axis=1).mean())
    return float(s[np.arange(len(s)), taken].mean()) / best if best > 0 else math.nan


def robustness(chosen: ArrayLike, chosen_perturbed: ArrayLike) -> float:
    """Share of perturbed prompts (n,) for which the same column was chosen; 1 - flip rate.

    Raises:
        ValueError: no prompts, or two lengths.
    """
    before, after = np.asarray(chosen), np.asarray(chosen_perturbed)
    if before.ndim != 1 or before.shape != after.shape or not before.size:
        raise ValueError(f"choices must pair up: shapes {before.shape} and {after.shape}")
    return float((before == after).mean())


def latency_score(mean_latency_s: float) -> float:
    """1 / (L - 10), L the mean time of a decision in milliseconds, with L taken as 11 at least.

    The leaderboard's formula has a pole at 10 ms and is negative below; clamping it to [0, 1] is
    our reading of the range it states. Report latencies in seconds beside it.

    Raises:
        ValueError: a negative time.
    """
    if not mean_latency_s >= 0:
        raise ValueError(f"mean_latency_s must be 0 or more, not {mean_latency_s}")
    return 1 / max(mean_latency_s * 1000 - 10, 1.0)


@dataclass(frozen=True, eq=False)
class _Rivals:
    """Of the prompts that count: what the cheapest right model and the choice cost (k,).

    ``right`` says whether the choice was.
    """

    best: Floats
    paid: Floats
    right: NDArray[np.bool_]


def _rivals(
    scores: ArrayLike, costs: ArrayLike, chosen: ArrayLike, passing: float, asked: Asked
) -> _Rivals:
    s, c = matrices(scores=scores, costs=costs)
    rows, taken = np.arange(len(s)), choice(chosen, *s.shape)
    best = np.where(s >= passing, c, np.inf).min(axis=1)
    right = s[rows, taken] >= passing
    counts = right if asked == "router_right" else np.isfinite(best)
    return _Rivals(best[counts], c[rows, taken][counts], right[counts])
