"""Buying from complete routing data: what a budget would have brought, without a call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routewright.active.frontier import Movement, movement, out_of_fold, settled
from routewright.active.holding import Holding
from routewright.active.plan import (
    ANCHOR_SHARE,
    GROWTH,
    SEED_PROMPTS,
    anchor_order,
    buyer,
    first_round,
    next_round,
    round_budget,
)
from routewright.data.routing_data import RoutingData
from routewright.metrics import aiq, sweep
from routewright.routers import BaseRouter, Predictions

Rows = NDArray[np.intp]
Make = Callable[[], BaseRouter]


@dataclass(frozen=True, eq=False)
class Point:
    """The frontier after so many dollars.

    Attributes:
        spent_usd: on all cells held.
        aiq: of a router trained on them, on held-out prompts.
        held: what is held.
        movement: what the round changed on the anchors, where it was looked at.
        settled: whether the buying would have stopped here.
    """

    spent_usd: float
    aiq: float
    held: Holding
    movement: Movement | None = None
    settled: bool = False


def replay(
    pool: RoutingData,
    heldout: RoutingData,
    *,
    budget_usd: float,
    seed: int = 0,
    make: Make = buyer,
    growth: float = GROWTH,
    anchor_share: float = ANCHOR_SHARE,
    seed_prompts: int = SEED_PROMPTS,
    watch: bool = False,
) -> Iterator[Point]:
    """Buy actively from a complete table, round by round, until the budget is spent.

    The rule sees the pool's prompts and the cells it has bought; ``heldout`` is looked at to
    measure, and by nothing else.

    Args:
        pool: every score and cost known.
        heldout: other prompts, every score and cost known.
        budget_usd: for all rounds.
        seed: of every draw.
        make: an unfitted router that tolerates cells bought for a reason.
        growth: dollars after a round over dollars before it.
        anchor_share: of each round's dollars, for prompts bought whole at random.
        seed_prompts: bought whole at the start.
        watch: also look at the anchors after every round (three more fits).
    """
    n, m = pool.scores.shape
    plan = first_round(n, m, seed, prompts=seed_prompts)
    held = Holding.of(pool, np.zeros((n, m), dtype=np.bool_))
    before: Predictions | None = None
    seen: list[Movement | None] = []
    while True:
        held = _with(pool, held, plan.cells, budget_usd)
        router = make().fit(held.data)
        if watch:
            after = out_of_fold(make, held.data, seed)
            anchors = anchor_order(n, seed)[: plan.anchors]
            seen.append(movement(before, after, held.data, anchors, seed) if before else None)
            before = after
        yield Point(
            held.spent_usd,
            frontier_aiq(router, heldout),
            held,
            seen[-1] if seen else None,
            settled(seen),
        )
        left = round_budget(held.spent_usd, budget_usd, growth)
        if left <= 0 or held.asked.all():
            return
        told = router.predict(pool.prompts)
        plan = next_round(
            plan.number + 1, told, held, plan.anchors, left, seed, anchor_share=anchor_share
        )
        if not len(plan.cells):
            return


def random_prompts(
    pool: RoutingData,
    heldout: RoutingData,
    budgets_usd: Sequence[float],
    *,
    seed: int = 0,
    make: Make = buyer,
) -> Iterator[Point]:
    """The rival that asks every model random prompts, as far as each budget goes."""
    n, m = pool.scores.shape
    order = np.random.default_rng([seed, 1]).permutation(n)
    cells: Rows = np.repeat(order * m, m) + np.tile(np.arange(m, dtype=np.intp), n)
    yield from _along(pool, heldout, budgets_usd, cells, make)


def random_cells(
    pool: RoutingData,
    heldout: RoutingData,
    budgets_usd: Sequence[float],
    *,
    seed: int = 0,
    make: Make = buyer,
) -> Iterator[Point]:
    """The rival that draws cells uniformly, as far as each budget goes."""
    order = np.random.default_rng([seed, 2]).permutation(pool.scores.size)
    yield from _along(pool, heldout, budgets_usd, order, make)


def frontier_aiq(router: BaseRouter, heldout: RoutingData) -> float:
    """AIQ on held-out prompts, between the mean costs of the cheapest and the dearest model."""
    told = router.predict(heldout.prompts)
    turned = sweep(told.scores, told.costs, heldout.scores, heldout.costs)
    costs = heldout.costs.mean(axis=0)
    floor = float(heldout.scores[:, costs.argmin()].mean())
    return float(aiq(turned.points, costs.min(), costs.max(), cheapest_score=floor))


def _along(
    pool: RoutingData,
    heldout: RoutingData,
    budgets_usd: Sequence[float],
    order: Rows,
    make: Make,
) -> Iterator[Point]:
    bill = pool.costs.reshape(-1)[order].cumsum()
    for budget in budgets_usd:
        count = int(np.searchsorted(bill, budget * (1 + 1e-9), side="right"))
        asked = np.zeros(pool.scores.size, dtype=np.bool_)
        asked[order[: max(count, 2 * len(pool.models))]] = True
        held = Holding.of(pool, asked.reshape(pool.scores.shape))
        yield Point(held.spent_usd, frontier_aiq(make().fit(held.data), heldout), held)


def _with(pool: RoutingData, held: Holding, cells: Rows, budget_usd: float) -> Holding:
    """More cells in the order given, until the budget is used up."""
    bill = held.spent_usd + pool.costs[cells[:, 0], cells[:, 1]].cumsum()
    cells = cells[bill <= budget_usd * (1 + 1e-9)]
    asked = held.asked.copy()
    asked[cells[:, 0], cells[:, 1]] = True
    return Holding.of(pool, asked)
