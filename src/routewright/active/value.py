"""What not knowing a cell better may cost: the expected opportunity loss along the frontier.

At one setting of the knob a choice between two models goes wrong by the expected positive part of
the rival's lead, sd · (φ(z) - z·Φ(-z)) with z the margin over its standard error (Raiffa and
Schlaifer, Applied Statistical Decision Theory, 1961: the unit normal loss). Settings count by the
stretch of the cost axis that they serve, for that is how AIQ counts them: where a hull's tangent
has the slope 1/worth, a loss of utility lowers the hull by as much.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from routewright import policy
from routewright.routers import Predictions

Floats = NDArray[np.float64]

SETTINGS = 48
_FAR = 8.0  # standard errors beyond which no loss is expected
_TINY = 1e-9


def opportunity_loss(told: Predictions, *, settings: int = SETTINGS) -> Floats:
    """Expected loss of score (n, m) that is due to each cell's uncertainty, over the frontier.

    0 for a model that is in nobody's way: dominated at every willingness to pay that matters, by
    more than its standard error. The chosen model's loss is counted against the runner-up.

    Args:
        told: predictions for n prompts and m >= 2 models, with standard errors.
        settings: of the knob that are looked at, at most.
    """
    scores, costs = told.scores, told.costs
    worths = [w for w in policy.worth_grid(scores, costs, settings).tolist() if w > 0]
    chosen = [policy.choose(scores, costs, worth) for worth in worths]
    rows: NDArray[np.intp] = np.arange(len(scores), dtype=np.intp)
    paid = np.array([float(costs[rows, best].mean()) for best in chosen])
    loss = np.zeros(scores.shape)
    for worth, best, weight in zip(worths, chosen, _stretches(paid, costs), strict=True):
        if weight > 0:
            loss += weight * _losses(policy.utility(scores, costs, worth), told.std, best)
    return loss


def _stretches(paid: Floats, costs: Floats) -> Floats:
    """The share of the cost axis that each setting serves (k,); ``paid`` falls along the knob."""
    singles = costs.mean(axis=0)
    between = (paid[1:] + paid[:-1]) / 2
    edges = np.concatenate([[singles.max()], between, [singles.min()]])
    widths = np.maximum(edges[:-1] - edges[1:], 0.0)
    if widths.sum() <= 0:  # all models cost the same: every setting chooses by score
        return np.full(len(paid), 1 / len(paid))
    return widths / widths.sum()


def _losses(utility: Floats, std: Floats, best: NDArray[np.intp]) -> Floats:
    """Of each cell against the best one, of the best one against the runner-up (n, m)."""
    rows: NDArray[np.intp] = np.arange(len(utility), dtype=np.intp)
    others = utility.copy()
    others[rows, best] = -np.inf
    second = others.argmax(axis=1)
    top, doubt = utility[rows, best], std[rows, best]
    margin = top[:, None] - utility
    spread = np.hypot(std, doubt[:, None])
    margin[rows, best] = top - utility[rows, second]
    spread[rows, best] = np.hypot(doubt, std[rows, second])
    spread = np.maximum(spread, _TINY)
    z = np.minimum(margin / spread, _FAR)
    density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    return spread * np.maximum(density - z * _above(z), 0.0)


def _above(z: Floats) -> Floats:
    """1 - Φ(z) for z >= 0, to 7.5e-8 (Abramowitz and Stegun 26.2.17): numpy has no erf."""
    t = 1 / (1 + 0.2316419 * z)
    terms = (0.319381530, -0.356563782, 1.781477937, -1.821255978, 1.330274429)
    total = np.zeros_like(z)
    for term in reversed(terms):
        total = (total + term) * t
    return np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi) * total
