import math
from dataclasses import replace

import numpy as np
import pytest

from routewright.bench import fits
from routewright.bench.entrants import entrants
from routewright.bench.fit import run, shuffled
from routewright.bench.plan import dealt, plan
from routewright.bench.tables import fingerprint, prepare
from routewright.errors import ConfigError, DataError
from tests.unit.bench.worlds import PLUG_IN, table

FACTS = fits.Facts(("a", "b"), 0.5, 1.0, 2.0, 3.0, None, 0)


def planned(out, *, names="ridge", regimes=("in-distribution",), data=None, **known):
    tables = prepare([table() if data is None else data], out / "data")
    return plan(tables, entrants(names), regimes=regimes, seeds=known.pop("seeds", (1, 2)), **known)


def jobs(parts):
    return [job for part in parts for each in part.folds for job in each.jobs]


def test_a_fit_reads_back_exactly(tmp_path):
    fit = fits.Fit(np.random.default_rng(0).random((3, 2)), np.full((3, 2), 1e-9), FACTS)
    fits.write(tmp_path / "one.safetensors", fit)
    again = fits.read(tmp_path / "one.safetensors")
    assert np.array_equal(fit.scores, again.scores)
    assert np.array_equal(fit.costs, again.costs)
    assert again.facts == FACTS
    assert again.decision_costs is None
    fits.write(tmp_path / "one.safetensors", replace(fit, decision_costs=np.arange(3.0)))
    told = fits.read(tmp_path / "one.safetensors").decision_costs
    assert told is not None
    assert told.tolist() == [0, 1, 2]
    assert fits.keys_in(tmp_path) == {"one"}


@pytest.mark.parametrize("cut", [0, 20, -5])
def test_a_damaged_fit_is_named(tmp_path, cut):
    path = tmp_path / "one.safetensors"
    fits.write(path, fits.Fit(np.zeros((3, 2)), np.zeros((3, 2)), FACTS))
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DataError, match=r"one\.safetensors: not a fit .*delete it and go on"):
        fits.read(path)


def test_the_key_follows_from_all_that_a_fit_follows_from(tmp_path):
    keys = {job.key for job in jobs(planned(tmp_path, names="ridge,knn"))}
    assert keys == {job.key for job in jobs(planned(tmp_path, names="ridge,knn"))}
    fewer = {job.key for job in jobs(planned(tmp_path, names="ridge"))}
    assert fewer < keys, "a router more changes nobody else's key"
    others = [
        planned(tmp_path, seeds=(3, 4)),
        planned(tmp_path, holdout=0.4),
        planned(tmp_path, regimes=("temporal",)),
        planned(tmp_path, data=table(seed=1)),
        planned(tmp_path, data=table().select_models(["large", "small"])),
    ]
    assert all(not keys & {job.key for job in jobs(each)} for each in others)


def test_the_same_data_twice_is_refused_and_twins_keep_apart(tmp_path):
    with pytest.raises(ConfigError, match="the same data as sample"):
        prepare([table(), table(name="other")], tmp_path)
    table().save(tmp_path / "one" / "same")
    table(seed=1).save(tmp_path / "two" / "same")
    found = prepare([tmp_path / "one" / "same", tmp_path / "two" / "same"], tmp_path / "kept")
    assert [each.name for each in found] == ["same", str(tmp_path / "two" / "same")]


def test_the_copy_has_the_same_outcomes_and_joined_groups(tmp_path):
    data = table()
    twin = replace(
        data, prompts=(*data.prompts[:-1], replace_text(data.prompts[-1], data.prompts[0]))
    )
    (kept,) = prepare([twin], tmp_path)
    assert kept.data.groups[0] == kept.data.groups[-1]
    assert len(set(kept.data.groups.tolist())) == len(data) - 1
    assert np.array_equal(kept.data.scores, data.scores)
    assert np.array_equal(kept.data.costs, data.costs)
    assert kept.digest == fingerprint(twin) != fingerprint(data)


