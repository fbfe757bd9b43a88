"""Worlds that change under a router's feet."""

from __future__ import annotations

import numpy as np
import pytest

from routewright import policy, worlds
from routewright.data.regimes import folds
from routewright.errors import ConfigError, UnknownModelError

WORLD = worlds.cluster_bernoulli(cost_spread=0.2)


def test_a_price_changes_costs_and_decisions_and_nothing_else() -> None:
    cheap = worlds.with_price_change(WORLD, "B", 0.5)
    before, after = WORLD.drawn(300, seed=1), cheap.drawn(300, seed=1)
    assert after.data.prompts == before.data.prompts
    assert np.array_equal(after.data.scores, before.data.scores)
    np.testing.assert_allclose(after.data.costs, before.data.costs * [1, 0.5])
    # B is .05 better on easy prompts: worth 4 at .0125 a dollar, worth 1.5 at .0333.
    chosen = [policy.choose(d.scores, d.costs, 50) for d in (before, after)]
    easy = before.kinds == 0
    assert set(chosen[0][easy]) == {0}
    assert set(chosen[1][easy]) == {1}
    with pytest.raises(UnknownModelError, match="no model 'C'"):
        worlds.with_price_change(WORLD, "C", 0.5)
    with pytest.raises(ConfigError, match="above 0"):
        worlds.with_price_change(WORLD, "B", 0)


def test_a_new_model_leaves_the_outcomes_of_the_others() -> None:
    more = worlds.with_new_model(WORLD, "C", (0.5, 0.99), 2.0)
    old, new = WORLD.draw(300, seed=1), more.draw(300, seed=1)
    assert new.prompts == old.prompts
    assert np.array_equal(new.scores[:, :2], old.scores)
    assert np.array_equal(new.costs[:, :2], old.costs)
    assert more.aiq(1, 5) > WORLD.aiq(1, 5)
    with pytest.raises(ConfigError, match="'B' already"):
        worlds.with_new_model(WORLD, "B", 0.5, 1)
    with pytest.raises(ConfigError, match="each of 2 kinds"):
        worlds.with_new_model(WORLD, "C", (0.5, 0.5, 0.5), 1)
    with pytest.raises(ConfigError, match="needs strengths"):
        worlds.with_new_model(worlds.tie_heavy(), "C", 0.5, 1)


def test_an_unseen_cluster_is_met_in_the_test_alone_and_gets_the_zero_action() -> None:
    whole = worlds.cluster_bernoulli([[0.9, 0.95], [0.3, 0.9], [0.8, 0.1]], (1, 5))
    train, test = worlds.with_unseen_cluster(whole, 1)
    assert set(train.drawn(500, seed=1).kinds) == {0, 2}
    foreign = test.drawn(200, seed=1)
    assert set(foreign.kinds) == {1}
    told, costs = train.expected(foreign.data)
    for worth in (0.0, 3.0, 30.0, 1e9):
        chosen = policy.choose(told, costs, worth)
        zero = train.single_models[None]
        assert set(chosen) == set(policy.choose(zero[:, :, 1], zero[:, :, 0], worth))
    with pytest.raises(ConfigError, match="can't be left out"):
        worlds.with_unseen_cluster(worlds.luck(), 0)


def test_a_drift_turns_the_world_round_at_its_time() -> None:
    other = worlds.cluster_bernoulli(((0.3, 0.9), (0.9, 0.95)), cost_spread=0.2)
    year = worlds.with_drift(WORLD, other, 0.25)
    data = year.draw(4_000, seed=1)
    times = [prompt.time for prompt in data]
    assert times == sorted(times)
    assert len({prompt.id for prompt in data}) == 4_000
    told, _ = year.expected(data)
    np.testing.assert_allclose(told[:1_000], WORLD.expected(data.prompts[:1_000])[0])
    np.testing.assert_allclose(told[1_000:], other.expected(data.prompts[1_000:])[0])
    assert not np.allclose(told[:1_000], other.expected(data.prompts[:1_000])[0])
    easy = WORLD.expected(data)[0][:, 0] > 0.5
    a_is_right = data.scores[:, 0]
    assert a_is_right[:1_000][easy[:1_000]].mean() > 0.8
    assert a_is_right[1_000:][easy[1_000:]].mean() < 0.4


def test_a_drift_may_come_before_or_after_all_prompts() -> None:
    other = worlds.with_price_change(WORLD, "A", 3)
    assert worlds.with_drift(WORLD, other, 0).draw(40, seed=1).costs[:, 0].mean() > 2
    assert worlds.with_drift(WORLD, other, 1).draw(40, seed=1).costs[:, 0].mean() < 2


def test_a_model_that_comes_later_has_no_past() -> None:
    year = worlds.with_drift(WORLD, worlds.with_new_model(WORLD, "C", 0.9, 3.0))
    data = year.draw(101, seed=1)
    assert data.models == ("A", "B", "C")
    known = np.isfinite(data.scores[:, 2])
    assert known.sum() == 51
    assert known[-51:].all()
    assert np.array_equal(np.isfinite(year.expected(data)[0][:, 2]), known)


def test_the_temporal_regime_parts_a_drift_where_it_happens() -> None:
    year = worlds.with_drift(WORLD, worlds.with_price_change(WORLD, "B", 0.1), 0.7)
    data = year.draw(300, seed=2)
    (fold,) = folds(data, "temporal", groups=data.groups)
    assert len(fold.test) == 90
    assert data.costs[fold.train, 1].mean() > 5 * data.costs[fold.test, 1].mean()


def test_only_worlds_that_fit_together_drift() -> None:
    with pytest.raises(ConfigError, match="must begin with"):
        worlds.with_drift(WORLD, worlds.cluster_bernoulli(models=("B", "A")))
    with pytest.raises(ConfigError, match="one language"):
        worlds.with_drift(WORLD, worlds.cluster_bernoulli(seed=1))
    with pytest.raises(ConfigError, match="at is 2"):
        worlds.with_drift(WORLD, WORLD, 2)
