"""Where facts come from: the evaluation, its draws, the data, and the files beside them."""

import json
from datetime import date

import numpy as np
import polars as pl
import pytest

import routewright as rw
from routewright.encoders import TextSpace
from routewright.errors import DataError
from routewright.evaluation.checks import check, facts_of, from_data, from_folder
from routewright.evaluation.checks.gather import gather
from routewright.evaluation.checks.labels import constant_models, equal_models
from routewright.evaluation.checks.paired import gain_apart, paired
from routewright.routers import load, make
from routewright.routers.check import sample_data
from routewright.types import Prompt
from tests.unit.evaluation.worlds import Foreseeing, table, topics


def measured(**options):
    data, router, means = topics(300, signal=True)
    # A second router that knows nothing, under the name of the length router.
    flat = Foreseeing(data, np.tile(means[0], (len(data), 1)), np.tile(means[1], (len(data), 1)))
    told = {"stack": router.predict(data.prompts), "length": flat.predict(data.prompts)}
    evaluation = rw.evaluate(told, data, train_means=means, replicates=200, **options)
    return evaluation, told, data, means


def test_an_evaluation_tells_the_facts_of_its_own_router():
    evaluation, *_ = measured(worth_usd=0.01)
    facts, row = facts_of(evaluation), evaluation.row("stack")
    assert (facts.router, facts.prompts, facts.pays) == ("stack", 300, evaluation.pays)
    assert facts.minus_zero == row.minus_zero_train
    assert facts.shares == row.shares
    assert facts.slope == row.calibration.slope
    assert facts.zero_from_training is True
    assert facts.setting_from_test is False
    assert facts.controls is None, "there was no control"
    assert facts_of(evaluation, kappa=0.2, prompts=7).prompts == 7


def test_without_training_means_and_worth_two_checks_say_so():
    data, router, _ = topics(200, signal=True)
    found = check(facts_of(rw.evaluate(router, data, replicates=50)))
    assert {"RT015", "RT017"} <= {each.code for each in found}


def test_paired_differences_are_those_of_the_table():
    evaluation, told, data, means = measured()
    facts = paired(evaluation, told, data, means)
    ours, theirs = (evaluation.row(name).minus_zero.value for name in ("stack", "length"))
    assert facts["minus_length"].value == pytest.approx(ours - theirs)
    gap = evaluation.row("stack").score.value - evaluation.row("large", "model").score.value
    assert facts["minus_best"].value == pytest.approx(gap)
    # Scores are 0 and 1: prompts where one of the two is right are at most those not given to it.
    assert 0 < facts["discordance"] <= 1 - evaluation.row("stack").shares["large"]


def test_against_a_blind_length_router_the_paired_interval_is_that_to_zero():
    evaluation, told, data, means = measured()
    told_by_pairs = paired(evaluation, told, data, means)["minus_length"]
    zero = evaluation.row("stack").minus_zero
    assert [told_by_pairs.low, told_by_pairs.high] == pytest.approx([zero.low, zero.high], abs=1e-9)


def test_the_gain_apart_is_that_of_the_other_prompts():
    _, told, data, means = measured()
    met = np.arange(len(data)) < 100
    apart = gain_apart(told["stack"], data, met, means)
    rest = told["stack"]
    cut = type(rest)(rest.models, rest.scores[100:], rest.costs[100:], rest.std[100:])
    again = rw.evaluate(cut, data.subset(~met), train_means=means, replicates=1)
    assert apart == pytest.approx(again.row(again.router).minus_zero.value)
    assert gain_apart(told["stack"], data, np.arange(len(data)) < 271, means) is None


def test_constant_and_equal_columns_are_found_where_chance_is_no_excuse():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 2, 40).astype(float), rng.integers(0, 2, 40).astype(float)
    scores = np.column_stack([a, b, a, np.ones(40), np.ones(40)])
    scores[0, 0] = np.nan
    models = ("a", "b", "c", "one", "two")
    assert constant_models(models, scores) == ("one", "two")
    assert equal_models(models, scores) == (("a", "c"),)
    assert constant_models(models, scores[:29]) == ()
    assert equal_models(models, scores[:30]) == (), "29 prompts with both scores"


def prompts(*texts):
    given = tuple(Prompt.from_text(f"p{i}", text) for i, text in enumerate(texts))
    data = table(np.zeros((len(texts), 2)), np.ones((len(texts), 2)), ("a", "b"))
    return type(data)(given, data.models, data.scores, data.costs)


