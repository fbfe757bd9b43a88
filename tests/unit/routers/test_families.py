"""The classical families: each learns what there is to learn, and nothing from noise."""

from dataclasses import replace

import numpy as np
import pytest

from routewright import routers, worlds
from routewright.routers.table import centre

FAMILIES = ("logistic", "svm", "mlp", "irt", "forest", "boosting")

TOPICS = worlds.cluster_bernoulli(
    ((0.9, 0.3, 0.6), (0.2, 0.8, 0.6), (0.5, 0.5, 0.9)), (1.0, 2.0, 3.0)
)


@pytest.fixture(scope="module")
def topics():
    return TOPICS.drawn(500, seed=1), TOPICS.drawn(150, seed=2)


def relative(table):
    return centre(table, np.ones(table.shape, bool))


@pytest.mark.parametrize("name", FAMILIES)
def test_differences_between_topics_are_found(name, topics):
    train, test = topics
    told = routers.make(name).fit(train.data).predict(test.data.prompts)
    error = np.abs(relative(told.scores) - relative(test.scores)).mean()
    means = train.data.scores.mean(axis=0) + np.zeros((150, 1))
    assert error < 0.4 * np.abs(relative(means) - relative(test.scores)).mean()
    assert (told.scores.argmax(axis=1) == test.scores.argmax(axis=1)).mean() > 0.95


@pytest.mark.parametrize("name", FAMILIES)
def test_differences_are_found_behind_holes(name, topics):
    train, test = topics
    cut = worlds.with_missing(train.data, 0.4, seed=3)
    told = routers.make(name).fit(cut).predict(test.data.prompts)
    assert (told.scores.argmax(axis=1) == test.scores.argmax(axis=1)).mean() > 0.85


@pytest.mark.parametrize("name", FAMILIES)
def test_noise_is_answered_with_nearly_the_means(name, topics):
    train, test = topics
    rng = np.random.default_rng(0)
    noise = replace(train.data, scores=(rng.random((500, 3)) < (0.3, 0.5, 0.7)).astype(float))
    told = routers.make(name).fit(noise).predict(test.data.prompts)
    away = relative(told.scores - noise.scores.mean(axis=0))
    assert np.sqrt((away**2).mean()) < 0.04


@pytest.mark.parametrize("name", FAMILIES)
def test_a_model_never_scored_gets_the_worst_mean_or_less_where_another_gets_less(name, topics):
    train, test = topics
    scores = train.data.scores.copy()
    scores[:, 1] = np.nan
    told = routers.make(name).fit(replace(train.data, scores=scores)).predict(test.data.prompts)
    worst = min(scores[:, 0].mean(), scores[:, 2].mean())
    least = told.scores[:, [0, 2]].min(axis=1)
    assert told.scores[:, 1] == pytest.approx(np.minimum(least, worst))


@pytest.mark.parametrize("name", ["logistic", "svm"])
def test_more_prompts_leave_less_doubt(name):
    few, many = TOPICS.draw(60, seed=1), TOPICS.draw(400, seed=1)
    asked = TOPICS.draw(60, seed=2).prompts
    doubts = [routers.make(name).fit(data).predict(asked).std.mean() for data in (few, many)]
    assert doubts[1] < doubts[0]


def test_irt_orders_prompts_as_a_logistic_world_does():
    world = worlds.logistic()
    train, test = world.drawn(1500, seed=1), world.drawn(300, seed=2)
    told = routers.make("irt").fit(train.data).predict(test.data.prompts).scores
    wanted = test.scores[:, 0] - test.scores[:, 3]
    assert np.corrcoef(told[:, 0] - told[:, 3], wanted)[0, 1] > 0.8


@pytest.mark.parametrize("near", [1, 3])
def test_kmeans_blends_as_many_clusters_as_asked(near, topics):
    train, test = topics
    router = routers.make("kmeans", clusters=8, near=near).fit(train.data)
    assert router.clusters_.near == near
    nearest, weights = router.clusters_.around(router.space_.view(test.data.prompts).places)
    assert nearest.shape == weights.shape == (150, near)
    assert weights.sum(axis=1) == pytest.approx(np.ones(150))
    assert near == 1 or weights[:, 0].mean() > weights[:, -1].mean()
