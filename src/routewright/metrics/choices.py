"""What a router chooses: regret, collapse, steadiness, budgets and the time it takes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from routewright import policy
from routewright.metrics.shapes import Floats, choice, matrices, vectors


def regret(scores: ArrayLike, costs: ArrayLike, chosen: ArrayLike, worth_usd: float) -> float:
    """Mean utility of the best choice minus that of the choice made; 0 is perfect.

    Utility is score - cost / worth, and minus the cost where the worth is 0. With realised scores
    the best choice is the clairvoyant oracle's, and no router has regret 0; with the true expected
    scores and costs of a synthetic world it is the Bayes router's.

    Args:
        scores: scores (n, m).
        costs: costs (n, m) in US dollars.
        chosen: the column chosen for each prompt (n,).
        worth_usd: dollars that one whole unit of score is worth, 0 to infinity.

    Raises:
        ValueError: shapes differ, NaN, a column out of range, or a negative worth.
    """
    s, c = matrices(scores=scores, costs=costs)
    value = policy.utility(s, c, worth_usd)
    taken = value[np.arange(len(s)), choice(chosen, *s.shape)]
    return float((value.max(axis=1) - taken).mean())


def model_recall(scores: ArrayLike, chosen: ArrayLike, *, passing: float = 1.0) -> float:
    """Among prompts that exactly one model answers rightly: how often it was chosen.

    Args:
        scores: realised scores (n, m).
        chosen: the column chosen for each prompt (n,).
        passing: a score from here on is right.

    Returns:
        A share; NaN where no prompt has exactly one right model.

    Raises:
        ValueError: shapes differ, NaN, or a column out of range.
    """
    (s,) = matrices(scores=scores)
    right = s >= passing
    found = right[np.arange(len(s)), choice(chosen, *s.shape)]
    lone = right.sum(axis=1) == 1
    return float(found[lone].mean()) if lone.any() else math.nan


def model_shares(chosen: ArrayLike, models: int) -> Floats:
    """Share of the prompts (n,) that went to each of the models (m,).

    Raises:
        ValueError: no prompts, or a column out of range.
    """
    rows = np.asarray(chosen)
    if not rows.size:
        raise ValueError("shares need at least one choice")
    taken = choice(rows, len(rows), models)
    return np.bincount(taken, minlength=models) / len(taken)


def selection_entropy(shares: ArrayLike) -> float:
    """Entropy in bits of the shares of the models (m,): 0 is one model alone, log2 m an even mix.

    A router that learned nothing collapses to 0, or to log2 m if it guesses.

    Raises:
        ValueError: shares that are negative or don't sum to 1.
    """
    (p,) = vectors(shares=shares)
    if p.min() < 0 or not math.isclose(p.sum(), 1, abs_tol=1e-9):
        raise ValueError(f"shares must be 0 or more and sum to 1, not to {p.sum():.6g}")
    used = p[p > 0]
    return max(0.0, float(-(used * np.log2(used)).sum()))


def strong_share(chosen: ArrayLike, strong: int) -> float:
    """Share of prompts (n,) that went to the column ``strong``.

    Raises:
        ValueError: no prompts.
    """
    taken = np.asarray(chosen)
    if not taken.size:
        raise ValueError("a share needs at least one choice")
    return float((taken == strong).mean())


def flip_rate(chosen: ArrayLike, chosen_again: ArrayLike) -> float:
    """Share of decisions (n,) that a paraphrase, a blank or a typo changed.

    Raises:
        ValueError: no prompts, or two lengths.
    """
    before, after = np.asarray(chosen), np.asarray(chosen_again)
    if before.ndim != 1 or before.shape != after.shape or not before.size:
        raise ValueError(f"choices must pair up: shapes {before.shape} and {after.shape}")
    return float((before != after).mean())


@dataclass(frozen=True)
class BudgetViolation:
    """How far spending went past a target, as a part of it; 0 is within it.

    Attributes:
        overall: of all requests.
        worst_window: of the worst run of consecutive requests.
    """

    overall: float
    worst_window: float


def budget_violation(
    costs: ArrayLike, target_cost_usd: float, *, window: int = 1000
) -> BudgetViolation:
    """max(0, mean cost / target - 1), over all requests and over their worst window.

    Args:
        costs: what each request cost in US dollars (n,), in order of time.
        target_cost_usd: the mean cost allowed for a request, above 0.
        window: consecutive requests looked at together; of fewer requests, all are one window.

    Raises:
        ValueError: no requests, NaN, a target that isn't above 0, or a window below 1.
    """
    (spent,) = vectors(costs=costs)
    if not target_cost_usd > 0 or window < 1:
        raise ValueError(f"need a target above 0 and a window, not {target_cost_usd} and {window}")
    width = min(window, len(spent))
    total = np.concatenate([[0.0], np.cumsum(spent)])
    worst = float((total[width:] - total[:-width]).max()) / width
    return BudgetViolation(
        overall=max(0.0, float(spent.mean()) / target_cost_usd - 1),
        worst_window=max(0.0, worst / target_cost_usd - 1),
    )


@dataclass(frozen=True)
class Latencies:
    """The time decisions take, in seconds: median, 95th and 99th percentile."""

    p50_s: float
    p95_s: float
    p99_s: float


def latency_percentiles(seconds: ArrayLike) -> Latencies:
    """Percentiles of latencies (n,) that were really seen: no interpolation into a long tail.

    Raises:
        ValueError: none given, or NaN.
    """
    (taken,) = vectors(seconds=seconds)
    p50, p95, p99 = np.quantile(taken, [0.5, 0.95, 0.99], method="inverted_cdf").tolist()
    return Latencies(p50, p95, p99)
