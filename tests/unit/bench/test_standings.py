import math
from dataclasses import replace

import numpy as np
import pytest

from routewright.bench import bench
from routewright.bench.controls import with_luck
from routewright.bench.entrants import entrants
from routewright.bench.fit import run
from routewright.bench.fits import path_of, read
from routewright.bench.plan import plan
from routewright.bench.section import p_value
from routewright.bench.standings import corrected, section
from routewright.bench.table import render_text
from routewright.bench.tables import prepare
from routewright.bench.verdicts import verdict
from routewright.data.regimes import coarse_tasks
from routewright.errors import ConfigError, DataError
from routewright.evaluation import evaluate
from routewright.metrics.bootstrap import Estimate
from routewright.routers.base import Predictions
from routewright.routers.table import column_means, score_means
from tests.unit.bench.worlds import table

NAMED = "length,task"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """The parts of a run with two routers on two folds, and the folder with their fits."""
    folder = tmp_path_factory.mktemp("fits")
    tables = prepare([table(150)], folder / "data")
    (part,) = plan(tables, entrants(NAMED), regimes=("in-distribution",), seeds=(1, 2))
    for work in part.folds:
        assert run(work, folder) == ()
    return folder, part


def standings_of(world, failed=(), **known):
    folder, part = world
    told = {"routers": NAMED.split(","), "replicates": 300, "advance": lambda note: None} | known
    return section(part, folder, dict(failed), **told)


def test_figures_are_means_of_what_evaluate_says_of_each_fold(world):
    folder, part = world
    found = standings_of(world).standing("length")
    data, rows = part.table.data, []
    for work in part.folds:
        (job,) = [job for job in work.jobs if job.name == "length"]
        fit = read(path_of(folder, job.key))
        training, testing = work.fold.training(data), work.fold.testing(data)
        told = Predictions(data.models, fit.scores, fit.costs, np.zeros_like(fit.scores))
        means = score_means(training), column_means(training.costs, pessimist=1)
        done = evaluate(
            {"length": told},
            testing,
            train_means=means,
            worth_usd=fit.facts.worth_usd,
            replicates=1,
        )
        rows.append(done.row("length"))
    for name in ("aiq", "minus_zero", "score", "cost_usd"):
        each = [getattr(row, name).value for row in rows]
        assert getattr(found, name).value == pytest.approx(np.mean(each)), name
    assert found.minus_zero_sd == pytest.approx(np.std([r.minus_zero.value for r in rows], ddof=1))
    assert found.above_zero == sum(row.minus_zero.value > 0 for row in rows)


def test_a_section_holds_everybody_in_order(world):
    found = standings_of(world)
    kinds = [each.kind for each in found.standings]
    assert (
        kinds
        == ["model"] * 4
        + ["random", "zero", "zero", "oracle", "router"]
        + ["control"] * 2
        + ["router"] * 2
    )
    assert found.standings[8].name == "cost-only"
    assert [each.name for each in found.standings[-2:]] == ["length", "task"]
    oracle, best = found.standing("oracle"), found.standing("best-single")
    for each in found.standings:
        assert oracle.aiq.value >= each.aiq.value - 1e-12
        assert sum(each.shares.values()) == pytest.approx(1)
        assert math.isnan(each.regret) == (each.kind in ("model", "random", "zero"))
    assert found.standing(found.best_model).score == best.score
    assert sum(found.oracle_shares.values()) == pytest.approx(1)
    assert 0 < found.smallest_effect < 1


def test_frontiers_run_over_the_range_of_costs_and_rise(world):
    found = standings_of(world)
    for name in ("task", "zero_train", "oracle"):
        line = np.array(found.standing(name).frontier)
        assert len(line) == 60
        assert line[[0, -1], 0] == pytest.approx([found.c_min, found.c_max], rel=1e-5)
        assert (np.diff(line, axis=0) >= -1e-9).all()
    assert len(found.standing("small").frontier) == 1
    assert set(found.standing("task").task_frontiers) == {"sums", "verse", "words"}
    assert set(found.standing("task").task_minus_zero) == {"sums", "verse", "words"}


def test_tasks_are_told_apart_by_the_label_and_not_by_chance(world):
    found = standings_of(world)
    task = found.standing("task")
    assert task.minus_zero.above_zero
    assert task.pair is not None
    assert task.pair.apgr.value > 0.6
    assert (task.pair.strong, task.pair.weak) == ("large", "small")
    assert task.pair.curve[0] == (0, 0)
    assert task.pair.curve[-1] == (1, 1)
    assert task.reliability is not None
    assert sum(cells for *_, cells in task.reliability.bins) == 2 * sum(
        fold.test for fold in found.folds
    )
    assert task.overhead is not None


def test_controls_are_null_and_nobody_met_the_test_prompts(world):
    found = standings_of(world)
    assert abs(found.standing("constant").minus_zero.value) < 1e-9
    assert found.standing("constant").above_zero == 0
    assert found.standing("shuffled").minus_zero.low <= 0
    assert not {each.code for each in found.findings} & {"RT001", "RT002", "RT008", "RT011"}


def test_a_router_that_failed_is_left_out_with_its_reason(world):
    _, part = world
    (job, *_) = [job for job in part.folds[1].jobs if job.name == "task"]
    found = standings_of(world, {job.key: "ValueError: no"})
    assert found.skipped == ("task: failed on 1 of 2 folds: ValueError: no",)
    assert [each.name for each in found.standings if each.kind == "router"] == [
        "cost-only",
        "length",
    ]


