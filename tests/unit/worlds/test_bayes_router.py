"""The positive control, and what our own routers make of these worlds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from routewright import routers, worlds
from routewright.errors import ConfigError, DataError
from routewright.evaluation import evaluate
from routewright.protocols import Predicted, Router
from routewright.types import Prompt
from tests.unit.worlds.area import areas

FOUR = [[0.9, 0.92, 0.95], [0.3, 0.85, 0.9], [0.2, 0.4, 0.8], [0.75, 0.7, 0.8]]
WORLDS = {
    "clusters": worlds.cluster_bernoulli(),
    "vague": worlds.cluster_bernoulli(FOUR, (0.1, 1, 6), separation=0.3, cost_spread=0.4),
    "blind": worlds.cluster_bernoulli(separation=0),
    "difficulty": worlds.nested_difficulty(separation=0.4),
    "luck": worlds.luck(),
    "logistic": worlds.logistic(),
    "preferences": worlds.pairwise_preference(separation=0.3),
}


@pytest.mark.parametrize("name", WORLDS)
def test_the_bayes_router_meets_the_frontier(name: str) -> None:
    world = WORLDS[name]
    data = world.draw(20_000, seed=0)
    sample, *replicates = areas(world, data, worlds.BayesRouter(world).predict(data.prompts))
    assert abs(sample - world.aiq()) < 3 * np.std(replicates)


def test_it_is_a_router_that_evaluate_takes() -> None:
    world = WORLDS["clusters"]
    router = worlds.BayesRouter(world)
    data = world.draw(1_500, seed=3)
    assert isinstance(router, Router)
    assert isinstance(router.predict(data.prompts), Predicted)
    assert router.fit(data) is router
    found = evaluate(router, data, replicates=200)
    assert found.pays
    row = next(row for row in found.rows if row.name == "bayes")
    assert row.aiq.low < world.aiq() < row.aiq.high


def test_it_knows_no_foreign_prompt_and_is_not_saved() -> None:
    router = worlds.BayesRouter(WORLDS["clusters"])
    with pytest.raises(DataError, match="'What' is no word of this world"):
        router.predict([Prompt.from_text("p1", "What is love?")])
    with pytest.raises(ConfigError, match="can't be saved"):
        router.save(Path("anywhere"))


def fitted(name: str, world: worlds.World, n: int) -> Any:
    return routers.make(name).fit(world.draw(n, seed=1))


def test_a_router_of_ours_learns_a_visible_world_from_its_words() -> None:
    world = worlds.cluster_bernoulli(FOUR, (0.1, 1, 6))
    test = world.draw(3_000, seed=2)
    best = areas(world, test, worlds.BayesRouter(world).predict(test.prompts))
    ours = areas(world, test, fitted("knn", world, 2_000).predict(test.prompts))
    assert ours[0] == pytest.approx(float(world.aiq()), abs=0.02)
    assert abs(ours[0] - best[0]) < 0.01
    assert ours[0] > world.zero_aiq() + 0.03


def test_no_router_of_ours_learns_luck() -> None:
    world = worlds.luck()
    test = world.draw(2_000, seed=3)
    told = fitted("knn", world, 1_500).predict(test.prompts)
    assert np.quantile(areas(world, test, told, hull=False)[1:], 0.025) <= 0.25


def test_one_that_has_seen_the_answers_gives_itself_away() -> None:
    world = worlds.luck()
    test = world.draw(2_000, seed=3)
    told = routers.make("oracle").fit(test).predict(test.prompts)
    assert np.quantile(areas(world, test, told, hull=False)[1:], 0.025) > 0.5