def replace_text(prompt, other):
    return type(prompt).from_text(prompt.id, other.text.upper(), task=prompt.task)


def test_a_regime_that_the_data_cannot_give_keeps_its_reason(tmp_path):
    (part,) = planned(tmp_path, regimes=("new-model",))
    assert not part.folds
    assert "new-model shows 300" in part.skipped[0]


def test_every_section_has_five_shuffles_or_more(tmp_path):
    for regime, seeds in (("in-distribution", (1, 2)), ("temporal", (1,))):
        (part,) = planned(tmp_path, regimes=(regime,), seeds=seeds)
        assert sum(job.shuffled > 0 for job in jobs([part])) >= 5


def test_work_is_dealt_once_and_what_is_there_not_again(tmp_path):
    parts = planned(tmp_path, names="ridge,knn")
    every = sorted(job.key for job in jobs(parts))
    for hands in (1, 2, 7):
        work = dealt(parts, set(), hands=hands)
        assert sorted(job.key for each in work for job in each.jobs) == every
        assert len(work) >= min(hands, len(every))
        assert [each.weight for each in work] == sorted((e.weight for e in work), reverse=True)
    rest = dealt(parts, set(every[:-1]), hands=2)
    assert [job.key for each in rest for job in each.jobs] == every[-1:]


def test_one_router_that_fails_takes_no_other_with_it(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(PLUG_IN)
    named = entrants("length", [f"{file}:Fragile", f"{file}:Boundless"])
    (part,) = plan(prepare([table()], tmp_path / "data"), named, regimes=("temporal",), seeds=(1,))
    (work,) = part.folds
    failures = {each.key: each.reason for each in run(work, tmp_path)}
    failed = [(job.name, failures[job.key]) for job in work.jobs if job.key in failures]
    assert ("fragile", "ValueError: I don't like these data") in failed
    assert ("boundless", "predicted scores are not all finite") in failed
    done = {job.name for job in work.jobs if fits.path_of(tmp_path, job.key).exists()}
    assert done == {"cost-only", "length", "task"}


def test_a_fit_holds_predictions_of_its_fold_and_what_they_took(tmp_path):
    (part,) = planned(tmp_path, names="ridge", regimes=("temporal",))
    (work,) = part.folds
    assert run(work, tmp_path) == ()
    data = part.table.data
    for job in work.jobs:
        fit = fits.read(fits.path_of(tmp_path, job.key))
        assert fit.scores.shape == (len(work.fold.test), 2)
        assert fit.facts.models == data.models
        assert fit.facts.fit_s > 0
        assert fit.facts.decision_ms_p95 >= fit.facts.decision_ms_p50 > 0
        assert fit.facts.encoder_saw == 0
        assert (fit.facts.artefact_bytes or 0) > 1000
        assert fit.facts.worth_usd == math.inf if job.shuffled else fit.facts.worth_usd > 0
    (ridge,) = [job for job in work.jobs if job.name == "ridge"]
    alone = ridge.entrant.make(ridge.seed).fit(work.fold.training(data))
    told = alone.predict(work.fold.testing(data).prompts)
    kept = fits.read(fits.path_of(tmp_path, ridge.key))
    assert np.array_equal(kept.scores, told.scores), "sharing what was seen changes nothing"
    assert np.array_equal(kept.costs, told.costs)


def test_shuffling_moves_whole_rows_and_every_group():
    data = table()
    other = shuffled(data, 3)
    assert other.prompts == data.prompts
    rows = {tuple(row) for row in np.hstack([data.scores, data.costs]).tolist()}
    moved = np.hstack([other.scores, other.costs])
    assert {tuple(row) for row in moved.tolist()} == rows
    assert (other.costs != data.costs).any(axis=1).all()
    assert np.array_equal(shuffled(data, 3).costs, other.costs)
    assert not np.array_equal(shuffled(data, 4).costs, other.costs)
