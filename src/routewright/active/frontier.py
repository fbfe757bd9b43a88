"""Has the frontier moved? Told on anchors by routers that never saw them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routewright.data.routing_data import RoutingData
from routewright.metrics import Curves, Draws, sweep
from routewright.routers import BaseRouter, Predictions
from routewright.routers.folds import group_folds

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

FOLDS = 3
REPLICATES = 300
SETTLED_STD = 0.01
QUIET_ROUNDS = 2


@dataclass(frozen=True)
class Movement:
    """What a round changed.

    Attributes:
        aiq: of the router after the round, on anchors out of fold.
        gain: of AIQ over the router before the round, on the same anchors.
        std: standard error of the gain, from a bootstrap over prompts.
        anchors: prompts it was told on.
    """

    aiq: float
    gain: float
    std: float
    anchors: int

    @property
    def quiet(self) -> bool:
        """No gain to be seen, by a look that would have seen one of two hundredths."""
        return self.std <= SETTLED_STD and self.gain <= self.std


def settled(movements: list[Movement | None]) -> bool:
    """Whether the last rounds were all quiet."""
    last = movements[-QUIET_ROUNDS:]
    return len(last) == QUIET_ROUNDS and all(each is not None and each.quiet for each in last)


def out_of_fold(make: Callable[[], BaseRouter], data: RoutingData, seed: int) -> Predictions:
    """Predictions for each prompt by a router that never saw its group's scores.

    Folds depend on the pool and the seed alone: what was bought meanwhile moves no prompt into
    another fold, so that two rounds' routers are compared on prompts that neither has seen. The
    text space sees all texts, as it will when the router is trained.
    """
    scores, costs, std = (np.zeros(data.scores.shape) for _ in range(3))
    for held in group_folds(data.groups, FOLDS, seed):
        hidden = np.ones(len(data), dtype=np.bool_)
        hidden[held] = False
        told = make().fit(_without(data, hidden)).predict(data.prompts)
        scores[held], costs[held] = told.scores[held], told.costs[held]
        std[held] = told.std[held]
    return Predictions(data.models, scores, costs, std)


def movement(
    before: Predictions, after: Predictions, data: RoutingData, anchors: Rows, seed: int
) -> Movement | None:
    """The gain of AIQ between two rounds; None with fewer than ten anchors that have it all."""
    rows = anchors[data.complete[anchors]]
    if len(rows) < 10:
        return None
    here = data.subset(rows)
    draws = Draws.over(here.groups, replicates=REPLICATES, seed=seed)
    one, two = (_areas(told, rows, here, draws) for told in (before, after))
    gain = two - one
    return Movement(float(two[0]), float(gain[0]), float(gain[1:].std()), len(rows))


def _areas(told: Predictions, rows: Rows, here: RoutingData, draws: Draws) -> Floats:
    """AIQ on the prompts as they are, then in every replicate (1 + B,)."""
    costs = here.costs.mean(axis=0)
    cheapest = int(costs.argmin())
    turned = sweep(told.scores[rows], told.costs[rows], here.scores, here.costs, size=60)
    each: Rows = np.arange(len(rows), dtype=np.intp)
    chosen = turned.chosen.astype(np.intp)
    paid = np.vstack([here.costs[each, chosen], here.costs[:, cheapest]])
    got = np.vstack([here.scores[each, chosen], here.scores[:, cheapest]])
    hulls = Curves.hull(draws.means(paid.T.copy()), draws.means(got.T.copy()))
    return hulls.areas(float(costs.min()), float(costs.max()))


def _without(data: RoutingData, kept: NDArray[np.bool_]) -> RoutingData:
    from routewright.active.holding import Holding

    seen = np.repeat(kept[:, None], len(data.models), axis=1)
    return Holding.of(data, seen).data
