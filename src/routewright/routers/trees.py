"""Decision trees as plain arrays: grown by scikit-learn, walked in numpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routewright.errors import require

Floats = NDArray[np.float64]
Float32 = NDArray[np.float32]
Ints = NDArray[np.int32]
Rows = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Trees:
    """T trees, their nodes laid end to end (N,); a leaf is its own child.

    Attributes:
        feature: the column that a node looks at.
        threshold: a row goes left where its column is at most this.
        left: where it goes then.
        right: where it goes otherwise.
        value: what a leaf says (N, q).
        root: the first node of each tree (T,).
        depth: steps from a root to the farthest leaf of any tree.
    """

    feature: Ints
    threshold: Floats
    left: Ints
    right: Ints
    value: Floats
    root: Ints
    depth: int

    def leaves(self, row: Float32) -> Ints:
        """The leaf of every tree (T,) in which a row (f,) ends: all trees walk at once."""
        node = self.root
        for _ in range(self.depth):
            goes_left = row[self.feature[node]] <= self.threshold[node]
            node = np.where(goes_left, self.left[node], self.right[node])
        return node


def grow(
    x: Float32,
    target: Floats,
    rows: Rows,
    *,
    depth: int,
    leaf: int,
    features: float,
    seed: int,
) -> tuple[Trees, Floats]:
    """One tree on the rows named, and what it says of all (n, q).

    Each split is the best of one random threshold for each of some random columns (extremely
    randomised trees, Geurts et al., 2006): out of fold that was both better and quicker than
    the best threshold. A leaf says the mean of its known targets and of one more that is 0;
    an unknown target counts as 0 in the choice of splits alone.

    Args:
        x: inputs (n, f); single precision, as scikit-learn's trees read them.
        target: (n, q), around 0, NaN where unknown.
        rows: those to learn from.
        depth: questions from root to leaf, at most.
        leaf: rows in a leaf, at least.
        features: share of the columns that each split may look at.
        seed: of columns and thresholds.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    sklearn: Any = require("sklearn.tree", "train")
    known = np.isfinite(target)
    filled = np.where(known, target, 0.0)
    grown: Any = sklearn.DecisionTreeRegressor(
        splitter="random",
        max_depth=depth,
        min_samples_leaf=leaf,
        max_features=features,
        random_state=seed,
    ).fit(x[rows], filled[rows])
    tree: Any = grown.tree_
    end = np.asarray(grown.apply(x), dtype=np.intp)
    total, count = (np.zeros((int(tree.node_count), target.shape[1])) for _ in range(2))
    np.add.at(total, end[rows], filled[rows])
    np.add.at(count, end[rows], known[rows])
    value = total / (count + 1)
    inner, own = np.asarray(tree.children_left) >= 0, np.arange(len(value))
    made = Trees(
        feature=np.where(inner, tree.feature, 0).astype(np.int32),
        threshold=np.where(inner, tree.threshold, 0.0).astype(np.float64),
        left=np.where(inner, tree.children_left, own).astype(np.int32),
        right=np.where(inner, tree.children_right, own).astype(np.int32),
        value=value,
        root=np.zeros(1, dtype=np.int32),
        depth=int(tree.max_depth),
    )
    return made, value[end]


def join(trees: Sequence[Trees], columns: int) -> Trees:
    """All trees in one; those that say one thing say it of every column."""
    none = np.zeros(0, dtype=np.int32)
    empty = Trees(none, np.zeros(0), none, none, np.zeros((0, columns)), none, 0)
    start = np.cumsum([0, *(len(each.feature) for each in trees)]).astype(np.int32)
    every = [
        replace(
            each,
            left=each.left + at,
            right=each.right + at,
            root=each.root + at,
            value=np.broadcast_to(each.value, (len(each.value), columns)),
        )
        for each, at in zip(trees, start, strict=False)
    ]
    names = ("feature", "threshold", "left", "right", "value", "root")
    parts = {name: [getattr(each, name) for each in (empty, *every)] for name in names}
    return Trees(
        **{name: np.concatenate(arrays) for name, arrays in parts.items()},
        depth=max((each.depth for each in trees), default=0),
    )
