"""How much of each member goes into the stack."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from routewright.routers.table import centre

Floats = NDArray[np.float64]

LEARN_FROM = 1_000
"""Labelled prompts from which every weight is learned; below, only the constant's share."""

SHARES = (0.0, 0.5, 0.25, 0.25)
"""Shares below that: half to the linear member, half to the two that average neighbours.

kNN and k-means read the same distances and err together; an equal third each would let that
one idea outvote the other. Out of fold, with 460 prompts of each of eight public tables, this
beat thirds on five, lost to them on two and drew on one, and did better on average.
"""


def fit_weights(members: Floats, scores: Floats) -> Floats:
    """Weights on the simplex (4,).

    Minimises ‖S_c - Σ w_j F_jc‖² with S and F centred per prompt over the models.

    Args:
        members: out-of-fold predictions (4, n, m) of constant, ridge, kNN and k-means.
        scores: realised scores (n, m), NaN where unknown.
    """
    known = np.isfinite(scores)
    inputs = np.array([centre(member, known)[known] for member in members])
    target = centre(scores, known)[known]
    if (known.any(axis=1)).sum() < LEARN_FROM:
        rest = np.array(SHARES)
        step = rest @ inputs - inputs[0]
        power = float(step @ step)
        share = float(step @ (target - inputs[0])) / power if power > 1e-12 else 0.0
        share = float(np.clip(share, 0.0, 1.0))
        return (1 - share) * np.eye(len(rest))[0] + share * rest
    return _least_squares(inputs @ inputs.T, inputs @ target)


def _least_squares(gram: Floats, target: Floats) -> Floats:
    """Minimise ½wᵀGw - tᵀw over the simplex by projected gradient, from the constant alone."""
    weights = np.eye(len(target))[0]
    steepest = float(np.linalg.norm(gram, 2))
    if steepest < 1e-12:
        return weights
    for _ in range(5_000):
        moved = _onto_simplex(weights - (gram @ weights - target) / steepest)
        if float(np.abs(moved - weights).max()) < 1e-10:
            break
        weights = moved
    return weights


def _onto_simplex(point: Floats) -> Floats:
    """The nearest point with non-negative parts that sum to one (Held, Wolfe, Crowder 1974)."""
    falling = np.sort(point)[::-1]
    excess = (np.cumsum(falling) - 1) / np.arange(1, len(point) + 1)
    last = int(np.flatnonzero(falling > excess)[-1])
    return np.maximum(point - excess[last], 0.0)