def test_incomplete_prompts_are_left_out_of_the_test_and_counted(tmp_path):
    data = table(90)
    scores = data.scores.copy()
    scores[::5, 0] = np.nan
    (part,) = plan(
        prepare([replace(data, scores=scores)], tmp_path / "data"),
        entrants("length"),
        regimes=("temporal",),
        seeds=(1,),
    )
    run(part.folds[0], tmp_path)
    (fold,) = standings_of((tmp_path, part), routers=["length"]).folds
    assert fold.dropped > 0
    assert fold.test + fold.dropped == len(part.folds[0].fold.test)


def test_holm_runs_over_all_claims_of_a_run(world):
    found = standings_of(world)
    done, claims = corrected([found, found])
    assert claims == 6
    for each in done[0].standings:
        assert (each.p_holm is None) == (each.kind != "router" and each.name != "shuffled")
        assert each.p_holm is None or each.p_holm >= each.p_value


def test_a_control_above_zero_voids_its_section_after_holm_over_all_controls(world):
    found = standings_of(world)
    high = Estimate(0.02, 0.001, 0.04)

    def with_control(p_value):
        return replace(
            found,
            standings=tuple(
                replace(each, minus_zero=high, p_value=p_value) if each.name == "shuffled" else each
                for each in found.standings
            ),
        )

    lucky, _ = corrected([with_control(0.03), found, found])
    assert "RT011" not in {each.code for each in lucky[0].findings}
    assert not verdict(lucky[0]).controls
    (voided, fine), _ = corrected([with_control(0.001), found])
    assert voided.findings[0].code == "RT011"
    assert [each.name for each in verdict(voided).controls] == ["shuffled"]
    assert not verdict(voided).above
    assert "RT011" not in {each.code for each in fine.findings}


def test_p_values_beyond_the_replicates_follow_the_tail():
    rng = np.random.default_rng(0)
    near, far = (np.append(mean, rng.normal(mean, 1, 2000)) for mean in (1.96, 6.0))
    assert p_value(near, 500) == pytest.approx(0.05, abs=0.02)
    assert p_value(far, 500) == pytest.approx(2e-9, rel=3)
    assert p_value(far, 500) < p_value(far, 20) < 0.001, "few groups have heavier tails"
    assert p_value(np.zeros(100), 500) == 1


def test_luck_of_the_fits_widens_the_control_s_interval():
    draws = [np.full(2001, value) for value in (0.03, -0.01, 0.02, -0.02, 0.01)]
    told = Estimate.of(with_luck(draws))
    assert told.value == pytest.approx(0.006)
    assert told.low == pytest.approx(
        0.006 - 2.776 * np.std([d[0] for d in draws], ddof=1) / 5**0.5, abs=0.004
    )
    same = Estimate.of(with_luck([np.full(2001, 0.03)] * 5))
    assert same.low == same.high == pytest.approx(0.03), "what all shuffles show is no luck"
    assert math.isnan(Estimate.of(with_luck(draws[:1])).low)


def test_many_tasks_are_read_by_the_data_set_they_belong_to():
    many = np.array([f"mmlu/{n}" for n in range(14)] + ["gsm8k"])
    assert coarse_tasks(many).tolist() == ["mmlu"] * 14 + ["gsm8k"]
    assert coarse_tasks(many[:14]).tolist() == many[:14].tolist()
    assert coarse_tasks(many[:3]).tolist() == many[:3].tolist()


def test_the_table_says_losses_and_wins_in_words(tmp_path):
    done = bench([table(150)], NAMED, out=tmp_path, seeds=2, replicates=300, jobs=1)
    text = render_text(done.board)
    for heading in ("sample, in-distribution", "sample, temporal", "Difference to the zero router"):
        assert heading in text
    (line,) = [each for each in text.splitlines() if each.startswith("task ")][:1]
    assert " above " in line
    assert "2/2" in line
    below = replace(
        done.board,
        sections=tuple(
            replace(
                part,
                standings=tuple(
                    replace(each, minus_zero=Estimate(-0.1, -0.2, -0.05), p_holm=0.001)
                    if each.name == "task"
                    else each
                    for each in part.standings
                ),
            )
            for part in done.board.sections
        ),
    )
    lines = [each for each in render_text(below).splitlines() if each.startswith("task ")]
    assert " below " in lines[0]
    assert "−.100 [−.200, −.050]" in lines[0]
    assert (tmp_path / "leaderboard.txt").read_text() == text
    assert "not run: sample: new-model shows 300" in text


@pytest.mark.parametrize(
    ("known", "error", "says"),
    [
        ({"regimes": ["sideways"]}, ConfigError, "no regime 'sideways'; there are in-dist"),
        ({"seeds": 0}, ConfigError, "0 seeds"),
        ({"replicates": 0}, ConfigError, "must be 1 or more"),
        ({"regimes": ["new-model"]}, DataError, "new-model shows 300"),
        ({"data": []}, ConfigError, "no data"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_fitted(tmp_path, known, error, says):
    told = {"data": [table()], "routers": NAMED} | known
    with pytest.raises(error, match=says):
        bench(**told, out=tmp_path)
    assert not list(tmp_path.glob("fits/*"))
