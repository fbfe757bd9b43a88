"""How sure a figure is: the paired bootstrap over groups of prompts.

A replicate gives every group (the turns of one conversation, the paraphrases of one question) a
weight drawn from the Poisson distribution of mean 1, and figures are weighted means: the Poisson
bootstrap (Hanley and MacGibbon 2006; Chamandy et al. 2012), which is the classic one with the
number of draws left free. Weights of one group don't depend on the others, so a million prompts
stream through in blocks, and the test prompts of every split of a data set see the same draws.
Replicate b of one call and replicate b of another hold the same groups whenever the seed is the
same: differences between routers are paired without passing anything around.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
REPLICATES = 2_000
BLOCK = 4096  # groups drawn together; with 2,000 replicates their weights take 64 MB


@dataclass(frozen=True)
class Estimate:
    """A figure on the full sample with its 95 % percentile interval."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, draws: Floats) -> Estimate:
        """From (1 + B,) values: the full sample first, then the replicates.

        Infinite draws (a level that was never reached) count as larger than all others; draws
        that are NaN (replicates in which the figure is undefined) are left out.
        """
        known = draws[1:][~np.isnan(draws[1:])]
        if not known.size:
            return cls(float(draws[0]), math.nan, math.nan)
        low, high = np.quantile(known, [0.025, 0.975], method="inverted_cdf")
        return cls(float(draws[0]), float(low), float(high))

    @property
    def above_zero(self) -> bool:
        """Whether the whole interval lies above 0."""
        return self.low > 0


@dataclass(frozen=True, eq=False)
class Draws:
    """The replicates of one bootstrap, as some rows see them.

    Attributes:
        code: number of each row's group (n,), among all groups of the data set.
        replicates: B.
        seed: equal seeds draw equal weights for equal groups.
    """

    code: Rows
    replicates: int
    seed: int

    @classmethod
    def over(cls, groups: NDArray[np.str_], *, replicates: int = REPLICATES, seed: int = 0) -> Self:
        """Replicates of a data set whose rows belong to ``groups`` (n,).

        Raises:
            ValueError: no rows, or no replicate asked for.
        """
        if not len(groups):
            raise ValueError("a bootstrap needs at least one prompt")
        if replicates < 1:
            raise ValueError(f"replicates must be 1 or more, not {replicates}")
        _, code = np.unique(groups, return_inverse=True)
        return cls(code.reshape(-1).astype(np.intp), replicates, seed)

    def of(self, rows: Rows) -> Self:
        """The same replicates as the given rows see them."""
        return replace(self, code=self.code[rows])

    def means(self, values: Floats | Callable[[Rows], Floats]) -> Floats:
        """Means over the rows (1 + B, c): row 0 of the full sample, then one row per replicate.

        A replicate that holds none of the rows has means of NaN.

        Args:
            values: one column per figure (n, c), or a function that gives the rows asked for
                (k,) as (k, c), so that the whole never needs to be in memory.

        Raises:
            ValueError: another number of rows.
        """
        at = values if callable(values) else values.__getitem__
        if not callable(values) and len(values) != len(self.code):
            raise ValueError(f"{len(values)} rows of values for {len(self.code)} prompts' groups")
        sums, sizes = 0.0, np.zeros(1 + self.replicates)
        for rows, starts, weights in self._blocks():
            together = at(rows)
            if len(starts) < len(rows):
                together = np.add.reduceat(together, starts, axis=0)
            sums = sums + weights @ together
            sizes += weights @ np.diff(starts, append=len(rows)).astype(np.float64)
        with np.errstate(invalid="ignore"):
            return np.asarray(sums, dtype=np.float64) / sizes[:, None]

    def weights(self, size: int = 256) -> Iterator[Floats]:
        """How often each row is drawn: blocks (b, n), of 1 + B rows in all; the first is ones."""
        counts = np.empty((1 + self.replicates, len(self.code)), dtype=np.uint8)
        for rows, starts, weights in self._blocks():
            own = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(rows)))
            counts[:, rows] = weights[:, own]
        for start in range(0, len(counts), size):
            yield counts[start : start + size].astype(np.float64)

    def _blocks(self) -> Iterator[tuple[Rows, Rows, Floats]]:
        """Rows ordered by group, where each group starts among them, their weights (1 + B, g)."""
        order = np.argsort(self.code, kind="stable")
        code = self.code[order]
        block = code // BLOCK
        edges = np.flatnonzero(np.diff(block)) + 1
        for rows in np.split(order, edges):
            groups, starts = np.unique(self.code[rows], return_index=True)
            drawn = _poisson(self.seed, int(groups[0]) // BLOCK, self.replicates)
            weights = np.ones((1 + self.replicates, len(groups)))
            weights[1:] = drawn[:, groups % BLOCK]
            yield rows, starts.astype(np.intp), weights


def bootstrap_means(
    values: Floats, groups: NDArray[np.str_], *, replicates: int = REPLICATES, seed: int = 0
) -> Floats:
    """Means over prompts (1 + B, c): row 0 of the full sample, then one row per replicate.

    Args:
        values: one column per figure (n, c), one row per prompt.
        groups: the group of each prompt (n,).
        replicates: B.
        seed: equal seeds draw equal weights.

    Raises:
        ValueError: no prompts, another length of ``groups``, or no replicate asked for.
    """
    return Draws.over(groups, replicates=replicates, seed=seed).means(values)


def _poisson(seed: int, block: int, replicates: int) -> NDArray[np.uint8]:
    """Weights (B, BLOCK) of one block of groups, the same at every call."""
    rng = np.random.default_rng([seed, block])
    uniform = rng.integers(0, 1 << 16, size=(replicates, BLOCK), dtype=np.uint16)
    return _quantiles()[uniform]


@cache
def _quantiles() -> NDArray[np.uint8]:
    """Poisson(1) by its quantiles at 65,536 steps: a look-up is ten times quicker than a draw."""
    mass = [math.exp(-1) / math.factorial(count) for count in range(12)]
    steps = (np.arange(1 << 16) + 0.5) / (1 << 16)
    return np.searchsorted(np.cumsum(mass), steps).astype(np.uint8)
