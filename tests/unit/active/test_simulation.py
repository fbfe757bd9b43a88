"""Replayed buying: what it sees, what it spends, what it brings, when it stops."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from routewright.active import Movement, movement, random_prompts, replay
from routewright.active.frontier import out_of_fold, settled
from routewright.active.plan import buyer
from routewright.routers import Predictions
from tests.unit.active.pools import pool

POOL, HELDOUT = pool(400), pool(400, seed=9)
BILL = float(POOL.costs.sum())


@pytest.fixture(scope="module")
def points():
    return list(replay(POOL, HELDOUT, budget_usd=0.4 * BILL, seed=2))


def test_the_budget_is_kept_and_every_round_adds(points):
    spent = [point.spent_usd for point in points]
    assert spent == sorted(spent)
    assert 0.35 * BILL < spent[-1] <= 0.4 * BILL
    for before, after in itertools.pairwise(points):
        assert (after.held.asked >= before.held.asked).all()


def test_active_buying_reaches_random_buying_with_three_fifths_of_its_dollars():
    gain: list[float] = []
    for seed in range(2):
        rival = list(random_prompts(POOL, HELDOUT, [0.25 * BILL], seed=seed))[-1]
        ours = list(replay(POOL, HELDOUT, budget_usd=0.15 * BILL, seed=seed))[-1]
        assert ours.spent_usd <= 0.6 * 0.25 * BILL
        gain.append(ours.aiq - rival.aiq)
    assert np.mean(gain) > 0


def test_what_was_not_bought_and_what_is_held_out_change_no_purchase(points):
    asked = points[-1].held.asked
    unseen = np.where(asked, POOL.scores, 1 - POOL.scores)
    others = replace(POOL, scores=unseen)
    tested = replace(HELDOUT, scores=1 - HELDOUT.scores)
    again = list(replay(others, tested, budget_usd=0.4 * BILL, seed=2))
    assert (again[-1].held.asked == asked).all()
    assert again[-1].aiq != points[-1].aiq


def test_out_of_fold_predictions_never_saw_the_prompts_own_scores(points):
    data = points[1].held.data
    told = out_of_fold(buyer, data, seed=0)
    row = int(np.flatnonzero(data.complete)[0])
    turned = data.scores.copy()
    turned[row] = 1 - turned[row]
    other = out_of_fold(buyer, replace(data, scores=turned), seed=0)
    assert (told.scores[row] == other.scores[row]).all()
    assert (told.scores != other.scores).any()


def test_a_better_router_moves_the_frontier_and_the_same_one_does_not():
    told = Predictions(POOL.models, POOL.scores, POOL.costs, np.zeros(POOL.scores.shape))
    blind = replace(told, scores=np.tile(POOL.scores.mean(axis=0), (len(POOL), 1)))
    rows = np.arange(100)
    up = movement(blind, told, POOL, rows, seed=0)
    assert up is not None
    assert up.gain > 3 * up.std > 0
    assert not up.quiet
    same = movement(told, told, POOL, rows, seed=0)
    assert same is not None
    assert same.gain == same.std == 0
    assert same.quiet


def test_buying_stops_after_two_quiet_rounds_and_not_for_want_of_sight():
    quiet = Movement(aiq=0.8, gain=0.001, std=0.004, anchors=50)
    blurred = Movement(aiq=0.8, gain=0.001, std=0.04, anchors=12)
    rising = Movement(aiq=0.8, gain=0.02, std=0.004, anchors=50)
    assert settled([rising, quiet, quiet])
    assert not settled([quiet])
    assert not settled([quiet, None])
    assert not settled([quiet, rising])
    assert not settled([blurred, blurred])
