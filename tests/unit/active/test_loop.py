"""Buying in rounds from callbacks: resumable, within the budget, honest about why it stopped."""

import asyncio

import numpy as np
import pytest

from routewright.active import buy_actively, loop
from routewright.errors import ConfigError, DataError
from routewright.types import Answer, AnswerState, Usage
from tests.unit.active.pools import pool

POOL = pool(120)
BILL = float(POOL.costs.sum())
ROW = {prompt.id: at for at, prompt in enumerate(POOL.prompts)}


class KilledError(Exception):
    pass


class Rows(list):
    """A journal in memory."""

    def rows(self):
        return list(self)


class Market:
    """Sells cells of the pool and remembers each; dies when told to."""

    def __init__(self, *, dies_after=None, fails=()):
        self.answers, self.sold, self.dies_after, self.fails = [], [], dies_after, fails

    async def buy(self, cells):
        got = []
        for prompt, model in cells:
            if self.dies_after is not None and len(self.sold) >= self.dies_after:
                raise KilledError
            key = prompt.id, model
            self.sold.append(key)
            at = ROW[prompt.id], POOL.models.index(model)
            failed = key in self.fails
            answer = Answer(
                prompt_id=prompt.id,
                model=model,
                text="yes",
                state=AnswerState.FAILED if failed else AnswerState.COMPLETE,
                usage=Usage(),
                cost_usd=0.0 if failed else float(POOL.costs[at]),
                latency_s=1.0,
            )
            got.append(answer)
            if not failed:
                self.answers.append(answer)
        return got

    async def grade(self, answers):
        return {
            (a.prompt_id, a.model): float(POOL.scores[ROW[a.prompt_id], POOL.models.index(a.model)])
            for a in answers
        }


BUDGET = 0.4 * BILL


async def run(market, rounds, *, budget=BUDGET, answers=(), seed=0, grade=None):
    return await buy_actively(
        POOL.prompts,
        POOL.models,
        budget_usd=budget,
        buy=market.buy,
        grade=grade or market.grade,
        rounds=rounds,
        answers=answers,
        seed=seed,
    )


@pytest.fixture(scope="module")
def whole():
    market, rounds = Market(), Rows()
    return market, rounds, asyncio.run(run(market, rounds))


async def test_the_budget_is_kept_and_no_cell_is_asked_twice(whole):
    market, _rounds, report = whole
    assert report.why == "the budget is spent"
    assert len(set(market.sold)) == len(market.sold)
    most = float(POOL.costs.max())
    assert 0.98 * BUDGET < report.held.spent_usd <= BUDGET + loop.STEP * most
    assert report.held.spent_usd == pytest.approx(sum(a.cost_usd for a in market.answers))


async def test_every_cell_asked_stands_in_a_plan_with_its_probability(whole):
    market, rounds, _report = whole
    planned = {
        (prompt, model): chance
        for row in rounds
        if row["kind"] == "plan"
        for prompt, model, chance in row["cells"]
    }
    assert set(market.sold) <= set(planned)
    assert all(0 < chance <= 1 for chance in planned.values())


async def test_the_anchors_are_whole_and_told_by_name(whole):
    _, rounds, report = whole
    done = [row for row in rounds if row["kind"] == "look"][-1]
    for name in report.anchors[: done["anchors"]]:
        assert report.held.asked[ROW[name]].all()


async def test_looks_show_the_frontier_beside_random_buying(whole):
    _, _, report = whole
    assert len(report.looks) >= 2
    for look in report.looks[1:]:
        assert look.aiq is not None
        assert look.random_aiq is not None
        assert 0 < look.random_usd < look.spent_usd


@pytest.mark.parametrize("dies_after", [7, 119, 150])
async def test_killed_at_any_cell_it_goes_on_as_if_it_had_not_been(whole, dies_after):
    clean, clean_rounds, clean_report = whole
    rounds = Rows()
    first = Market(dies_after=dies_after)
    with pytest.raises(KilledError):
        await run(first, rounds)
    # The call that died was not recorded; its batch was sold up to there.
    second = Market()
    report = await run(second, rounds, answers=first.answers)
    assert not {(a.prompt_id, a.model) for a in first.answers} & set(second.sold)
    assert sorted(first.sold + second.sold) == sorted(clean.sold)
    assert rounds == clean_rounds
    assert report.why == clean_report.why


async def test_a_finished_run_asks_nothing_more_and_a_larger_budget_goes_on(whole):
    market, rounds, report = whole
    again = Market()
    same = await run(again, Rows(rounds), answers=market.answers)
    assert again.sold == []
    assert same.why == report.why
    more = Market()
    longer = await run(more, Rows(rounds), answers=market.answers, budget=0.5 * BILL)
    assert more.sold
    assert not set(more.sold) & set(market.sold)
    assert longer.held.spent_usd > report.held.spent_usd


async def test_where_the_frontier_no_longer_moves_it_stops_and_says_so(monkeypatch):
    monkeypatch.setattr(loop, "settled", lambda movements: len(movements) == 2)
    report = await run(Market(), Rows(), budget=2 * BILL)
    assert report.why.startswith("the frontier no longer moves")
    assert report.held.spent_usd < 0.5 * BILL


async def test_failed_calls_cost_nothing_and_are_asked_again_by_the_next_run():
    lost = {("p3", model) for model in POOL.models} | {(p.id, "dear") for p in POOL.prompts[:60]}
    market, rounds = Market(fails=lost), Rows()
    report = await run(market, rounds, budget=0.2 * BILL)
    assert len(set(market.sold)) == len(market.sold)
    assert not np.isfinite(report.held.data.scores[ROW["p3"]]).any()
    failed = set(market.sold) & lost
    assert failed
    later = Market()
    await run(later, rounds, answers=market.answers, budget=0.4 * BILL)
    assert not set(later.sold) & {(a.prompt_id, a.model) for a in market.answers}
    assert failed & set(later.sold)


async def test_answers_that_nobody_can_grade_end_it_with_a_way_out():
    async def blind(_):
        return {}

    with pytest.raises(DataError, match="--judge"):
        await run(Market(), Rows(), grade=blind)


async def test_another_seed_or_other_prompts_do_not_mix(whole):
    market, rounds, _ = whole
    with pytest.raises(ConfigError, match="--seed 0, not 1"):
        await run(Market(), Rows(rounds), seed=1)
    with pytest.raises(DataError, match="another folder"):
        await buy_actively(
            POOL.prompts[:50],
            POOL.models,
            budget_usd=1.0,
            buy=market.buy,
            grade=market.grade,
            rounds=Rows(rounds),
        )


async def test_no_budget_and_a_single_model_are_refused():
    with pytest.raises(ConfigError, match="give more than 0"):
        await run(Market(), Rows(), budget=0.0)
    market = Market()
    with pytest.raises(DataError, match="at least two"):
        await buy_actively(
            POOL.prompts,
            ["dear"],
            budget_usd=1.0,
            buy=market.buy,
            grade=market.grade,
            rounds=Rows(),
        )
