"""What a strong and a weak model have to give each other, and what a share of calls saves.

Where the strong model is no better than the weak one there is no gap: ceilings are then NaN.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from routewright.metrics.shapes import share, vectors
from routewright.metrics.two_models import TOLERANCE, apgr, pgr_curve


@dataclass(frozen=True)
class PairStatistics:
    """What two models have to give each other.

    Attributes:
        strong: mean score of the strong model.
        weak: mean score of the weak model.
        gap: strong - weak; where it isn't above 0, PGR, APGR and CPT are NaN.
        oracle: mean of the better score of each prompt.
        both: share of prompts that both pass.
        strong_only: share that only the strong model passes, a.
        weak_only: share that only the weak model passes, b.
        neither: share that neither passes.
    """

    strong: float
    weak: float
    gap: float
    oracle: float
    both: float
    strong_only: float
    weak_only: float
    neither: float


@dataclass(frozen=True)
class Ceiling:
    """The PGR curve of a router that knows both outcomes: no router on these prompts passes it.

    Attributes:
        apgr: its area.
        peak_pgr: its highest PGR, above 1 where the weak model has something to add.
        peak_share: the smallest share of strong calls that reaches it.
    """

    apgr: float
    peak_pgr: float
    peak_share: float


def pair_statistics(strong: ArrayLike, weak: ArrayLike, *, passing: float = 0.5) -> PairStatistics:
    """Means, oracle and agreement of two models.

    Args:
        strong: scores of the strong model (n,).
        weak: scores of the weak model (n,).
        passing: a score from here on passes; of binary scores, 1 passes.

    Raises:
        ValueError: lengths differ, no prompts, or NaN.
    """
    s, w = vectors(strong=strong, weak=weak)
    up, low = s >= passing, w >= passing
    return PairStatistics(
        strong=float(s.mean()),
        weak=float(w.mean()),
        gap=float((s - w).mean()),
        oracle=float(np.maximum(s, w).mean()),
        both=float((up & low).mean()),
        strong_only=float((up & ~low).mean()),
        weak_only=float((~up & low).mean()),
        neither=float((~up & ~low).mean()),
    )


def apgr_ceiling(strong: ArrayLike, weak: ArrayLike) -> Ceiling:
    """The best any router could reach here: prompts go strong in order of their true advantage.

    For binary scores it equals ``binary_ceiling`` of the two shares. NaN where the strong model is
    no better. It sees outcomes, so luck counts as skill.

    Raises:
        ValueError: lengths differ, no prompts, or NaN.
    """
    s, w = vectors(strong=strong, weak=weak)
    curve = pgr_curve(s, w, s - w)
    top = int(np.argmax(curve[:, 1] >= curve[:, 1].max() - TOLERANCE))
    if np.isnan(curve[-1, 1]):
        return Ceiling(math.nan, math.nan, math.nan)
    return Ceiling(apgr(s, w, s - w), float(curve[top, 1]), float(curve[top, 0]))


def binary_ceiling(strong_only: float, weak_only: float) -> Ceiling:
    """The ceiling of binary scores in closed form, (a - (a² + b²) / 2) / (a - b), peak a / (a - b).

    Args:
        strong_only: share of prompts that only the strong model answers rightly, a.
        weak_only: share that only the weak model answers rightly, b; NaN unless a > b.

    Raises:
        ValueError: a share out of [0, 1], or both together above 1.
    """
    a, b = share("strong_only", strong_only), share("weak_only", weak_only)
    if a + b > 1 + TOLERANCE:
        raise ValueError(f"strong_only and weak_only are shares of the same prompts: {a} + {b} > 1")
    if a - b <= TOLERANCE:
        return Ceiling(math.nan, math.nan, math.nan)
    return Ceiling((a - (a * a + b * b) / 2) / (a - b), a / (a - b), a)


def cost_saving_ratio(cpt_random: float, cpt_router: float) -> float:
    """How many times fewer strong calls than a random router: CPT_random / CPT_router.

    RouteLLM's table 6 calls it the cost saving ratio. It counts calls; for dollars see
    ``dollar_saving``.

    Raises:
        ValueError: a CPT that isn't above 0.
    """
    if cpt_random <= 0 or cpt_router <= 0:
        raise ValueError(f"CPTs must be above 0, not {cpt_random} and {cpt_router}")
    return cpt_random / cpt_router


def dollar_saving(strong_share: float, strong_cost_usd: float, weak_cost_usd: float) -> float:
    """What routing saves against always strong: 1 - (c·k_S + (1 - c)·k_W) / k_S.

    Args:
        strong_share: share c of calls that go to the strong model.
        strong_cost_usd: mean cost of its call, k_S.
        weak_cost_usd: mean cost of the weak model's call, k_W.

    Raises:
        ValueError: a share out of range, or a strong model that is free.
    """
    c = share("strong_share", strong_share)
    if not strong_cost_usd > 0:
        raise ValueError(f"strong_cost_usd must be above 0, not {strong_cost_usd}")
    return 1 - (c * strong_cost_usd + (1 - c) * weak_cost_usd) / strong_cost_usd
