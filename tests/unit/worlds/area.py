"""What a router reaches on prompts that a world drew, with its replicates."""

from __future__ import annotations

from typing import Any

import numpy as np

from routewright.data.routing_data import RoutingData
from routewright.metrics import Curves, Draws, sweep
from routewright.protocols import Predicted
from routewright.worlds import World


def areas(world: World, data: RoutingData, told: Predicted, *, hull: bool = True) -> Any:
    """Mean height over the world's range of costs (1 + 100,): the sample, then replicates.

    A hull takes the best of noisy points and lies a little high; a path joins them all.
    """
    swept = sweep(told.scores, told.costs, data.scores, data.costs)
    rows, k = np.arange(len(data)), len(swept.worth_usd)
    paid = np.stack([data.costs[rows, chosen] for chosen in swept.chosen], axis=1)
    got = np.stack([data.scores[rows, chosen] for chosen in swept.chosen], axis=1)
    means = Draws.over(data.groups, replicates=100).means(np.hstack([paid, got]))
    curves = (Curves.hull if hull else Curves.path)(means[:, :k], means[:, k:])
    return curves.areas(*world.bounds)
