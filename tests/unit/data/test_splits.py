"""Splits and folds: grouped, stratified, repeatable, of the size asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routewright.data import RoutingData
from routewright.data.splits import split
from routewright.errors import ConfigError, DataError
from routewright.types import Prompt

seeds = st.integers(0, 2**32 - 1)
rows = st.lists(st.tuples(st.integers(0, 25), st.integers(0, 3)), min_size=2, max_size=120)
many_groups = rows.filter(lambda r: len({group for group, _ in r}) >= 2)


def data_of(pairs: list[tuple[int, int]]) -> RoutingData:
    prompts = tuple(
        Prompt.from_text(f"p{row}", f"text {row}", group=f"g{group}", task=f"t{task}")
        for row, (group, task) in enumerate(pairs)
    )
    cells = np.zeros((len(prompts), 1))
    return RoutingData(prompts, ("a",), scores=cells, costs=cells)


def largest(groups: np.ndarray) -> int:
    return int(np.unique(groups, return_counts=True)[1].max())


@given(pairs=many_groups, holdout=st.floats(0.01, 0.99), seed=seeds)
def test_a_split_parts_no_group_and_has_the_size_asked_for(
    pairs: list[tuple[int, int]], holdout: float, seed: int
) -> None:
    data = data_of(pairs)
    train, test = split(data, holdout=holdout, seed=seed)
    assert sorted([*train, *test]) == list(range(len(data)))
    assert not set(data.groups[train]) & set(data.groups[test])
    assert len(train)
    assert len(test)
    assert abs(len(test) - holdout * len(data)) <= largest(data.groups) + 1e-9
    again = split(data, holdout=holdout, seed=seed)
    assert np.array_equal(again[0], train)
    assert np.array_equal(again[1], test)


@given(pairs=many_groups, seed=seeds, shuffle=seeds)
def test_the_order_of_rows_decides_nothing(
    pairs: list[tuple[int, int]], seed: int, shuffle: int
) -> None:
    data = data_of(pairs)
    mixed = data.subset(np.random.default_rng(shuffle).permutation(len(data)))
    _, test = split(data, holdout=0.3, seed=seed)
    _, mixed_test = split(mixed, holdout=0.3, seed=seed)
    assert {data.prompts[i].id for i in test} == {mixed.prompts[i].id for i in mixed_test}


@given(sizes=st.lists(st.integers(1, 40), min_size=2, max_size=6), seed=seeds)
def test_every_task_gives_its_share(sizes: list[int], seed: int) -> None:
    tasks = np.repeat(np.arange(len(sizes)), sizes)
    data = data_of([(row, int(task)) for row, task in enumerate(tasks)])
    _, test = split(data, holdout=0.25, seed=seed)
    given = np.bincount(tasks[test], minlength=len(sizes))
    assert (np.abs(given - 0.25 * np.array(sizes)) <= 1.0).all()


def test_over_seeds_every_group_has_the_same_chance() -> None:
    pairs = [(0, 0)] * 6 + [(group, group % 2) for group in range(1, 31)]
    data = data_of(pairs)
    seeds_tried = 600
    tested = np.zeros(len(data))
    for seed in range(seeds_tried):
        tested[split(data, holdout=0.25, seed=seed)[1]] += 1
    # Five standard errors of a share of 0.25 over 600 seeds.
    assert np.abs(tested / seeds_tried - 0.25).max() < 5 * np.sqrt(0.25 * 0.75 / seeds_tried)


def test_equal_prompts_without_a_group_stay_together() -> None:
    texts = ["What is  2+2?", "what is 2+2?", "Name a river.", "NAME a river."]
    prompts = tuple(Prompt.from_text(f"p{i}", text) for i, text in enumerate(texts))
    cells = np.zeros((4, 1))
    train, test = split(RoutingData(prompts, ("a",), cells, cells), holdout=0.5, seed=1)
    assert {tuple(train), tuple(test)} == {(0, 1), (2, 3)}


@pytest.mark.parametrize("holdout", [0.0, 1.0, -0.1, 1.5, float("nan")])
def test_an_impossible_share_is_refused(holdout: float) -> None:
    with pytest.raises(ConfigError, match="between 0 and 1"):
        split(data_of([(0, 0), (1, 0)]), holdout=holdout, seed=0)


def test_one_question_cannot_be_split() -> None:
    with pytest.raises(DataError, match="cannot be split"):
        split(data_of([(0, 0), (0, 0)]), holdout=0.5, seed=0)
