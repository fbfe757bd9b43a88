"""Whether a difference is one: p-values, families of claims, equivalence, and the data it takes.

State an effect with its interval; a p-value never stands alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from routewright.metrics.shapes import Floats, vectors

EXACT = 12  # up to 2^12 sign patterns are all tried


def holm(p_values: ArrayLike) -> Floats:
    """Holm's step-down adjusted p-values (k,): reject those at or below the level (Holm 1979).

    They control the chance of any false claim in the family, whatever the claims' dependence. They
    are never below the raw ones, and keep their order.

    Raises:
        ValueError: no p-value, NaN, or one out of [0, 1].
    """
    (p,) = vectors(p_values=p_values)
    if p.min() < 0 or p.max() > 1:
        raise ValueError("p-values lie between 0 and 1")
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted


def bootstrap_p(draws: ArrayLike) -> float:
    """Two-sided p-value of the claim that a bootstrapped difference is not 0.

    Twice the smaller tail, min(1, 2 (1 + #{on the far side of 0 or at it}) / (1 + B)): the level at
    which the percentile interval just touches 0. The 1 keeps it above 0, which no number of
    replicates could show (Davison and Hinkley 1997).

    Args:
        draws: the full sample first, then B replicates (1 + B,), as in ``bootstrap``; replicates
            that are NaN are left out. Without any other the answer is 1.

    Raises:
        ValueError: no replicates.
    """
    drawn = _replicates(draws)
    tails = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    return min(1.0, 2 * (1 + tails) / (1 + len(drawn)))


def mcnemar_exact(b: int, c: int) -> float:
    """Exact two-sided McNemar test of two routers that cost the same (McNemar 1947).

    Twice the smaller tail of Bin(b + c, 1/2), at most 1.

    Args:
        b: prompts that only the first gets right.
        c: prompts that only the second gets right.

    Raises:
        ValueError: a negative count.
    """
    if b < 0 or c < 0:
        raise ValueError(f"counts must be 0 or more, not {b} and {c}")
    n, term, tail = b + c, 1, 1
    for k in range(min(b, c)):
        term = term * (n - k) // (k + 1)
        tail += term
    return min(1.0, 2 * tail / 2**n)


def paired_permutation(
    a: ArrayLike, b: ArrayLike, groups: ArrayLike, *, seed: int, draws: int = 10_000
) -> float:
    """Two-sided p-value that the means of two policies differ, by swapping them group by group.

    Under the null the names of the two policies could be swapped within any group of prompts. Up to
    12 groups every pattern is tried and the p-value is exact; beyond, ``draws`` random ones with
    the usual 1 added. It is for means over prompts; for AIQ or APGR use ``bootstrap_p``.

    Args:
        a: the first policy's figure for each prompt (n,).
        b: the second's (n,).
        groups: the group of each prompt (n,).
        seed: equal seeds give equal draws.
        draws: random patterns, 1 or more.

    Raises:
        ValueError: lengths differ, no prompts, NaN, or no draw.
    """
    first, second = vectors(a=a, b=b)
    _, code = np.unique(np.asarray(groups), return_inverse=True)
    if code.shape != first.shape or draws < 1:
        raise ValueError("groups must name the group of each prompt, and draws be 1 or more")
    sums = np.bincount(code, weights=first - second)
    observed = abs(float(sums.sum()))
    # Sums in another order may differ in their last bits.
    at_least = observed - 1e-12 * (1 + float(np.abs(sums).sum()))
    if len(sums) <= EXACT:
        patterns = (np.arange(1 << len(sums))[:, None] >> np.arange(len(sums))) & 1
        return float((np.abs((1 - 2.0 * patterns) @ sums) >= at_least).mean())
    rng = np.random.default_rng(seed)
    hits = 0
    for start in range(0, draws, 256):
        signs = rng.integers(0, 2, size=(min(256, draws - start), len(sums)), dtype=np.int8)
        hits += int((np.abs((1 - 2.0 * signs) @ sums) >= at_least).sum())
    return (1 + hits) / (1 + draws)


@dataclass(frozen=True)
class Equivalence:
    """Whether two policies are as good as each other, to a margin.

    Attributes:
        low: lower end of the difference's 90 % percentile interval.
        high: upper end.
        margin: the difference that doesn't matter.
        p_value: the larger of the two one-sided tests'.
    """

    low: float
    high: float
    margin: float
    p_value: float

    @property
    def holds(self) -> bool:
        """Whether the whole interval lies within the margin: equivalent at the 5 % level."""
        return -self.margin < self.low and self.high < self.margin


def tost(draws: ArrayLike, margin: float) -> Equivalence:
    """Two one-sided tests of "as good as": the 90 % interval within ± margin (Schuirmann 1987).

    By custom the margin is .01 for accuracy, .02 for APGR and AIQ.

    Args:
        draws: differences, the full sample first, then B replicates (1 + B,); NaN are left out.
        margin: above 0.

    Raises:
        ValueError: no replicates, all NaN, or a margin that isn't above 0.
    """
    drawn = _replicates(draws)
    if not margin > 0:
        raise ValueError(f"margin must be above 0, not {margin}")
    if not len(drawn):
        raise ValueError("every replicate is NaN: nothing to test")
    low, high = np.quantile(drawn, [0.05, 0.95], method="inverted_cdf").tolist()
    outside = max(int((drawn <= -margin).sum()), int((drawn >= margin).sum()))
    return Equivalence(low, high, margin, (1 + outside) / (1 + len(drawn)))


def discordance(a: ArrayLike, b: ArrayLike) -> float:
    """Mean squared difference of two policies' scores (n,); of binary ones, how often they differ.

    Raises:
        ValueError: lengths differ, no prompts, or NaN.
    """
    first, second = vectors(a=a, b=b)
    return float(((first - second) ** 2).mean())


def prompts_needed(
    discordance: float, difference: float, *, power: float = 0.8, alpha: float = 0.05
) -> int:
    """Prompts it takes to see a mean difference: (z_{1-alpha/2} + z_power)² (d - D²) / D².

    The factor is 7.849 for 80 % power at 5 %; it is rounded to three decimals, as in printed tables
    (7.85), and the result to the nearest prompt.

    Args:
        discordance: d, the mean squared difference of the two policies' scores.
        difference: D, the mean difference to be seen, not 0.
        power: chance of seeing it, above alpha and below 1.
        alpha: two-sided level.

    Raises:
        ValueError: a difference of 0 or one that the discordance doesn't allow (D² > d), or a
            power or level out of range.
    """
    if not difference or difference**2 > discordance:
        raise ValueError(
            f"a difference of {difference} isn't possible at a discordance of {discordance}"
        )
    return round(_factor(power, alpha) * (discordance - difference**2) / difference**2)


def smallest_effect(
    n: int, discordance: float, *, power: float = 0.8, alpha: float = 0.05
) -> float:
    """The smallest mean difference that n prompts can show: ``prompts_needed`` solved for D.

    D = sqrt(k d / (n + k)) with k the factor there. Arguments and errors as there.

    Raises:
        ValueError: no prompts, or a negative discordance.
    """
    if n < 1 or not discordance >= 0:
        raise ValueError(f"need prompts and a discordance, not {n} and {discordance}")
    k = _factor(power, alpha)
    return math.sqrt(k * discordance / (n + k))


def _factor(power: float, alpha: float) -> float:
    if not 0 < alpha < power < 1:
        raise ValueError(f"need 0 < alpha < power < 1, not {alpha} and {power}")
    normal = NormalDist()
    return round((normal.inv_cdf(1 - alpha / 2) + normal.inv_cdf(power)) ** 2, 3)


def _replicates(draws: ArrayLike) -> Floats:
    drawn = np.asarray(draws, dtype=np.float64)
    if drawn.ndim != 1 or len(drawn) < 2:
        raise ValueError(f"draws must hold the full sample and replicates, not {drawn.shape}")
    return drawn[1:][~np.isnan(drawn[1:])]
