from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from routewright.data import RoutingData
from routewright.errors import DataError
from routewright.metrics import cascade, delta_ibc
from routewright.routers.cascades import (
    Judged,
    beside,
    fit_cascade,
    fit_cascades,
    fit_supermodels,
    simulated_verdicts,
)
from routewright.routers.cascades.supermodel import prices, set_values
from routewright.types import Prompt

COSTS = np.array([1.0, 3.0, 10.0])


def world(n=600, seed=0, *, nested=False):
    """Three models, right at 50, 70 and 90 %: independently, or the better whenever the worse."""
    rng = np.random.default_rng(seed)
    luck = rng.random((n, 1)) if nested else rng.random((n, 3))
    scores = (luck < [0.5, 0.7, 0.9]).astype(float)
    prompts = tuple(Prompt.from_text(str(i), f"prompt {i}") for i in range(n))
    return RoutingData(prompts, ("s", "m", "l"), scores, np.tile(COSTS, (n, 1)))


def judged(error=0.1, seed=0, judge_cost_usd=0.0, **more):
    data = world(seed=seed, **more)
    verdicts = simulated_verdicts(data.scores, error, seed=seed)
    return Judged.of(data, verdicts, judge_cost_usd=judge_cost_usd)


def flat(table, scores=(0.5, 0.7, 0.9)):
    """A router that knows the means and nothing of a prompt."""
    return np.tile(scores, (len(table.scores), 1)), np.tile(COSTS, (len(table.scores), 1))


def test_a_simulated_judge_errs_as_often_as_asked():
    data = world(n=4000)
    told = simulated_verdicts(data.scores, 0.2, seed=3)
    assert np.mean(told != data.scores) == pytest.approx(0.2, abs=0.01)
    assert np.array_equal(simulated_verdicts(data.scores, 0.0), data.scores)
    assert np.isnan(simulated_verdicts([[np.nan, 1.0]], 0.5)[0, 0])
    with pytest.raises(DataError, match="from 0 to 1"):
        simulated_verdicts(data.scores, 1.5)


def test_a_sure_judge_stops_at_the_first_right_answer():
    table = judged(error=0.0)
    best = fit_cascade(table, budget_usd=20.0)
    assert best.stages == ("s", "m", "l")
    told = best.evaluate(table)
    assert told == best.trained
    assert told.mean_score == pytest.approx(table.scores.max(axis=1).mean())
    asked = 1 + (table.scores[:, 0] == 0) + (table.scores[:, :2].max(axis=1) == 0)
    assert told.mean_calls == pytest.approx(asked.mean())


def test_it_agrees_with_routerbenchs_protocol_in_expectation():
    data = world(n=20_000)
    table = Judged.of(data, simulated_verdicts(data.scores, 0.1, seed=1), judge_cost_usd=0.5)
    chain = replace(fit_cascade(table, 20.0), stages=("s", "m", "l"), thresholds=(0.5, 0.5))
    chain = replace(chain, calibration=chain_calibration(table))
    exact = cascade(data.scores, data.costs, judge_error=0.1, threshold=1.0, judge_cost_usd=0.5)
    told = chain.evaluate(table)
    assert told.mean_score == pytest.approx(exact.mean_score, abs=0.005)
    assert told.mean_cost_usd == pytest.approx(exact.mean_cost_usd, rel=0.01)
    assert told.mean_calls == pytest.approx(exact.mean_calls, rel=0.01)


def chain_calibration(table):
    from routewright.routers.cascades.judging import calibrate

    return calibrate(table, [0, 1, 2])


def test_the_search_is_exact():
    """No chain of two at any threshold on the verdicts beats the one found, by brute force."""
    rng = np.random.default_rng(0)
    data = world(n=120)
    verdicts = np.clip(data.scores * 0.5 + rng.normal(0.25, 0.25, data.scores.shape), 0, 1)
    table = Judged.of(data, np.round(verdicts, 1), judge_cost_usd=0.2)
    budget = 4.0
    found = fit_cascade(table, budget, models=("s", "l"))
    best = 0.0
    for (first, second), mark in product([(0, 2), (2, 0)], np.linspace(-0.05, 1.05, 12)):
        more = table.verdicts[:, first] < mark
        cost = COSTS[first] + 0.2 + more.mean() * COSTS[second]
        score = np.where(more, table.scores[:, second], table.scores[:, first]).mean()
        best = max(best, score if cost <= budget else 0.0)
    assert found.trained.mean_score >= best - 1e-12
    assert found.trained.mean_cost_usd <= budget


def test_more_money_never_buys_less_on_training():
    chains = fit_cascades(judged(), [1.0, 2.0, 4.0, 8.0, 16.0])
    scores = [chain.trained.mean_score for chain in chains]
    assert scores == sorted(scores)
    assert chains[0].stages == ("s",)
    assert all(len(chain.thresholds) == len(chain.stages) - 1 for chain in chains)


