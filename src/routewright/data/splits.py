"""Splits that keep a question on one side: grouped, stratified by task, repeatable."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from routewright.data.routing_data import RoutingData
from routewright.errors import ConfigError, DataError

Rows = NDArray[np.intp]
Names = Sequence[str] | NDArray[np.str_]


def split(
    data: RoutingData, *, holdout: float, seed: int, groups: Names | None = None
) -> tuple[Rows, Rows]:
    """Rows to train on and rows to test on, both ascending and never empty.

    Rows of one group stay together; every task gives about the share ``holdout`` of its rows, and
    the number of test rows is within the largest group of ``holdout * n``. Which groups are
    tested depends on the seed and the data, not on the order of its rows.

    Args:
        data: what to split.
        holdout: share of the rows to test on.
        seed: of the draw.
        groups: for each row its group (n,), in place of the data's own.

    Raises:
        ConfigError: ``holdout`` is not between 0 and 1.
        DataError: fewer than two groups.
    """
    if not 0.0 < holdout < 1.0:
        raise ConfigError(f"holdout is {holdout}; give the share to test on, between 0 and 1")
    group_of_row, sizes, order, rng = _shuffled(
        data.groups if groups is None else groups, data.tasks, seed
    )
    if len(sizes) < 2:
        raise DataError(
            f"{data.name}: {len(sizes)} group of prompts cannot be split; add different prompts"
        )
    tested = np.zeros(len(sizes), dtype=np.bool_)
    owed = 0.0  # test rows asked for so far, less those given
    for group in order:
        size = int(sizes[group])
        owed += holdout * size
        # A random bar gives a large group its fair chance; a fixed one lets single rows settle
        # the debt at once. Either way the debt never exceeds the largest group.
        bar = size * rng.random() if size > 1 else 0.5
        if owed >= bar:
            tested[group] = True
            owed -= size
    if tested.all() or not tested.any():
        smallest = order[np.argmin(sizes[order])]
        tested[smallest] = not tested[smallest]
    in_test = tested[group_of_row]
    return np.flatnonzero(~in_test), np.flatnonzero(in_test)


def _shuffled(
    groups: Names, tasks: Names, seed: int
) -> tuple[Rows, Rows, Rows, np.random.Generator]:
    """The group of every row, the groups' sizes, and an order to deal them out in.

    The order goes task by task, large groups before small, at random otherwise. A group counts
    for the first of its tasks by name, so that the order of rows does not matter.
    """
    if len(groups) != len(tasks):
        raise DataError(f"{len(groups)} groups but {len(tasks)} tasks; give one of each per row")
    names, group_of_row = np.unique(np.asarray(groups, dtype=np.str_), return_inverse=True)
    group_of_row = group_of_row.reshape(-1)
    sizes = np.bincount(group_of_row, minlength=len(names)).astype(np.intp)
    known, task_of_row = np.unique(np.asarray(tasks, dtype=np.str_), return_inverse=True)
    task = np.full(len(names), len(known), dtype=np.intp)
    np.minimum.at(task, group_of_row, task_of_row.reshape(-1))
    rng = np.random.default_rng(seed)
    turn = rng.permutation(len(known))[task]  # tasks in random order, too
    order = np.lexsort((rng.permutation(len(names)), -sizes, turn))
    return group_of_row, sizes, order, rng
