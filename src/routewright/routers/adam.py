"""Gradient descent in numpy: Adam with early stopping (Kingma and Ba, arXiv 1412.6980)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Params = tuple[Floats, ...]
Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Adam:
    """How to descend.

    Attributes:
        rate: step size.
        batch: rows of a step.
        epochs: passes over the rows, at most.
        patience: passes without a better held-out loss before it ends.
    """

    rate: float = 1e-3
    batch: int = 128
    epochs: int = 100
    patience: int = 8


def adam(
    params: Params,
    gradient: Callable[[Params, Rows], Params],
    rows: int,
    loss: Callable[[Params], float],
    how: Adam,
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
    now = [each.copy() for each in params]
    first, second = ([np.zeros_like(each) for each in params] for _ in range(2))
    best, least, since, step = params, loss(params), 0, 0
    for _ in range(how.epochs):
        order = rng.permutation(rows)
        for start in range(0, rows, how.batch):
            step += 1
            slopes = gradient(tuple(now), order[start : start + how.batch])
            for i, slope in enumerate(slopes):
                first[i] += 0.1 * (slope - first[i])
                second[i] += 0.001 * (slope**2 - second[i])
                scale = np.sqrt(second[i] / (1 - 0.999**step)) + 1e-8
                now[i] -= how.rate / (1 - 0.9**step) * first[i] / scale
        reached = loss(tuple(now))
        since += 1
        if reached < least:
            best, least, since = tuple(each.copy() for each in now), reached, 0
        if since >= how.patience:
            break
    return best
