from dataclasses import replace

import numpy as np
import pytest

from routewright import routers
from routewright.errors import DataError
from routewright.policy import choose
from routewright.routers.check import sample_data
from routewright.types import Prompt


@pytest.fixture(scope="module")
def data():
    return sample_data(n=40)


def test_zero_predicts_the_training_means(data):
    told = routers.make("zero").fit(data).predict(data.prompts)
    assert np.allclose(told.scores, data.scores.mean(axis=0))


def test_a_model_never_scored_is_taken_for_the_worst(data):
    scores = data.scores.copy()
    scores[:, 0] = np.nan
    told = routers.make("zero").fit(replace(data, scores=scores)).predict(data.prompts[:1])
    assert told.scores[0, 0] == np.nanmin(np.nanmean(scores[:, 1:], axis=0))
    assert told.std[0, 0] == 0.5


def test_cheapest_chooses_the_cheapest_at_any_worth(data):
    told = routers.make("cheapest").fit(data).predict(data.prompts)
    for worth in (0.0, 1e-3, np.inf):
        assert (choose(told.scores, told.costs, worth) == 0).all()


def test_best_single_chooses_the_best_when_quality_is_all(data):
    told = routers.make("best-single").fit(data).predict(data.prompts)
    best = int(np.argmax(data.scores.mean(axis=0)))
    assert (choose(told.scores, told.costs, np.inf) == best).all()


def test_random_hangs_on_seed_and_text_alone(data):
    one = routers.make("random").fit(data)
    twin = Prompt.from_text("another id", data.prompts[0].text)
    assert np.array_equal(
        one.predict([twin]).scores, one.predict(data.prompts[3:4] + data.prompts[:1]).scores[1:]
    )
    other = routers.make("random", seed=1).fit(data)
    assert not np.array_equal(one.predict(data.prompts).scores, other.predict(data.prompts).scores)


def test_random_chooses_every_model_alike(data):
    prompts = [Prompt.from_text(str(i), f"text {i}") for i in range(3_000)]
    told = routers.make("random").fit(data).predict(prompts)
    share = np.bincount(choose(told.scores, told.costs, np.inf)) / len(prompts)
    assert np.abs(share - 1 / 3).max() < 0.03


def test_the_oracle_knows_what_happened(data):
    oracle = routers.make("oracle").fit(data)
    told = oracle.predict(data.prompts[::-1])
    assert np.array_equal(told.scores, data.scores[::-1])
    assert np.array_equal(told.costs, data.costs[::-1])
    assert oracle.knows_only_training_prompts


def test_the_oracle_says_that_it_knows_only_training_prompts(data, tmp_path):
    oracle = routers.make("oracle").fit(data)
    oracle.save(tmp_path / "oracle")
    for router in (oracle, routers.load(tmp_path / "oracle")):
        with pytest.raises(DataError, match="'new': the oracle knows only prompts it was fitted"):
            router.predict([Prompt.from_text("new", "hello")])


def test_length_looks_at_length_alone(data):
    router = routers.make("length").fit(data)
    a, b, c = (Prompt.from_text(t, t) for t in ("what is it", "who is she", "a" * 500))
    told = router.predict([a, b, c]).scores
    assert np.array_equal(told[0], told[1])
    assert not np.allclose(told[0], told[2])


def test_a_prediction_needs_a_fit():
    with pytest.raises(RuntimeError, match=r"call fit\(data\) first"):
        routers.make("zero").predict([])


@pytest.mark.parametrize(
    ("rows", "models", "scored", "says"),
    [
        (5, ["m0"], True, "at least two models"),
        (0, None, True, "no prompts"),
        (5, None, False, "no score"),
    ],
)
def test_data_that_teaches_nothing_is_refused(data, rows, models, scored, says):
    cut = data.subset(np.arange(rows)).select_models(models or data.models)
    if not scored:
        cut = replace(cut, scores=np.full(cut.scores.shape, np.nan))
    with pytest.raises(DataError, match=says):
        routers.make("zero").fit(cut)
