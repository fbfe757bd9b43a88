"""One round of buying: which cells, drawn with which probability.

A cell is drawn with a probability proportional to its expected opportunity loss per dollar, up to
1: cheap models are bought broadly, dear ones where a decision hinges on them, dominated ones hardly
at all. Beside that a part of every round's dollars buys *anchors*, the next prompts of one random
order, whole: they are a simple random sample of the pool, whatever the rule does elsewhere, and the
frontier is judged on them alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routewright.active.holding import Holding
from routewright.active.value import opportunity_loss
from routewright.routers import BaseRouter, Predictions
from routewright.routers.partial import PartialRouter

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
Mask = NDArray[np.bool_]

SEED_PROMPTS = 30
ANCHOR_SHARE = 0.15
GROWTH = 1.6
_CRUMBS = 0.01
_FREE = 1e-9  # dollars: what a free answer is taken to cost, so that worth per dollar is finite


@dataclass(frozen=True, eq=False)
class Round:
    """What to ask next.

    Attributes:
        number: from 0.
        anchors: prompts of the random order that are whole once this is bought.
        cells: (row, column), in the order to ask (k, 2).
        probabilities: of each cell to be drawn in this round, given the rounds before (k,).
        expected_usd: what it should cost; NaN where nothing is known of costs.
    """

    number: int
    anchors: int
    cells: Rows
    probabilities: Floats
    expected_usd: float


def buyer() -> BaseRouter:
    """The router that rounds are planned with: fitted anew after each, so a quick one."""
    return PartialRouter(encoder="words")


def round_budget(spent_usd: float, budget_usd: float, growth: float = GROWTH) -> float:
    """Dollars for the next round; 0 where what is left of the budget is not worth a refit."""
    left = budget_usd - spent_usd
    return min(left, (growth - 1) * spent_usd) if left > _CRUMBS * budget_usd else 0.0


def anchor_order(n: int, seed: int) -> Rows:
    """The random order in which prompts become anchors."""
    return np.random.default_rng([seed, 0]).permutation(n)


def first_round(n: int, m: int, seed: int, *, prompts: int = SEED_PROMPTS) -> Round:
    """Random prompts, asked of every model: nothing is known yet."""
    rows = anchor_order(n, seed)[:prompts]
    cells = np.column_stack([np.repeat(rows, m), np.tile(np.arange(m), len(rows))])
    drawn = np.full(len(cells), len(rows) / max(n, 1))
    return Round(0, len(rows), cells.astype(np.intp), drawn, float("nan"))


def next_round(
    number: int,
    told: Predictions,
    held: Holding,
    anchors: int,
    budget_usd: float,
    seed: int,
    *,
    anchor_share: float = ANCHOR_SHARE,
) -> Round:
    """What to buy for so many dollars.

    Args:
        number: of the round; with the seed it fixes every draw.
        told: a router's predictions for the pool, from what is held.
        held: what has been bought.
        anchors: prompts of the random order that are whole.
        budget_usd: for this round, kept in expectation.
        seed: of the buying.
        anchor_share: of the dollars, for the next anchors.
    """
    n = len(held.data)
    costs = np.maximum(told.costs, _FREE)
    open_ = ~held.asked
    order = anchor_order(n, seed)
    bill = np.where(open_, costs, 0.0)[order[anchors:]].sum(axis=1).cumsum()
    more = int(np.searchsorted(bill, anchor_share * budget_usd, side="right"))
    if anchor_share > 0 and more < len(bill) and bill[more] <= budget_usd:
        more += 1  # at least one: a dear pool must not end the random sample
    whole = np.zeros(held.asked.shape, dtype=np.bool_)
    whole[order[anchors : anchors + more]] = True
    whole &= open_
    left = budget_usd - float(costs[whole].sum())
    worth = np.where(open_ & ~whole, opportunity_loss(told) / costs, 0.0)
    chance = spend(worth, costs, left)
    rng = np.random.default_rng([seed, number])
    drawn = rng.random(chance.shape) < chance
    chance[whole] = more / max(n - anchors, 1)
    cells = np.argwhere(whole | drawn).astype(np.intp)
    cells = cells[rng.permutation(len(cells))]
    at = (cells[:, 0], cells[:, 1])
    return Round(number, anchors + more, cells, chance[at], float(costs[at].sum()))


def spend(worth: Floats, costs: Floats, budget_usd: float) -> Floats:
    """Probabilities min(1, κ · worth) (n, m) under which the expected bill is the budget.

    Where all cells of any worth cost less than the budget, each has probability 1.
    """
    wanted = worth > 0
    if budget_usd <= 0 or not wanted.any():
        return np.zeros(worth.shape)
    if costs[wanted].sum() <= budget_usd:
        return wanted.astype(np.float64)
    value, price = worth[wanted], costs[wanted]
    order = np.argsort(-value, kind="stable")
    value, price = value[order], price[order]
    # With the i dearest-to-know cells at 1, κ spends the rest; the first κ that fits is it.
    sure = np.concatenate([[0.0], np.cumsum(price)[:-1]])
    rest = np.cumsum((value * price)[::-1])[::-1]
    kappa = (budget_usd - sure) / np.maximum(rest, 1e-300)
    fits = np.flatnonzero((kappa * value <= 1) & (kappa >= 0))
    return np.minimum(1.0, kappa[fits[0]] * worth)
