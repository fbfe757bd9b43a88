"""Prompts and the lines after them as trees of tokens, a prompt a row: see ``local``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Tree(NamedTuple):
    """B prompts with m lines each, padded to L tokens.

    Attributes:
        ids: of the tokens (B, L).
        places: their positions, as if each line followed its prompt directly (B, L).
        sees: whether a token sees another (B, L, L).
        ends: the last token of each line (B, m).
    """

    ids: NDArray[np.int64]
    places: NDArray[np.int64]
    sees: NDArray[Any]
    ends: NDArray[np.int64]


def tree_of(prompts: Sequence[list[int]], lines: Sequence[list[int]]) -> Tree:
    """The trees of prompts, each followed by all lines."""
    sizes = [len(line) for line in lines]
    longest = max(map(len, prompts)) + sum(sizes)
    ids = np.zeros((len(prompts), longest), dtype=np.int64)
    places, branch = np.zeros_like(ids), np.full_like(ids, -1)
    ends = np.zeros((len(prompts), len(sizes)), dtype=np.int64)
    branches = np.repeat(np.arange(len(sizes)) + 1, sizes)
    within = np.array([at for size in sizes for at in range(size)], dtype=np.int64)
    tokens = np.array([token for line in lines for token in line], dtype=np.int64)
    for row, trunk in enumerate(prompts):
        start, stop = len(trunk), len(trunk) + len(tokens)
        ids[row, :start], ids[row, start:stop] = trunk, tokens
        places[row, :start], places[row, start:stop] = np.arange(start), start + within
        branch[row, :start], branch[row, start:stop] = 0, branches
        ends[row] = start + np.cumsum(sizes) - 1
    order = np.arange(longest)
    # Padding is a branch of its own: what sees nothing would become NaN.
    mine = branch[:, :, None] == branch[:, None, :]
    trunk = (branch[:, None, :] == 0) & (branch[:, :, None] >= 0)
    sees = (order[None, :] <= order[:, None]) & (mine | trunk)
    return Tree(ids, places, sees, ends)
