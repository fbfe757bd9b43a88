"""auto takes a learner where there is skill, and nothing where there is none."""

from __future__ import annotations

import json

import numpy as np
import pytest

from routewright import worlds
from routewright.bench import choose as module
from routewright.bench.choose import candidates, choose
from routewright.routers.baselines import ZeroRouter

LEARNERS = ("length", "ridge", "kmeans", "knn")


@pytest.fixture(scope="module")
def topics():
    """Two topics, a cheap model that is nearly as good at one of them."""
    return worlds.cluster_bernoulli(((0.9, 0.95), (0.2, 0.9)), length=20).draw(200, seed=1)


def test_a_learner_is_chosen_where_topics_tell_models_apart(topics):
    choice = choose(topics, names=LEARNERS)
    assert choice.chosen in {"ridge", "kmeans", "knn"}
    found = {each.name: each for each in choice.candidates}
    assert list(found) == ["zero", *LEARNERS]
    assert found[choice.chosen].minus_zero > 0.05
    assert found["zero"].minus_zero < 0.02
    best = max(found.values(), key=lambda each: each.minus_zero)
    assert choice.best == best.name
    # No simpler learner is nearer to the best than its error allows.
    assert LEARNERS.index(choice.chosen) <= LEARNERS.index(choice.best)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_zero_is_chosen_where_nothing_can_be_learned(seed):
    choice = choose(worlds.luck(3).draw(200, seed=seed), names=LEARNERS, seed=seed)
    assert choice.chosen == "zero"
    assert choice.reason.startswith("no evidence of skill: ")


def test_of_two_alike_the_simpler_is_chosen(topics, monkeypatch):
    monkeypatch.setattr(module.routers, "make", _stand_in(module.routers.make, {"twin": "ridge"}))
    choice = choose(topics, names=("ridge", "twin"))
    assert choice.chosen == "ridge"
    choice = choose(topics, names=("twin", "ridge"))
    assert choice.chosen == "twin"


def test_a_candidate_that_does_not_fit_into_the_time_is_passed_over(topics, monkeypatch):
    clock = Clock()
    make = _stand_in(module.routers.make, {"slow": "zero"})
    monkeypatch.setattr(module.routers, "make", clock.slowed(make, {"slow": 20.0, "ridge": 1.0}))
    choice = choose(topics, names=("ridge", "slow", "knn"), time_limit_s=60, clock=clock)
    slow = {each.name: each for each in choice.candidates}["slow"]
    assert slow.minus_zero is None
    assert slow.skipped.startswith("doesn't fit into the time limit: a fold took 20.0 s")
    assert clock.fits["slow"] == 1
    assert clock.fits["knn"] == 5  # the time that is left serves the others
    assert choice.chosen in {"ridge", "knn"}


def test_nothing_is_begun_when_the_time_is_up(topics, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module.routers, "make", clock.slowed(module.routers.make, {"zero": 100.0}))
    choice = choose(topics, names=("ridge",), time_limit_s=60, clock=clock)
    assert choice.chosen == "zero"
    assert "ridge" not in clock.fits
    assert "no time is left" in choice.candidates[1].skipped


def test_the_record_does_not_depend_on_the_clock(topics):
    told = [choose(topics, names=("length",)).to_dict() for _ in range(2)]
    assert told[0] == told[1]
    assert "fit_s" not in json.dumps(told[0])


def test_one_candidate_that_fails_does_not_stop_the_others(topics, monkeypatch):
    class Broken(ZeroRouter):
        def _fit(self, data, view):
            raise RuntimeError("no\nluck")

    make = module.routers.make
    monkeypatch.setattr(
        module.routers,
        "make",
        lambda name, **params: Broken(**params) if name == "broken" else make(name, **params),
    )
    choice = choose(topics, names=("broken", "ridge"))
    assert choice.candidates[1].skipped == "RuntimeError: no luck"
    assert choice.chosen == "ridge"


def test_too_few_prompts_are_said_to_be_too_few(topics):
    choice = choose(topics.subset(range(20)), names=("ridge",))
    assert choice.chosen == "zero"
    assert "20 prompts" in choice.reason
    assert "too few" in choice.reason


def test_groups_never_part(topics, monkeypatch):
    seen = []
    make = module.routers.make

    class Watcher(ZeroRouter):
        def fit(self, data):
            seen.append({prompt.id for prompt in data.prompts})
            return super().fit(data)

    monkeypatch.setattr(
        module.routers,
        "make",
        lambda name, **params: Watcher(**params) if name == "watch" else make(name, **params),
    )
    groups = np.array([f"g{at // 10}" for at in range(len(topics))])
    choose(topics, names=("watch",), groups=groups)
    assert len(seen) == 5
    ids = [prompt.id for prompt in topics.prompts]
    for training in seen:
        inside = np.array([id in training for id in ids])
        for group in np.unique(groups):
            assert len(set(inside[groups == group].tolist())) == 1


def test_candidates_stand_simplest_first():
    order = candidates()
    assert order[:6] == ("zero", "length", "ridge", "partial", "logistic", "svm")
    assert order.index("kmeans") < order.index("knn") < order.index("stack")
    assert not {"bert", "causal-llm"} & set(order)  # a fit of theirs can't be broken off
    assert not {"oracle", "random", "cheapest", "best-single", "cost-only", "task"} & set(order)


def test_the_table_says_which_was_best_and_which_chosen(topics):
    lines = list(choose(topics, names=("length", "ridge")).lines())
    assert [line.split()[0] for line in lines[:4]] == ["router", "zero", "length", "ridge"]
    assert lines[3].endswith("chosen")
    assert "ridge" in lines[-1]


class Clock:
    """Time that passes only where a test says so."""

    def __init__(self):
        self.now, self.fits = 0.0, {}

    def __call__(self):
        return self.now

    def slowed(self, make, seconds):
        def made(name, **params):
            self.fits[name] = self.fits.get(name, 0) + 1
            self.now += seconds.get(name, 0.0)
            return make(name, **params)

        return made


def _stand_in(make, names):
    return lambda name, **params: make(names.get(name, name), **params)
