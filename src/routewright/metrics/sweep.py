"""Turning the knob: decide on expected cost, count the realised one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from routewright import policy

Floats = NDArray[np.float64]
ROWS = 8192  # prompts that all settings choose for while their predictions are in the cache


@dataclass(frozen=True, eq=False)
class Sweep:
    """A router's operating points at K settings of the knob, from quality to thrift.

    Attributes:
        worth_usd: willingness to pay (K,), from infinity down to 0.
        chosen: the column chosen at each setting for each prompt (K, n), as small integers.
        points: mean realised cost in US dollars and mean realised score (K, 2).
    """

    worth_usd: Floats
    chosen: NDArray[np.unsignedinteger]
    points: Floats


def sweep(
    predicted_scores: Floats,
    predicted_costs: Floats,
    scores: Floats,
    costs: Floats,
    *,
    worth_usd: ArrayLike | None = None,
    size: int = 200,
) -> Sweep:
    """Operating points of a router over its knob.

    Choices read the predictions alone; points read the outcomes alone.

    Args:
        predicted_scores: expected scores (n, m).
        predicted_costs: expected costs (n, m) in US dollars.
        scores: realised scores (n, m), without NaN.
        costs: realised costs (n, m) in US dollars, without NaN.
        worth_usd: settings of the knob (K,); by default those at which the choices change.
        size: the most inner settings that the default takes.

    Raises:
        ValueError: the four matrices differ in shape.
    """
    shapes = {a.shape for a in (predicted_scores, predicted_costs, scores, costs)}
    if len(shapes) != 1:
        raise ValueError(f"predictions and outcomes must have one shape (n, m), not {shapes}")
    if worth_usd is None:
        worth = policy.worth_grid(predicted_scores, predicted_costs, size)
    else:
        worth = np.asarray(worth_usd, dtype=np.float64)
    n, m = scores.shape
    chosen = np.empty((len(worth), n), dtype=np.min_scalar_type(m - 1))
    totals = np.zeros((len(worth), 2))
    for start in range(0, n, ROWS):
        part = slice(start, start + ROWS)
        q, c, got, paid = (a[part] for a in (predicted_scores, predicted_costs, scores, costs))
        rows: NDArray[np.intp] = np.arange(len(q), dtype=np.intp)
        for at, each in enumerate(worth.tolist()):
            taken = policy.choose(q, c, each)
            chosen[at, part] = taken
            totals[at] += paid[rows, taken].sum(), got[rows, taken].sum()
    return Sweep(worth, chosen, totals / n)
