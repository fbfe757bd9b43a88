"""Rows, alignment, differences and tasks of an evaluation."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from routewright.errors import DataError, UsageError
from routewright.evaluation import evaluate
from routewright.evaluation.policies import LEVELS
from tests.unit.evaluation.worlds import Foreseeing, clusters, table, topics

FEW = 100


def world_h(**known: object):
    scores, costs, odds, cluster = clusters()
    data = table(scores, costs, ("a", "b"), tasks=[f"z{z + 1}" for z in cluster], **known)
    return data, Foreseeing(data, odds, costs)


def test_world_h_gives_every_row_its_closed_form() -> None:
    data, router = world_h()
    e = evaluate(router, data, train_means=([0.6, 0.925], [1, 5]), replicates=FEW)
    area = {row.name: row.aiq.value for row in e.rows}
    assert area["zero_test"] == area["zero_train"] == pytest.approx(0.7625)
    assert area["foreseeing"] == pytest.approx(0.83125)
    assert area["a"] == pytest.approx(0.6)
    assert area["b"] == pytest.approx(0.7625)
    # The mean of both models lies on the line between them and ends half-way.
    assert area["random"] == pytest.approx((0.68125 + 0.7625) / 2)
    # A policy that starts dear is joined by the cheapest model, on both sides of the difference.
    assert e.row("b").minus_zero_test.value == pytest.approx(0.0)
    assert e.row("random").minus_zero_test.value == pytest.approx(area["random"] - 0.7625)
    best = e.row("oracle")
    assert (best.score.value, best.cost_usd.value) == (
        pytest.approx(0.9625),
        pytest.approx(2.45),
    )
    gain = e.row("foreseeing").minus_zero_train
    assert gain is not None
    assert gain.value == pytest.approx(0.06875)
    assert (e.c_min, e.c_max, e.best_model, e.router) == (1, 5, "b", "foreseeing")
    assert [row.kind for row in e.rows] == [
        "model", "model", "random", "zero", "zero", "oracle", "router",
    ]  # fmt: skip


def test_what_deciding_costs_is_paid_at_every_setting_and_by_nobody_else() -> None:
    data, router = world_h()
    told = router.predict(data.prompts)
    spent = np.linspace(0, 0.2, len(data))
    dear = replace(told, decision_costs=spent)
    free, paid = (evaluate(each, data, replicates=FEW) for each in (told, dear))
    one, other = free.row(free.router), paid.row(paid.router)
    assert [p.cost_usd for p in other.settings] == pytest.approx(
        [p.cost_usd + spent.mean() for p in one.settings]
    )
    assert [p.score for p in other.settings] == [p.score for p in one.settings]
    assert other.minus_zero_test.value < one.minus_zero_test.value
    assert paid.row("b") == free.row("b")
    got, bill = (sum(t.router_cost_usd * t.prompts for t in e.tasks) for e in (free, paid))
    assert bill - got == pytest.approx(spent.sum())


def test_the_recommended_setting_saves_money_before_it_gives_up_quality() -> None:
    data, router = world_h()
    row = evaluate(router, data, replicates=FEW).row("foreseeing")
    # (3, .9) keeps 97.3 % of .925 at 60 % of the cost; more quality saves nothing.
    assert (row.cost_usd.value, row.score.value) == (pytest.approx(3), pytest.approx(0.9))
    assert row.shares == {"a": 0.5, "b": 0.5}
    assert row.score.value / 0.925 >= LEVELS[3]
    assert row.neutral_cost.value == pytest.approx(1.0)


def test_a_given_willingness_to_pay_fixes_the_setting() -> None:
    data, router = world_h()
    e = evaluate(router, data, worth_usd=1 / 0.2, replicates=FEW)
    row = e.row("foreseeing")
    assert row.setting.worth_usd == 5
    assert row.shares == {"a": 1.0, "b": 0.0}
    assert e.instead == "a"  # .6 - 1/5 beats .925 - 5/5
    assert evaluate(router, data, replicates=FEW).instead == "b"


def test_tasks_show_their_own_best_model_and_the_router() -> None:
    data, router = world_h()
    first, second = evaluate(router, data, replicates=FEW).tasks
    assert (first.task, first.prompts, first.best_model) == ("z1", 200, "b")
    assert first.router_score == pytest.approx(0.9)
    assert first.single_score == pytest.approx(0.95)
    assert (second.router_cost_usd, second.single_cost_usd) == (5, 5)


def test_columns_are_aligned_by_name_and_other_models_are_left_out() -> None:
    data, router = world_h()
    turned = table(
        np.column_stack([data.scores[:, 1], np.ones(400), data.scores[:, 0]]),
        np.column_stack([data.costs[:, 1], np.full(400, 9.0), data.costs[:, 0]]),
        ("b", "other", "a"),
    )
    e = evaluate(router, turned, replicates=FEW)
    assert e.models == ("a", "b")
    assert e.row("foreseeing").aiq.value == pytest.approx(0.83125)


def test_routers_may_order_their_models_differently() -> None:
    data, router = world_h()
    mirrored = Foreseeing(data, router.scores[:, ::-1], router.costs[:, ::-1])
    mirrored.models_ = ("b", "a")
    e = evaluate({"one": router, "two": mirrored}, data, replicates=FEW)
    assert e.router == "one"
    assert e.row("two").settings == e.row("one").settings
    assert e.row("two").calibration == e.row("one").calibration


def test_incomplete_prompts_are_dropped_for_all_and_counted() -> None:
    data, router = world_h()
    scores, costs = data.scores.copy(), data.costs.copy()
    scores[3, 0], costs[7, 1] = np.nan, np.nan
    e = evaluate(router, table(scores, costs, data.models), replicates=FEW)
    assert (e.prompts, e.dropped) == (398, 2)
    kept = np.setdiff1d(np.arange(400), [3, 7])
    assert e.row("a").score.value == pytest.approx(data.scores[kept, 0].mean())


def test_groups_of_the_data_are_what_is_drawn() -> None:
    data, router = world_h(groups=[f"g{i // 40}" for i in range(400)])
    alone, _ = world_h()
    together = evaluate(router, data, replicates=400)
    assert together.groups == 10
    wide, narrow = together.row("a").score, evaluate(router, alone, replicates=400).row("a").score
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_zero_train_mixes_the_models_that_training_picked() -> None:
    # On the test prompts b is better than c; training had it the other way round.
    scores = np.tile([[0.0, 1.0, 0.0], [1.0, 1.0, 1.0]], (20, 1))
    data = table(scores, np.tile([1.0, 2.0, 2.0], (40, 1)), ("a", "b", "c"))
    router = Foreseeing(data, np.tile([0.5, 0.5, 0.9], (40, 1)), data.costs)
    e = evaluate(router, data, train_means=([0.5, 0.6, 0.9], [1, 2, 2]), replicates=FEW)
    assert e.row("zero_train").aiq.value == pytest.approx(0.5)
    assert e.row("zero_test").aiq.value == pytest.approx(0.75)
    fair, harsh = e.row("foreseeing").minus_zero_train, e.row("foreseeing").minus_zero_test
    assert fair is not None
    assert (fair.value, harsh.value) == (pytest.approx(0.0), pytest.approx(-0.25))
    assert e.row("foreseeing").minus_zero == fair


def test_without_baselines_only_the_comparison_itself_remains() -> None:
    data, router = world_h()
    e = evaluate(router, data, baselines=False, replicates=FEW)
    assert [row.name for row in e.rows] == ["a", "b", "zero_test", "foreseeing"]


def test_models_that_cost_the_same_are_flagged_and_measured_by_height() -> None:
    data, _ = world_h()
    even = table(data.scores, np.ones((400, 2)), data.models)
    e = evaluate(Foreseeing(even, data.scores, even.costs), even, replicates=FEW)
    assert e.degenerate
    assert e.row("zero_test").aiq.value == pytest.approx(0.925)
    assert e.row("foreseeing").aiq.value == pytest.approx(0.9625)


def test_equal_prices_that_differ_in_the_last_bits_of_a_sum_decide_nothing() -> None:
    rng = np.random.default_rng(0)
    odds = rng.uniform(0.2, 0.9, (600, 7))
    scores = (rng.random(odds.shape) < odds).astype(float)
    costs = np.repeat(rng.uniform(1e-5, 9e-5, (600, 1)), 7, axis=1)
    data = table(scores, costs, tuple("abcdefg"))
    train = (scores.mean(axis=0), costs.mean(axis=0))
    skilled = Foreseeing(data, odds, costs)
    guessing = Foreseeing(data, rng.uniform(0.2, 0.9, odds.shape), costs)
    e = evaluate(
        {"skilled": skilled, "guessing": guessing}, data, train_means=train, replicates=400
    )
    sees, guesses = e.row("skilled").minus_zero, e.row("guessing").minus_zero
    best = odds.max(axis=1).mean() - scores.mean(axis=0).max()
    assert sees.value == pytest.approx(best, abs=0.05)
    assert 0 < sees.low < sees.value < sees.high
    assert not guesses.above_zero
    assert e.row("zero_train").minus_zero.value == 0


def test_free_models_divide_nothing_by_zero() -> None:
    data, _ = world_h()
    free = table(data.scores, np.zeros((400, 2)), data.models)
    e = evaluate(Foreseeing(free, data.scores, free.costs), free, replicates=FEW)
    assert e.row("foreseeing").neutral_cost.value == 1.0
    assert "its cost" not in e.verdict


def test_an_evaluation_is_json_with_words_for_infinity() -> None:
    data, router = world_h()
    e = evaluate(router, data, replicates=FEW)
    back = json.loads(json.dumps(e.to_dict(), allow_nan=False))
    rows = {row["name"]: row for row in back["rows"]}
    assert rows["foreseeing"]["settings"][0]["worth_usd"] == "inf"
    assert rows["a"]["neutral_cost"]["value"] == "inf"
    assert rows["a"]["minus_zero_train"] is None
    assert back["verdict"] == e.verdict


def test_equal_seeds_give_equal_evaluations() -> None:
    data, router = world_h()
    one, two, other = (evaluate(router, data, seed=s, replicates=FEW) for s in (1, 1, 2))
    assert one == two
    assert one != other


def test_a_missing_model_is_named() -> None:
    data, router = world_h()
    with pytest.raises(DataError, match="model 'b', which the data lack"):
        evaluate(router, data.select_models(["a"]))


def test_routers_over_different_models_are_refused_by_name() -> None:
    data, router = world_h()
    other = Foreseeing(data, router.scores, router.costs)
    other.models_ = ("a", "z")
    with pytest.raises(UsageError, match=r"'one' and 'two'.*b, z"):
        evaluate({"one": router, "two": other}, data)


def test_no_complete_prompt_no_router_and_bad_arguments_are_errors() -> None:
    data, router = world_h()
    empty = table(np.full((400, 2), np.nan), data.costs, data.models)
    with pytest.raises(DataError, match="no prompt has"):
        evaluate(router, empty)
    with pytest.raises(UsageError, match="at least one router"):
        evaluate({}, data)
    with pytest.raises(UsageError, match="worth_usd"):
        evaluate(router, data, worth_usd=math.nan)
    with pytest.raises(UsageError, match="replicates"):
        evaluate(router, data, replicates=0)
    with pytest.raises(UsageError, match="all 2 models"):
        evaluate(router, data, train_means=([0.1], [0.1]))


def test_a_router_that_knows_training_prompts_only_is_a_bound() -> None:
    data, router = world_h()

    class Clairvoyant(Foreseeing):
        knows_only_training_prompts = True

    bound = Clairvoyant(data, data.scores, data.costs)
    e = evaluate({"bound": bound, "real": router}, data, replicates=FEW)
    assert (e.router, e.row("bound").kind) == ("real", "oracle")
    with pytest.raises(UsageError, match="at least one router"):
        evaluate(bound, data)


def test_unknown_rows_are_a_key_error() -> None:
    data, router, _ = topics(60, signal=True)
    e = evaluate(router, data, replicates=20)
    with pytest.raises(KeyError):
        e.row("nobody")
    assert e.row("small", "model").kind == "model"


def test_an_error_that_all_scores_of_a_model_share_widens_its_interval() -> None:
    # Scores without any spread: what is left of the interval is the audit's error alone.
    data = table(np.tile([0.5, 0.8], (60, 1)), np.tile([1.0, 2.0], (60, 1)), ("a", "b"))
    audited = replace(data, score_errors=np.array([0.0, 0.05]))
    router = Foreseeing(data, data.scores, data.costs)
    told = evaluate(router, audited, replicates=4_000)
    assert (told.row("a").score.low, told.row("a").score.high) == (0.5, 0.5)
    b = told.row("b").score
    assert b.value == pytest.approx(0.8)
    assert (b.low, b.high) == (
        pytest.approx(0.8 - 1.96 * 0.05, abs=0.006),
        pytest.approx(0.8 + 1.96 * 0.05, abs=0.006),
    )
    # The router gives everything to b at its setting: the error is its own as well.
    mine = told.row("foreseeing").score
    assert (mine.low, mine.high) == (pytest.approx(b.low), pytest.approx(b.high))
    plain = evaluate(router, data, replicates=4_000).row("b").score
    assert (plain.low, plain.high) == (pytest.approx(0.8), pytest.approx(0.8))


def test_a_difference_of_two_policies_takes_over_the_error_of_what_they_give_differently() -> None:
    data, router = world_h()
    audited = replace(data, score_errors=np.array([0.1, 0.1]))
    plain, shared = (evaluate(router, each, replicates=500) for each in (data, audited))
    for row in plain.rows:
        assert row.score.value == shared.row(row.name).score.value
    wide, narrow = shared.row("foreseeing").minus_zero_test, plain.row("foreseeing").minus_zero_test
    assert wide.high - wide.low > narrow.high - narrow.low
    # Either model's mean is unsure by .1, and most of that is in both policies.
    assert wide.high - wide.low < 0.5 * 2 * 1.96 * 0.1
