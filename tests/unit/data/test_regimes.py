"""Folds of the four regimes: no group on both sides, whatever the order of rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from routewright.data import RoutingData
from routewright.data.prompt_columns import prompt_frame, prompts_from
from routewright.data.regimes import REGIMES, SEEDS, Fold, folds, joined_groups, seeds
from routewright.data.splits import split
from routewright.errors import ConfigError, DataError
from routewright.types import Prompt

WORDS = ("ash", "birch", "cedar", "dogwood", "elm", "fir", "ginkgo", "hazel", "ivy", "juniper")


def data_of(n: int = 240, *, tasks: int = 3, timed: bool = True, seed: int = 0) -> RoutingData:
    """Prompts in groups of up to three, some of which straddle tasks and days."""
    rng = np.random.default_rng(seed)
    prompts = tuple(
        Prompt.from_text(
            f"p{i:04}",
            " ".join(rng.permutation(WORDS)) + f" {rng.integers(10**9)}",
            task=f"t{i * tasks // n:02}",
            group=f"g{i if rng.random() < 0.6 else rng.integers(n // 2)}",
            time=f"2025-01-{1 + i * 28 // n:02}T00:00:00+00:00" if timed else "",
        )
        for i in range(n)
    )
    scores = (rng.random((n, 3)) < [0.9, 0.5, 0.7]).astype(float)
    scores[rng.random((n, 3)) < 0.05] = np.nan
    costs = rng.random((n, 3))
    return RoutingData(prompts, ("good", "poor", "fair"), scores, costs, name="made")


def ids(data: RoutingData, rows: np.ndarray) -> set[str]:
    return {data.prompts[i].id for i in rows}


def made(data: RoutingData, regime: str) -> tuple[Fold, ...]:
    return folds(data, regime, seeds=SEEDS[:4], shown=50)


@pytest.mark.parametrize("regime", REGIMES)
def test_no_group_is_on_both_sides_and_no_row_is_lost(regime: str) -> None:
    data = data_of()
    groups = joined_groups(data)
    for fold in made(data, regime):
        assert sorted([*fold.train, *fold.test]) == list(range(len(data)))
        assert not set(groups[fold.train]) & set(groups[fold.test])
        assert len(fold.train)
        assert len(fold.test)
        assert (np.diff(fold.train) > 0).all()
        assert (np.diff(fold.test) > 0).all()
        assert fold.testing(data).prompts == tuple(data.prompts[i] for i in fold.test)
        assert [p.id for p in fold.training(data)] == [data.prompts[i].id for i in fold.train]


@pytest.mark.parametrize("regime", REGIMES)
@pytest.mark.parametrize("tasks", [3, 14])
def test_the_order_of_rows_decides_nothing(regime: str, tasks: int) -> None:
    data = data_of(560, tasks=tasks)
    mixed = data.subset(np.random.default_rng(5).permutation(len(data)))
    one, other = made(data, regime), made(mixed, regime)
    assert [fold.name for fold in one] == [fold.name for fold in other]
    for a, b in zip(one, other, strict=True):
        assert ids(data, a.test) == ids(mixed, b.test)
        assert a.hidden_model == b.hidden_model
        if a.shown is not None:
            assert b.shown is not None
            assert ids(data, a.shown) == ids(mixed, b.shown)


@pytest.mark.parametrize("regime", REGIMES)
def test_duplicates_without_a_common_group_stay_together(regime: str) -> None:
    data = data_of(200)
    twins = [
        Prompt.from_text(
            f"twin{i:03}", f"  {p.text.upper()}!!", task=p.task, group=f"x{i}", time=p.time
        )
        for i, p in enumerate(data.prompts)
    ]
    both = RoutingData(
        (*data.prompts, *twins),
        data.models,
        np.vstack([data.scores] * 2),
        np.vstack([data.costs] * 2),
    )
    for fold in made(both, regime):
        in_test = np.zeros(len(both), dtype=bool)
        in_test[fold.test] = True
        assert (in_test[:200] == in_test[200:]).all()


def test_joined_groups_join_groups_through_duplicates_and_bear_the_first_name() -> None:
    texts = ["a long walk", "A  long walk!", "two short words", "another thing", "Another thing"]
    names = ["m", "c", "m", "z", "z"]
    prompts = tuple(
        Prompt.from_text(f"p{i}", text, group=group)
        for i, (text, group) in enumerate(zip(texts, names, strict=True))
    )
    data = RoutingData(prompts, ("a",), np.zeros((5, 1)), np.zeros((5, 1)))
    assert joined_groups(data).tolist() == ["c", "c", "c", "z", "z"]


def test_groups_given_outweigh_the_datas_own() -> None:
    data = data_of(60)
    given = [f"pair{i // 2}" for i in range(60)]
    train, test = split(data, holdout=0.5, seed=1, groups=given)
    assert {i ^ 1 for i in test.tolist()} == set(test.tolist())
    (fold,) = folds(data, "in-distribution", seeds=[1], holdout=0.5, groups=given)
    assert np.array_equal(fold.train, train)
    assert np.array_equal(fold.test, test)


def test_in_distribution_is_one_stratified_fold_a_seed() -> None:
    data = data_of(300)
    made = folds(data, "in-distribution", seeds=SEEDS, holdout=0.3)
    assert [fold.name for fold in made] == [f"seed {seed}" for seed in SEEDS]
    assert len({tuple(fold.test) for fold in made}) == 5
    largest = np.unique(joined_groups(data), return_counts=True)[1].max()
    for fold in made:
        for task in np.unique(data.tasks):
            wanted = 0.3 * (data.tasks == task).sum()
            # Groups that straddle tasks shift a task's share by their own rows.
            assert abs((data.tasks[fold.test] == task).sum() - wanted) <= 5 * largest


def test_a_task_left_out_is_tested_with_the_groups_that_straddle_it() -> None:
    data = data_of()
    groups = joined_groups(data)
    made = folds(data, "leave-one-task-out")
    assert [fold.name for fold in made] == ["without t00", "without t01", "without t02"]
    for fold, task in zip(made, ("t00", "t01", "t02"), strict=True):
        assert not (data.tasks[fold.train] == task).any()
        strays = fold.test[data.tasks[fold.test] != task]
        assert set(groups[strays]) <= set(groups[data.tasks == task])


def task_data(sizes: dict[str, int]) -> RoutingData:
    prompts = tuple(
        Prompt.from_text(f"{task}-{i}", f"{task} {i}", task=task, group=f"{task}-{i}")
        for task, size in sizes.items()
        for i in range(size)
    )
    cells = np.zeros((len(prompts), 2))
    return RoutingData(prompts, ("a", "b"), cells, cells, name="made")


def left_out(data: RoutingData, fold: Fold) -> set[str]:
    return set(data.tasks[fold.test])


def test_small_and_unknown_tasks_are_trained_on_and_never_left_out() -> None:
    data = task_data({"big": 30, "small": 29, "": 40})
    (fold,) = folds(data, "leave-one-task-out")
    assert fold.name == "without big"
    assert left_out(data, fold) == {"big"}
    assert set(data.tasks[fold.train]) == {"small", ""}


def test_many_tasks_of_few_data_sets_are_left_out_by_data_set() -> None:
    data = task_data({f"{s}/{i}": 10 for s in ("mmlu", "arc") for i in range(8)})
    made = folds(data, "leave-one-task-out")
    assert [fold.name for fold in made] == ["without arc", "without mmlu"]
    assert all(task.startswith("arc/") for task in left_out(data, made[0]))


def test_many_tasks_of_one_data_set_are_dealt_into_ten_folds_of_like_size() -> None:
    data = task_data({f"mmlu/{i}": 30 + i for i in range(20)} | {"mmlu/tiny": 5})
    made = folds(data, "leave-one-task-out", seeds=[42])
    assert len(made) == 10
    assert made[0].name.startswith("without 2 of 21 tasks (1 of 10): mmlu/")
    all_left_out = [task for fold in made for task in left_out(data, fold)]
    assert sorted(all_left_out) == sorted(f"mmlu/{i}" for i in range(20))
    assert max(len(fold.test) for fold in made) <= 2 * min(len(fold.test) for fold in made)
    other = folds(data, "leave-one-task-out", seeds=[7])
    assert [fold.name for fold in other] != [fold.name for fold in made]


@pytest.mark.parametrize(
    ("sizes", "reason"),
    [
        ({"only": 90}, "2 tasks or more, not 1"),
        ({"": 90}, "2 tasks or more, not 0"),
        ({"a": 29, "b": 20}, "the largest of 2 tasks has 29"),
        ({"a": 90, "b": 20}, "30 prompts beside it"),
    ],
)
def test_data_without_tasks_to_leave_out_says_so(sizes: dict[str, int], reason: str) -> None:
    with pytest.raises(DataError, match=f"made: leave-one-task-out needs .*{reason}"):
        folds(task_data(sizes), "leave-one-task-out")


def timed(times: list[str], groups: list[str] | None = None) -> RoutingData:
    prompts = tuple(
        Prompt.from_text(f"p{i}", f"text {i}", time=time, group=groups[i] if groups else f"g{i}")
        for i, time in enumerate(times)
    )
    cells = np.zeros((len(prompts), 1))
    return RoutingData(prompts, ("a",), cells, cells, name="made")


def test_temporal_trains_on_the_older_seventy_per_cent() -> None:
    days = [f"2025-03-{day:02}" for day in (5, 1, 9, 3, 7, 2, 10, 4, 8, 6)]
    (fold,) = folds(timed(days), "temporal", holdout=0.3)
    assert {days[i][-2:] for i in fold.test} == {"08", "09", "10"}
    assert fold.name == "from 2025-03-08"


def test_temporal_reads_zones_and_never_parts_one_time() -> None:
    times = ["2025-01-01T00:30:00+02:00", "2024-12-31T23:00:00", "2025-01-01T00:00:00Z"]
    (fold,) = folds(timed(times), "temporal", holdout=0.5)
    assert fold.test.tolist() in ([1, 2], [2])
    assert 0 in fold.train  # half past ten in the evening, UTC: the oldest
    ties = ["2025-01-01"] * 2 + ["2025-01-02"] * 7 + ["2025-01-03"]
    (fold,) = folds(timed(ties), "temporal", holdout=0.3)
    assert fold.train.tolist() == list(range(9))


def test_a_group_with_a_newer_prompt_is_tested_whole() -> None:
    days = [f"2025-03-{day:02}" for day in range(1, 11)]
    groups = [f"g{i}" for i in range(9)] + ["g0"]
    (fold,) = folds(timed(days, groups), "temporal", holdout=0.3)
    assert fold.test.tolist() == [0, 7, 8, 9]
    assert fold.train.tolist() == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("times", "groups", "reason"),
    [
        (["2025-01-01", ""], None, "1 of 2 have none"),
        (["2025-01-01"] * 3, None, "all have one"),
        (["2025-01-01", "2025-01-02"], ["g", "g"], "nothing to train on"),
        (["2025-01-01", "yesterday"], None, "prompt 'p1': time is 'yesterday'"),
    ],
)
def test_data_without_a_before_and_after_says_so(
    times: list[str], groups: list[str] | None, reason: str
) -> None:
    with pytest.raises(DataError, match=reason):
        folds(timed(times, groups), "temporal")


def test_a_new_model_is_known_from_the_shown_prompts_alone() -> None:
    data = data_of(400)
    made = folds(data, "new-model", seeds=SEEDS, shown=60)
    # Mean scores .9, .7, .5: the seeds take turns, the best first.
    assert [fold.hidden_model for fold in made] == ["good", "fair", "poor", "good", "fair"]
    for fold, seed in zip(made, SEEDS, strict=True):
        column = data.models.index(fold.hidden_model)
        training, testing = fold.training(data), fold.testing(data)
        assert fold.shown is not None
        assert set(fold.shown) <= set(fold.train)
        known = np.isfinite(training.scores[:, column])
        assert known.sum() == 60
        assert fold.train[known].tolist() == fold.shown.tolist()
        assert np.isnan(training.costs[~known, column]).all()
        others = [m for m in range(3) if m != column]
        assert np.array_equal(
            training.scores[:, others], data.scores[fold.train][:, others], equal_nan=True
        )
        assert np.array_equal(testing.scores, data.scores[fold.test], equal_nan=True)
        (same,) = folds(data, "in-distribution", seeds=[seed])
        assert np.array_equal(same.test, fold.test)
    assert np.isfinite(data.costs).all()  # the data themselves are not masked


def test_a_new_model_that_is_no_news_says_so() -> None:
    with pytest.raises(DataError, match=r"shows 300 outcomes of good, and training has no more"):
        folds(data_of(240), "new-model", seeds=[1])
    data = data_of(240).select_models(["good"])
    with pytest.raises(DataError, match="2 models or more"):
        folds(data, "new-model", seeds=[1])


def test_misuse_is_refused() -> None:
    data = data_of(60)
    with pytest.raises(ConfigError, match="no regime 'iid'; there are in-distribution"):
        folds(data, "iid")
    with pytest.raises(ConfigError, match="at least one"):
        folds(data, "temporal", seeds=[])
    with pytest.raises(ConfigError, match="between 0 and 1"):
        folds(data, "leave-one-task-out", holdout=1.0)
    with pytest.raises(ConfigError, match="give 1 or more"):
        folds(data, "new-model", shown=0)
    with pytest.raises(ConfigError, match="give 1 or more"):
        seeds(0)


def test_seeds_go_on_where_the_five_end_and_never_change() -> None:
    assert seeds(3) == (42, 999, 2024)
    assert seeds(5) == SEEDS
    assert len(set(seeds(40))) == 40
    assert seeds(40)[:12] == seeds(12)


def test_times_are_read_and_written_back() -> None:
    frame = pl.DataFrame(
        {
            "prompt": ["a", "b", "c", "d"],
            "time": ["2025-01-31T12:00:00Z", None, "2025-01-31", ""],
            "created_at": ["2020-01-01", "1714521600", None, None],
        }
    )
    prompts = prompts_from(frame, Path("t.csv"))
    times = [p.time for p in prompts]
    assert times[:2] == ["2025-01-31T12:00:00Z", "2024-05-01T00:00:00+00:00"]
    assert times[2:] == ["2025-01-31", ""]
    assert prompts_from(prompt_frame(prompts), Path("t.csv")) == prompts
    dated = pl.DataFrame({"prompt": ["a"]}).with_columns(time=pl.datetime(2025, 1, 2, 3, 4, 5))
    assert prompts_from(dated, Path("t.parquet"))[0].time == "2025-01-02T03:04:05.000000"
    wrong = pl.DataFrame({"prompt": ["a"], "time": ["noon"]})
    with pytest.raises(DataError, match=r"t.csv: row 1 \(prompt 'row-1'\): time is 'noon'"):
        prompts_from(wrong, Path("t.csv"))
