"""What a chooser reaches that sees the outcomes: the score-first oracle, in closed form."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_REACH = 9.0  # standard deviations of the logarithm beyond which no cost is looked for
_STEPS = 4001


def clairvoyant(scores: Floats, costs: Floats, cost_spread: float) -> tuple[Floats, Floats]:
    """Quality and cost of the oracle in each of K kinds, (K,) and (K,).

    Models are right independently given the kind; the cheapest right one answers, the cheapest of
    all where none is right.

    Args:
        scores: P(right | kind) (K, m).
        costs: mean cost in US dollars (K, m).
        cost_spread: standard deviation of the costs' logarithm, the same for all.
    """
    quality = 1 - (1 - scores).prod(axis=1)
    if cost_spread == 0:
        return quality, _steady(scores, costs)
    return quality, np.array(
        [_spread(p, c, cost_spread) for p, c in zip(scores, costs, strict=True)]
    )


def _steady(scores: Floats, costs: Floats) -> Floats:
    """Costs that are certain: models answer in order of cost until one is right."""
    order = np.argsort(costs, axis=1, kind="stable")
    p, c = np.take_along_axis(scores, order, axis=1), np.take_along_axis(costs, order, axis=1)
    asked = np.cumprod(np.hstack([np.ones((len(p), 1)), 1 - p]), axis=1)
    return (c * p * asked[:, :-1]).sum(axis=1) + c[:, 0] * asked[:, -1]


def _spread(p: Floats, mean: Floats, spread: float) -> float:
    """Lognormal costs: the integral over t of the chance that more than t is paid.

    More than t is paid unless a right model costs at most t, or none is right and any does.
    """
    middle = np.log(mean) - spread**2 / 2
    ends = float(middle.min()) - _REACH * spread, float(middle.max()) + _REACH * spread
    u: Floats = np.linspace(*ends, _STEPS)
    z = (u[:, None] - middle) / (spread * math.sqrt(2))
    below = 0.5 * (1 + np.array([[math.erf(x) for x in row] for row in z.tolist()]))
    none = float((1 - p).prod())
    paid = (1 - p * below).prod(axis=1) - none + none * (1 - below).prod(axis=1)
    height = paid * np.exp(u)  # dt = t du
    return float(np.exp(u[0]) + ((height[1:] + height[:-1]) / 2 * np.diff(u)).sum())
