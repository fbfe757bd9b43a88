"""Folds that never split a group."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def group_folds(groups: NDArray[np.str_], count: int = 5, seed: int = 0) -> list[NDArray[np.intp]]:
    """Rows of each fold; rows of one group share a fold, and folds are of like size.

    Groups are shuffled, then handed out largest first to the smallest fold. Fewer groups than
    ``count`` give fewer folds.
    """
    names, code, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-sizes[order], kind="stable")]
    filled = np.zeros(min(count, len(names)), dtype=np.int64)
    home = np.empty(len(names), dtype=np.intp)
    for group in order:
        home[group] = np.argmin(filled)
        filled[home[group]] += sizes[group]
    return [np.flatnonzero(home[code] == fold) for fold in range(len(filled))]


FEWEST = 20
"""Prompts below which no held-out part says anything: a learner then keeps to the means."""


def held_out(
    groups: NDArray[np.str_], count: int, seed: int = 0
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Rows to learn from and rows held out, once for each fold; none where rows are too few."""
    folds = group_folds(groups, count, seed)
    if len(groups) < FEWEST or len(folds) < 2:
        return []
    return [(np.setdiff1d(np.arange(len(groups)), held), held) for held in folds]
