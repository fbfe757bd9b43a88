"""What a cell is worth, and how a round is drawn."""

import math

import numpy as np
import pytest

from routewright.active import Holding, first_round, next_round, opportunity_loss
from routewright.active.plan import anchor_order, buyer, spend
from routewright.routers import Predictions
from tests.unit.active.pools import MODELS, pool


def told(scores, costs, std):
    shape = np.broadcast_shapes(np.shape(scores), np.shape(costs), np.shape(std))
    full = [np.broadcast_to(np.asarray(a, dtype=float), shape) for a in (scores, costs, std)]
    return Predictions(tuple("abcdef"[: shape[1]]), *full)


def test_equal_models_lose_what_the_unit_normal_loss_says():
    # Two models alike in score and cost, both with standard error .3: the lead of either is
    # normal with sd .3·√2 about 0, and its positive part has the mean sd/√(2π).
    loss = opportunity_loss(told([[0.5, 0.5]], [[1.0, 1.0]], 0.3))
    assert loss == pytest.approx(np.full((1, 2), 0.3 * math.sqrt(2) / math.sqrt(2 * math.pi)))


def test_a_dominated_dear_model_is_in_nobodys_way():
    loss = opportunity_loss(told([[0.6, 0.2, 0.9]], [[0.1, 2.0, 2.0]], 0.05))
    assert loss[0, 1] < 1e-6
    assert loss[0, 0] > 1e-4  # against the one that is as dear and better
    assert loss[0, 2] > 1e-4


def test_a_sure_choice_is_worth_less_than_a_close_one():
    loss = opportunity_loss(
        told([[0.5, 0.95], [0.5, 0.55]], [[0.1, 1.0], [0.1, 1.0]], [[0.02, 0.02]])
    )
    assert loss[1].sum() > loss[0].sum()


def test_probabilities_spend_the_budget_in_expectation():
    rng = np.random.default_rng(0)
    worth, costs = rng.random((200, 5)) ** 4, rng.uniform(0.01, 2, (200, 5))
    for budget in (0.5, 20.0, 90.0):
        chance = spend(worth, costs, budget)
        assert 0 <= chance.min() <= chance.max() <= 1
        assert (chance * costs).sum() == pytest.approx(budget)
        free = chance < 1
        assert np.ptp(chance[free] / worth[free]) < 1e-9 * (chance[free] / worth[free]).max()
    assert (spend(worth, costs, 1e6) == 1).all()
    assert (spend(worth, costs, 0.0) == 0).all()


def test_the_first_round_asks_every_model_the_same_random_prompts():
    plan = first_round(100, 4, seed=3, prompts=10)
    rows = set(plan.cells[:, 0].tolist())
    assert rows == set(anchor_order(100, 3)[:10].tolist())
    assert len(plan.cells) == 40
    assert (plan.probabilities == 0.1).all()


@pytest.fixture(scope="module")
def after_the_first():
    data = pool(200)
    plan = first_round(200, 4, seed=1)
    asked = np.zeros(data.scores.shape, dtype=bool)
    asked[tuple(plan.cells.T)] = True
    held = Holding.of(data, asked)
    return data, plan, held, buyer().fit(held.data).predict(data.prompts)


def test_a_round_asks_nothing_twice_and_widens_the_random_sample(after_the_first):
    _data, first, held, predicted = after_the_first
    plan = next_round(1, predicted, held, first.anchors, 12.0, seed=1)
    cells = {tuple(cell) for cell in plan.cells.tolist()}
    assert len(cells) == len(plan.cells)
    assert not held.asked[tuple(plan.cells.T)].any()
    assert plan.anchors > first.anchors
    for row in anchor_order(200, 1)[first.anchors : plan.anchors].tolist():
        assert {(row, column) for column in range(4)} <= cells
    assert (plan.probabilities > 0).all()
    assert (plan.probabilities <= 1).all()
    again = next_round(1, predicted, held, first.anchors, 12.0, seed=1)
    assert (again.cells == plan.cells).all()
    other = next_round(1, predicted, held, first.anchors, 12.0, seed=2)
    assert {tuple(cell) for cell in other.cells.tolist()} != cells


def test_told_probabilities_are_those_that_cells_are_drawn_with(after_the_first):
    data, first, held, predicted = after_the_first
    drawn = np.zeros(data.scores.shape)
    chance = np.full(data.scores.shape, np.nan)
    draws = 150
    for number in range(1, draws + 1):
        plan = next_round(number, predicted, held, first.anchors, 12.0, seed=1, anchor_share=0.0)
        drawn[tuple(plan.cells.T)] += 1
        chance[tuple(plan.cells.T)] = plan.probabilities
    known = np.isfinite(chance)
    error = (drawn / draws - chance)[known] / np.sqrt(
        np.maximum(chance * (1 - chance), 1e-3)[known] / draws
    )
    assert abs(error.mean()) < 0.2
    assert np.abs(error).max() < 5


def test_cheap_models_are_bought_broadly_and_a_useless_dear_one_hardly(after_the_first):
    _data, first, held, predicted = after_the_first
    plan = next_round(1, predicted, held, first.anchors, 20.0, seed=1)
    count = dict(zip(MODELS, np.bincount(plan.cells[:, 1], minlength=4).tolist(), strict=True))
    assert count["cheap"] > 2 * count["dear"]
    assert count["useless"] < count["dear"]