def test_a_judge_that_says_nothing_makes_no_chain_worth_its_money():
    table = judged(error=0.5, judge_cost_usd=1.0)
    held = judged(error=0.5, judge_cost_usd=1.0, seed=9)
    at = beside(fit_cascade(table, 6.0).evaluate(held), held, *flat(held))
    assert at.over_zero < 0.01


def test_everything_spent_counts_the_judge_too():
    free, paid = judged(error=0.0), judged(error=0.0, judge_cost_usd=0.5)
    chain = fit_cascade(free, 20.0)
    without, with_judge = chain.evaluate(free), chain.evaluate(paid)
    verdicts = without.mean_calls - (free.scores[:, :2].max(axis=1) == 0).mean()
    assert with_judge.mean_cost_usd - without.mean_cost_usd == pytest.approx(0.5 * verdicts)


def test_a_budget_below_every_model_is_refused():
    with pytest.raises(DataError, match=r"no model answers for 0.5 USD .* takes 1"):
        fit_cascade(judged(), 0.5)


def test_at_most_six_models_are_chained_the_useful_ones_first():
    rng = np.random.default_rng(0)
    n, m = 50, 9
    data = RoutingData(
        tuple(Prompt.from_text(str(i), str(i)) for i in range(n)),
        tuple(f"m{i}" for i in range(m)),
        (rng.random((n, m)) < np.linspace(0.3, 0.9, m)).astype(float),
        np.tile(np.geomspace(1, 100, m), (n, 1)),
    )
    table = Judged.of(data, data.scores)
    names = table.candidates()
    assert len(names) == 6
    best = data.models[int(data.scores.mean(axis=0).argmax())]
    assert {"m0", best} <= set(names)
    with pytest.raises(DataError, match="at most 6"):
        fit_cascade(table, 10.0, models=data.models)
    with pytest.raises(DataError, match="no model 'x'"):
        fit_cascade(table, 10.0, models=("x",))


def test_rows_with_a_hole_are_left_out():
    data = world(n=10)
    verdicts = data.scores.copy()
    verdicts[3, 1] = np.nan
    assert Judged.of(data, verdicts).rows.tolist() == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    with pytest.raises(DataError, match="every score, cost and verdict"):
        Judged.of(data, np.full(verdicts.shape, np.nan))
    with pytest.raises(DataError, match="verdicts have shape"):
        Judged.of(data, verdicts[:, :2])
    with pytest.raises(DataError, match="0 or more"):
        Judged.of(data, verdicts, judge_cost_usd=-1.0)


def test_the_expected_best_of_a_set():
    sets = np.array([[False, False], [True, False], [True, True]])
    q = np.array([[0.5, 0.8]])
    assert set_values(q, sets, 0.0)[0] == pytest.approx([0.0, 0.5, 0.9])
    assert set_values(q, sets, 1.0)[0] == pytest.approx([0.0, 0.5, 0.8])


def test_models_that_fail_together_shrink_the_gain_of_another_answer():
    apart, together = judged(error=0.0), judged(error=0.0, nested=True)
    free = fit_supermodels(apart, flat(apart)[0])
    tied = fit_supermodels(together, flat(together)[0])
    assert free.shrink < 0.1
    assert tied.shrink > 0.9
    assert free.echo < 0.1
    assert tied.echo > 0.3


def test_supermodels_buy_more_where_a_dollar_is_worth_less():
    table = judged()
    told = fit_supermodels(table, flat(table)[0])
    held = judged(seed=5)
    points = [told.evaluate(held, *flat(held), price) for price in prices(flat(held)[1])]
    costs = [point.mean_cost_usd for point in points]
    assert costs == sorted(costs, reverse=True)
    assert points[-1].mean_cost_usd == pytest.approx(1.0)  # thrift: the cheapest, once
    assert points[-1].mean_calls == 1
    gains = [beside(point, held, *flat(held)).over_zero for point in points]
    assert max(gains) > 0.1


def test_predictions_of_another_shape_are_refused():
    table = judged()
    with pytest.raises(DataError, match="rows"):
        fit_supermodels(table, np.ones((3, 3)))
    with pytest.raises(DataError, match="2 to 6 models"):
        fit_supermodels(table, flat(table)[0], models=("s",))


def test_a_cascade_stands_beside_mixing_and_routing():
    table = judged(error=0.0)
    at = beside(fit_cascade(table, 5.0).evaluate(table), table, *flat(table))
    assert at.over_zero > 0.1
    # A router that knows no prompt is the mix of the single models.
    assert at.routing_score == pytest.approx(at.zero_score, abs=1e-9)
    assert at.over_routing == pytest.approx(at.over_zero, abs=1e-9)


def test_delta_ibc_is_the_slope_beside_the_large_models():
    small, large = (0.5, 1.0), (0.9, 11.0)
    assert delta_ibc(0.7, 3.5, small=small, large=large) == pytest.approx(1.0)
    assert delta_ibc(0.9, 11.0, small=small, large=large) == pytest.approx(0.0)
    assert np.isnan(delta_ibc(0.9, 1.0, small=small, large=large))
    with pytest.raises(ValueError, match="cost more"):
        delta_ibc(0.7, 3.5, small=large, large=small)
