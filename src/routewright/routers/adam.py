"""Gradient descent in numpy: Adam (Kingma and Ba, arXiv 1412.6980), and an early stop.

Adam takes steps of like size for every parameter, whatever the scale of its gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.floating[Any]]  # of either precision
Params = tuple[Reals, ...]
Rows = NDArray[np.intp]

_FIRST, _SECOND, _FLOOR = 0.9, 0.999, 1e-8


class Adam:
    """Moves arrays that it changes in place.

    Args:
        parameters: the arrays.
        rate: the size of a step.
        decay: weight decay, added to the gradient as decay times the parameter.
    """

    def __init__(self, parameters: Sequence[Reals], rate: float, decay: float = 0.0) -> None:
        self.parameters = parameters
        self.rate = rate
        self.decay = decay
        self.steps = 0
        self.means = [np.zeros_like(p) for p in parameters]
        self.squares = [np.zeros_like(p) for p in parameters]

    def step(self, gradients: Sequence[Reals]) -> None:
        """Move every parameter against its gradient."""
        self.steps += 1
        # A plain float: numpy's own would lift arrays of single precision to double.
        rate = float(self.rate * np.sqrt(1 - _SECOND**self.steps) / (1 - _FIRST**self.steps))
        every = zip(self.parameters, gradients, self.means, self.squares, strict=True)
        for parameter, gradient, mean, square in every:
            slope = gradient + self.decay * parameter
            mean[...] = _FIRST * mean + (1 - _FIRST) * slope
            square[...] = _SECOND * square + (1 - _SECOND) * slope**2
            parameter[...] -= rate * mean / (np.sqrt(square) + _FLOOR)


@dataclass(frozen=True)
class Descent:
    """How to descend.

    Attributes:
        rate: step size.
        batch: rows of a step.
        epochs: passes over the rows, at most.
        patience: passes without a better held-out loss before it ends.
        longest: rows of a pass, at most; of more, each pass draws so many, so that the loss is
            looked at as often as with fewer, and a fit stays affordable.
    """

    rate: float = 1e-3
    batch: int = 128
    epochs: int = 100
    patience: int = 8
    longest: int = 32_000


def descend(
    params: Params,
    gradient: Callable[[Params, Rows], Params],
    rows: int,
    loss: Callable[[Params], float],
    how: Descent,
    seed: int,
) -> Params:
    """The parameters on the way down that have the least loss; those given, if none has less.

    Args:
        params: where to start.
        gradient: of the training loss over some rows, by every parameter.
        rows: how many rows there are to learn from.
        loss: held-out loss; nothing is learned that does not lower it.
        how: step size and end.
        seed: of the order of the rows.
    """
    rng = np.random.default_rng(seed)
    now = tuple(each.copy() for each in params)
    adam = Adam(now, how.rate)
    best, least, since = params, loss(params), 0
    for _ in range(how.epochs):
        order = rng.permutation(rows)[: how.longest]
        for start in range(0, len(order), how.batch):
            adam.step(gradient(now, order[start : start + how.batch]))
        reached = loss(now)
        since += 1
        if reached < least:
            best, least, since = tuple(each.copy() for each in now), reached, 0
        if since >= how.patience:
            break
    return best
