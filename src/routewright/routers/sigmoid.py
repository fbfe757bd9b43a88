"""The logistic function and its inverse, safe at the ends."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def sigmoid(z: Floats) -> Floats:
    """1 / (1 + exp(-z)), never exactly 0 or 1."""
    # np.clip takes several times as long for a few numbers.
    return 1 / (1 + np.exp(-np.minimum(np.maximum(z, -30.0), 30.0)))


def logit(p: Floats) -> Floats:
    """ln(p / (1 - p)), with p held within [.001, .999]."""
    inside = np.clip(p, 1e-3, 1 - 1e-3)
    return np.log(inside / (1 - inside))
