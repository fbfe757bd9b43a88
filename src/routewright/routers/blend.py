"""How much of each member goes into the stack."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from routewright.routers.table import centre

Floats = NDArray[np.float64]

SPREAD = 0.25
"""How far the learners' shares are expected to lie from equal ones, as a standard deviation."""


def fit_weights(members: Floats, scores: Floats) -> Floats:
    """Weights on the simplex (j,).

    Minimises ‖S_c - Σ w_j F_jc‖² + λ‖w_L - (Σ w_L)/L‖² with S and F centred per prompt over the
    models. The penalty draws the learners' shares (w_L, all but the constant's) towards equal
    ones, with λ = variance of S_c / SPREAD²: a prior that a few hundred prompts leave standing
    and thousands don't notice. How much the learners get together is left free: on noise nothing.

    Args:
        members: out-of-fold predictions (j, n, m), the constant first.
        scores: realised scores (n, m), NaN where unknown.
    """
    known = np.isfinite(scores)
    inputs = np.array([centre(member, known)[known] for member in members])
    target = centre(scores, known)[known]
    learners = len(members) - 1
    apart = np.zeros((len(members), len(members)))
    apart[1:, 1:] = np.eye(learners) - 1 / learners
    noise = float(target @ target) / max(len(target), 1)
    return _least_squares(inputs @ inputs.T + noise / SPREAD**2 * apart, inputs @ target)


def _least_squares(gram: Floats, target: Floats) -> Floats:
    """Minimise ½wᵀGw - tᵀw over the simplex by projected gradient, from the constant alone."""
    weights = np.eye(len(target))[0]
    steepest = float(np.linalg.norm(gram, 2))
    if steepest < 1e-12:
        return weights
    for _ in range(20_000):
        moved = _onto_simplex(weights - (gram @ weights - target) / steepest)
        if float(np.abs(moved - weights).max()) < 1e-12:
            break
        weights = moved
    return weights


def _onto_simplex(point: Floats) -> Floats:
    """The nearest point with non-negative parts that sum to one (Held, Wolfe, Crowder 1974)."""
    falling = np.sort(point)[::-1]
    excess = (np.cumsum(falling) - 1) / np.arange(1, len(point) + 1)
    last = int(np.flatnonzero(falling > excess)[-1])
    return np.maximum(point - excess[last], 0.0)