def test_overlap_and_encoder_are_told_apart_and_not_told_twice():
    test = prompts("What is a kite?", "Name a river", "Count to ten", "")
    training = prompts("what  is a kite?", "Something else", "")
    space = TextSpace("").fit([*training.prompts, Prompt.from_text("x", "name a RIVER")])
    facts = from_data.contamination(test, from_data.overlap(test, training), space)
    assert (facts["exact"].count, facts["exact"].examples) == (1, ("p0",))
    assert facts["near"].count == 0
    assert (facts["encoder_saw"].count, facts["encoder_saw"].examples) == (1, ("p1",))
    alone = from_data.contamination(test, None, space)
    assert "exact" not in alone
    assert alone["encoder_saw"].examples == ("p0", "p1")


def test_a_space_that_does_not_remember_is_not_checked():
    test = prompts("What is a kite?")
    state = TextSpace("").fit(test.prompts).state()
    del state["fitted_on"]
    old = TextSpace.restore(state)
    assert from_data.contamination(test, None, old) == {}


def test_the_states_of_answers_are_shares_of_each_model(tmp_path):
    states = ["complete"] * 6 + ["truncated"] * 3 + ["empty"]
    rows = [
        {"prompt_id": f"p{i}", "model": model, "state": state, "mark": mark}
        for model, mark in (("a", 5.0), ("b", None), ("c", 1.0))
        for i, state in enumerate(states)
    ]
    pl.DataFrame(rows).write_parquet(tmp_path / "responses.parquet")
    every = [f"p{i}" for i in range(10)]
    assert from_folder.unusable(tmp_path, ("a", "b"), every) == {
        "a": {"empty": 0.1, "truncated": 0.3},
        "b": {"empty": 0.1, "truncated": 0.3, "ungraded": 0.6},
    }
    assert from_folder.unusable(tmp_path, ("a",), ["p0", "p6"]) == {"a": {"truncated": 0.5}}
    assert from_folder.unusable(tmp_path, ("a",), ["p0"]) == {"a": {}}
    assert from_folder.unusable(tmp_path, ("other",), every) is None
    assert from_folder.unusable(tmp_path / "none", ("a",), every) is None


def test_prices_of_artefact_and_data_count_by_the_older(tmp_path):
    priced = {"a": "2026-03-01", "b": "2026-05-01", "c": "9999-12-31", "d": "soon"}
    models = {model: {"price": {"valid_from": day}} for model, day in priced.items()}
    (tmp_path / "manifest.json").write_text(json.dumps({"models": models}))
    recorded = {"a": "2026-04-01", "b": "2026-04-15", "e": "2026-01-01"}
    assert from_folder.priced_from(recorded, tmp_path, ("a", "b", "c", "d")) == {
        "a": date(2026, 3, 1),
        "b": date(2026, 4, 15),
        "c": date.max,
    }


@pytest.mark.parametrize("content", ["[]", '{"models": [1]}', '{"models": {"a": 1}}', "{}"])
def test_a_manifest_of_something_else_tells_no_prices(tmp_path, content):
    (tmp_path / "manifest.json").write_text(content)
    assert from_folder.prices_of(tmp_path) == {}


def test_a_file_that_is_not_json_is_named(tmp_path):
    (tmp_path / "agreement.json").write_text("{")
    with pytest.raises(DataError, match=r"agreement\.json: not valid JSON"):
        from_folder.kappa(tmp_path)


def test_an_undefined_kappa_is_unknown(tmp_path):
    (tmp_path / "agreement.json").write_text('{"weighted_kappa": null}')
    assert from_folder.kappa(tmp_path) is None


def test_the_catalogue_dates_the_models_that_it_knows():
    dated = from_folder.catalogue_of(["smollm2-135m-instruct", "nobody-knows"])
    assert list(dated) == ["smollm2-135m-instruct"]


def test_a_router_whose_space_was_fitted_on_everything_is_caught(tmp_path):
    data = sample_data()
    trained = np.arange(len(data)) < len(data) // 2
    router = make("ridge").fit(data)  # on the test prompts, too
    router.save(tmp_path / "router")
    router = load(tmp_path / "router")
    means = (router.train_means_["scores"], router.train_means_["costs"])
    told = {"ridge": router.predict(data.subset(~trained).prompts)}
    evaluation = rw.evaluate(told, data.subset(~trained), train_means=means, replicates=50)
    facts = gather(
        evaluation,
        router,
        told,
        data,
        trained=trained,
        train_means=means,
        folder=tmp_path,
        today=date(2026, 6, 1),
    )
    assert facts.encoder_saw.count == evaluation.prompts
    assert "RT008" in {each.code for each in check(facts)}
