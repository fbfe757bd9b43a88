"""The bounds that no router passes: the best choice of every prompt, known from its outcome."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routewright import policy
from routewright.metrics.sweep import Sweep, sweep

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class OracleChoice:
    """What the score-first oracle does.

    Attributes:
        chosen: the column chosen for each prompt (n,).
        mean_score: its mean score.
        mean_cost_usd: its mean cost; a prompt that no model solves is charged the cheapest.
        mean_cost0_usd: the same with such prompts free of charge, as RouterBench's program has it.
    """

    chosen: NDArray[np.intp]
    mean_score: float
    mean_cost_usd: float
    mean_cost0_usd: float


def oracle(scores: Floats, costs: Floats) -> OracleChoice:
    """The score-first oracle: per prompt the best realised score, cheapest among ties.

    Where every score is 0 the models tie, so the cheapest answers and is paid: somebody must.

    Args:
        scores: realised scores (n, m), without NaN.
        costs: realised costs (n, m) in US dollars, without NaN.
    """
    # An infinite willingness to pay looks at scores alone and settles ties by cost.
    chosen = policy.choose(scores, costs, np.inf)
    rows = np.arange(len(chosen))
    best, paid = scores[rows, chosen], costs[rows, chosen]
    return OracleChoice(
        chosen=chosen,
        mean_score=float(best.mean()),
        mean_cost_usd=float(paid.mean()),
        mean_cost0_usd=float(np.where(best > 0, paid, 0.0).mean()),
    )


def oracle_curve(scores: Floats, costs: Floats, *, size: int = 200) -> Sweep:
    """The utility oracle: score minus cost / worth with realised values, as the knob turns.

    It sees outcomes, so luck counts as skill: a share of its lead is no measure of a router.
    """
    return sweep(scores, costs, scores, costs, size=size)
