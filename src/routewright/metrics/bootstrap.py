"""How sure a figure is: the paired bootstrap over groups of prompts.

Whole groups (the turns of one conversation, the paraphrases of one question) are drawn with
replacement. Replicate b of one call and replicate b of another hold the same groups whenever the
seed is the same, so differences between routers are paired without passing anything around.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
REPLICATES = 2_000
CELLS = 1 << 22  # weights held in memory at a time: 32 MB


@dataclass(frozen=True)
class Estimate:
    """A figure on the full sample with its 95 % percentile interval."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, draws: Floats) -> Estimate:
        """From (1 + B,) values: the full sample first, then the replicates.

        Infinite draws (a level that was never reached) count as larger than all others.
        """
        low, high = np.quantile(draws[1:], [0.025, 0.975], method="inverted_cdf")
        return cls(float(draws[0]), float(low), float(high))

    @property
    def above_zero(self) -> bool:
        """Whether the whole interval lies above 0."""
        return self.low > 0


def resample(
    n_groups: int, *, replicates: int = REPLICATES, seed: int = 0
) -> Iterator[NDArray[np.float64]]:
    """How often each group is drawn: matrices (b, n_groups) of counts, B rows in all."""
    rng = np.random.default_rng(seed)
    step = max(1, CELLS // n_groups)
    for start in range(0, replicates, step):
        rows = min(step, replicates - start)
        drawn = rng.integers(0, n_groups, size=(rows, n_groups))
        drawn += np.arange(rows)[:, None] * n_groups
        counts = np.bincount(drawn.ravel(), minlength=rows * n_groups)
        yield counts.reshape(rows, n_groups).astype(np.float64)


def bootstrap_means(
    values: Floats, groups: NDArray[np.str_], *, replicates: int = REPLICATES, seed: int = 0
) -> Floats:
    """Means over prompts (1 + B, c): row 0 of the full sample, then one row per replicate.

    Args:
        values: one column per figure (n, c), one row per prompt.
        groups: the group of each prompt (n,).
        replicates: B.
        seed: equal seeds draw equal groups.

    Raises:
        ValueError: no prompts, another length of ``groups``, or no replicate asked for.
    """
    if not len(values) or len(values) != len(groups):
        raise ValueError(f"{len(values)} rows of values for {len(groups)} prompts' groups")
    if replicates < 1:
        raise ValueError(f"replicates must be 1 or more, not {replicates}")
    _, inverse = np.unique(groups, return_inverse=True)
    sizes = np.bincount(inverse).astype(np.float64)
    sums = np.zeros((len(sizes), values.shape[1]))
    np.add.at(sums, inverse, values)
    means = [values.mean(axis=0)[None]]
    for counts in resample(len(sizes), replicates=replicates, seed=seed):
        means.append((counts @ sums) / (counts @ sizes)[:, None])
    return np.concatenate(means)
