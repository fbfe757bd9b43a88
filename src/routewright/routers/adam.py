"""Adam: steps of like size for every parameter, whatever the scale of its gradient."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_FIRST, _SECOND, _FLOOR = 0.9, 0.999, 1e-8


class Adam:
    """The method of Kingma and Ba (arXiv 1412.6980), on arrays that it changes in place.

    Args:
        parameters: the arrays.
        rate: the size of a step.
        decay: weight decay, added to the gradient as decay times the parameter.
    """

    def __init__(self, parameters: Sequence[Floats], rate: float, decay: float = 0.0) -> None:
        self.parameters = parameters
        self.rate = rate
        self.decay = decay
        self.steps = 0
        self.means = [np.zeros_like(p) for p in parameters]
        self.squares = [np.zeros_like(p) for p in parameters]

    def step(self, gradients: Sequence[Floats]) -> None:
        """Move every parameter against its gradient."""
        self.steps += 1
        rate = self.rate * np.sqrt(1 - _SECOND**self.steps) / (1 - _FIRST**self.steps)
        every = zip(self.parameters, gradients, self.means, self.squares, strict=True)
        for parameter, gradient, mean, square in every:
            slope = gradient + self.decay * parameter
            mean[...] = _FIRST * mean + (1 - _FIRST) * slope
            square[...] = _SECOND * square + (1 - _SECOND) * slope**2
            parameter[...] -= rate * mean / (np.sqrt(square) + _FLOOR)
