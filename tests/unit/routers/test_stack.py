from dataclasses import replace

import numpy as np
import pytest

from routewright import routers
from routewright.data import RoutingData
from routewright.errors import DataError
from routewright.policy import choose
from routewright.routers.base import Predictions
from routewright.routers.check import sample_data
from routewright.routers.worth import best_worth, out_of_fold, recommend_worth
from routewright.types import Prompt

TASKS = (
    "Work out {} times {} and answer with the number.",
    "Translate sentence {} of chapter {} into German.",
    "Write a Python function f{} that adds {} to its input.",
    "In which year did event {} of century {} happen?",
    "Sort these words by length: item{} thing{} apple pear.",
    "Is the following review {} of {} positive or negative?",
)


def world(n=360, seed=0, skill=None):
    """Six tasks in their own words; each of three models is good at two of them."""
    rng = np.random.default_rng(seed)
    task = rng.integers(0, len(TASKS), n)
    prompts = tuple(
        Prompt.from_text(str(i), TASKS[t].format(*rng.integers(10, 10_000, 2)), group=str(i))
        for i, t in enumerate(task)
    )
    if skill is None:
        skill = np.full((len(TASKS), 3), 0.2)
        skill[np.arange(6), np.arange(6) % 3] = 0.9
    scores = (rng.random((n, 3)) < skill[task]).astype(float)
    costs = np.tile([0.001, 0.002, 0.004], (n, 1)) * np.exp(rng.normal(0, 0.1, (n, 3)))
    return RoutingData(prompts, ("a", "b", "c"), scores, costs), skill[task]


@pytest.fixture(scope="module")
def fitted():
    data, _ = world()
    return data, routers.make("stack").fit(data)


def test_it_learns_who_is_good_at_what(fitted):
    _, router = fitted
    fresh, truth = world(seed=1)
    told = router.predict(fresh.prompts)
    chosen = choose(told.scores, told.costs, np.inf)
    assert truth[np.arange(len(fresh)), chosen].mean() > 0.85
    assert np.abs(told.scores - truth).mean() < 0.12


def test_the_constant_takes_over_when_scores_are_shuffled():
    data, _ = world()
    shuffled = np.random.default_rng(0).permutation(data.scores)
    router = routers.make("stack").fit(replace(data, scores=shuffled))
    told = router.predict(data.prompts)
    means = shuffled.mean(axis=0)
    assert np.abs(told.scores - means).mean() < 0.06


def test_weights_are_told_in_the_manifest(fitted, tmp_path):
    router = fitted[1]
    router.save(tmp_path / "stack")
    meta = routers.read_manifest(tmp_path / "stack").meta
    assert list(meta["weights"]) == ["constant", "ridge", "kernel", "profiles", "mlp"]
    assert sum(meta["weights"].values()) == pytest.approx(1)
    assert routers.load(tmp_path / "stack").recommended_worth_usd_ == router.recommended_worth_usd_


def test_out_of_fold_predictions_never_saw_their_group():
    """Pairs share a random score: whoever saw the twin would know it."""
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(list("abcdefghij"), 6)) for _ in range(60)]
    prompts = tuple(Prompt.from_text(str(i), texts[i // 2], group=str(i // 2)) for i in range(120))
    scores = np.repeat(rng.integers(0, 2, (60, 2)), 2, axis=0).astype(float)
    data = RoutingData(prompts, ("a", "b"), scores, np.ones((120, 2)))
    told = routers.make("stack").fit(data).out_of_fold_
    assert np.mean((told.scores - scores) ** 2) > 0.9 * scores.var()


def test_the_gate_draws_strange_prompts_to_the_means(fitted):
    data, _ = fitted
    router = routers.make("stack", gate=True).fit(data)
    strange = [Prompt.from_text("x", "zq " * 30)]
    mu = data.scores.mean(axis=0)
    gated = np.abs(router.predict(strange).scores[0] - mu).max()
    assert gated < 0.02
    assert routers.make("stack", gate=False).fit(data).gate_.tolist() == [0, 0]


def test_doubt_is_larger_where_members_know_less(fitted):
    data, router = fitted
    known = router.predict(data.prompts).std.mean()
    strange = router.predict([Prompt.from_text("x", "zq " * 30)]).std.mean()
    assert strange > known


def test_the_recommended_worth_keeps_quality_and_saves():
    skill = np.tile([0.3, 0.5, 0.9], (6, 1))
    skill[:3, 0] = 0.9  # the cheapest model is as good as the dearest at half of the tasks
    data, _ = world(n=600, skill=skill)
    router = routers.make("stack").fit(data)
    fresh, truth = world(n=600, seed=1, skill=skill)
    told = router.predict(fresh.prompts)
    chosen = choose(told.scores, told.costs, router.recommended_worth_usd_)
    rows = np.arange(len(fresh))
    assert truth[rows, chosen].mean() > 0.95 * 0.9
    assert fresh.costs[rows, chosen].mean() < 0.75 * fresh.costs[:, 2].mean()


def test_without_a_complete_row_nothing_is_recommended():
    data, _ = world()
    costs = data.costs.copy()
    costs[:, 0] = np.nan
    assert routers.make("stack").fit(replace(data, costs=costs)).recommended_worth_usd_ is None


def two_model_case():
    """Model b is worth 0.4 more on the first row, nothing on the second; costs 1 and 5."""
    prompts = (Prompt.from_text("0", "x"), Prompt.from_text("1", "y"))
    scores = np.array([[0.5, 0.9], [0.9, 0.9]])
    data = RoutingData(prompts, ("a", "b"), scores, np.array([[1.0, 5.0], [1.0, 5.0]]))
    return data, Predictions(data.models, scores, data.costs, np.zeros((2, 2)))


def test_best_worth_by_hand():
    data, told = two_model_case()
    worth = best_worth(told, data)
    # b on the first row pays from 4 / 0.4 = 10 dollars a unit of score on; on the second never.
    assert worth > 10
    assert choose(told.scores, told.costs, worth).tolist() == [1, 0]
    assert best_worth(told, data, keep=0.7) < 10


def test_best_worth_is_finite_when_no_setting_keeps_enough():
    data, told = two_model_case()
    worth = best_worth(told, data, keep=2.0)
    assert np.isfinite(worth)
    assert choose(told.scores, told.costs, worth).tolist() == [1, 0]


def test_any_router_can_be_asked_for_its_worth():
    data, _ = world(n=120)
    router = routers.make("ridge").fit(data)
    assert recommend_worth(router, data) == recommend_worth(router, data)


def test_out_of_fold_refits_a_copy():
    data = sample_data()
    router = routers.make("ridge").fit(data)
    before = router.predict(data.prompts).scores
    told = out_of_fold(router, data)
    assert told.scores.shape == data.scores.shape
    assert not np.array_equal(told.scores, before)
    assert np.array_equal(router.predict(data.prompts).scores, before)


def test_one_group_gives_no_folds():
    data = sample_data()
    one = replace(data, prompts=tuple(Prompt.from_text(p.id, "same") for p in data.prompts))
    with pytest.raises(DataError, match="one group"):
        recommend_worth(routers.make("zero").fit(one), one)
