"""How far calls may be moved to the weak model with a guarantee on what that loses.

The loss of threshold t on prompt i is 1[score_i < t] · max(0, s_strong - s_weak): the prompt goes
weak and the strong model would have done better. It never falls as t rises. Guarantees hold on
average over the traffic that the calibration prompts stand for, not for each prompt, and not after
it has drifted.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from routewright.metrics.shapes import Floats, vectors


def conformal_allowed_risk(n: int, alpha: float) -> float:
    """The largest empirical risk that conformal risk control accepts: (alpha (n + 1) - 1) / n.

    Below 0 the prompts are too few for any threshold.

    Args:
        n: calibration prompts, 1 or more.
        alpha: the expected loss promised, between 0 and 1.

    Raises:
        ValueError: no prompts, or alpha out of range.
    """
    _check(n, alpha)
    return (alpha * (n + 1) - 1) / n


def conformal_threshold(
    strong: ArrayLike, weak: ArrayLike, router_score: ArrayLike, alpha: float
) -> float:
    """The threshold of conformal risk control (Angelopoulos et al., arXiv 2208.02814).

    t = sup { t : n / (n + 1) R(t) + 1 / (n + 1) <= alpha }, R being the mean loss of the
    calibration prompts: a new prompt that goes weak iff its score is below t loses at most alpha
    in expectation, if it is exchangeable with them.

    Args:
        strong: scores of the strong model (n,), in [0, 1].
        weak: scores of the weak model (n,), in [0, 1].
        router_score: the higher, the sooner strong (n,).
        alpha: the expected loss promised, between 0 and 1.

    Returns:
        A threshold: strong iff score >= t. Infinity where even always weak keeps the promise,
        -infinity (always strong) where nothing does: report that.

    Raises:
        ValueError: lengths differ, no prompts, NaN, or alpha out of range.
    """
    s, w, score = vectors(strong=strong, weak=weak, router_score=router_score)
    allowed = conformal_allowed_risk(len(s), alpha)
    if allowed < 0:
        return -math.inf
    levels, home = np.unique(score, return_inverse=True)
    losses = np.bincount(home.reshape(-1), weights=np.maximum(0.0, s - w))
    # A risk that equals the one allowed may differ from it in its last bits.
    breaks = np.cumsum(losses) / len(s) > allowed + 1e-12
    return float(levels[int(breaks.argmax())]) if breaks.any() else math.inf


def hoeffding_bentkus_p(risk: float, n: int, alpha: float) -> float:
    """p-value of the hypothesis that the expected loss is above alpha (Bates et al., 2101.02703).

    min( exp(-n h(min(R, alpha), alpha)), e P[Bin(n, alpha) <= ceil(n R)] ), at most 1, with
    h(a, b) = a ln(a / b) + (1 - a) ln((1 - a) / (1 - b)). Valid for losses in [0, 1].

    Args:
        risk: mean loss R of the calibration prompts, in [0, 1].
        n: calibration prompts, 1 or more.
        alpha: the loss promised, between 0 and 1.

    Raises:
        ValueError: no prompts, or a number out of range.
    """
    _check(n, alpha)
    if not 0 <= risk <= 1:
        raise ValueError(f"risk must lie in [0, 1], not {risk}")
    a = min(risk, alpha)
    divergence = _xlog(a, alpha) + _xlog(1 - a, 1 - alpha)
    # n R is a whole number of losses for binary scores, up to the last bits.
    bentkus = math.e * _binomial_cdf(math.ceil(n * risk - 1e-9), n, alpha)
    return min(1.0, math.exp(-n * divergence), bentkus)


def learn_then_test(p_values: ArrayLike, delta: float) -> int:
    """How many thresholds pass, tested from the safest on until the first fails.

    Fixed-sequence testing (Angelopoulos et al., arXiv 2110.01052): with probability 1 - delta no
    threshold that passed breaks the promise.

    Args:
        p_values: of the thresholds (k,), the safest first. The order must be fixed before the
            calibration scores are seen.
        delta: the chance of a broken promise, between 0 and 1.

    Returns:
        The number k' of thresholds accepted, the first k'; 0 means always strong: report that.

    Raises:
        ValueError: no p-value, NaN, or delta out of range.
    """
    (p,) = vectors(p_values=p_values)
    if not 0 < delta < 1:
        raise ValueError(f"delta must lie between 0 and 1, not {delta}")
    failed = p > delta
    return int(failed.argmax()) if failed.any() else len(p)


def risk_controlled_threshold(
    strong: ArrayLike,
    weak: ArrayLike,
    router_score: ArrayLike,
    thresholds: ArrayLike,
    *,
    alpha: float,
    delta: float = 0.1,
    signed: bool = False,
) -> float:
    """The highest threshold that learn-then-test accepts: loss at most alpha in 1 - delta of cases.

    Args:
        strong: scores of the strong model (n,), in [0, 1].
        weak: scores of the weak model (n,), in [0, 1].
        router_score: the higher, the sooner strong (n,).
        thresholds: candidates (k,), in any order; tested from the lowest, which sends the fewest
            prompts weak. They must not be picked by these prompts' outcomes.
        alpha: the loss promised, between 0 and 1.
        delta: the chance of a broken promise.
        signed: let prompts on which the weak model is better make up for others: the loss is
            1[score < t] (s_strong - s_weak), which may fall as t rises. Its range is twice as wide,
            so it takes several times the prompts to accept the same threshold.

    Returns:
        A threshold: strong iff score >= t; -infinity (always strong) where none is accepted.

    Raises:
        ValueError: lengths differ, no prompts, no threshold, NaN, or a number out of range.
    """
    s, w, score = vectors(strong=strong, weak=weak, router_score=router_score)
    (levels,) = vectors(thresholds=thresholds)
    rising = np.sort(levels)
    gaps = s - w if signed else np.maximum(0.0, s - w)
    risks = np.array([np.where(score < t, gaps, 0.0).mean() for t in rising.tolist()])
    level = alpha
    if signed:  # from [-1, 1] to [0, 1]
        risks, level = (risks + 1) / 2, (alpha + 1) / 2
    p = [hoeffding_bentkus_p(min(1.0, max(0.0, r)), len(s), level) for r in risks.tolist()]
    passed = learn_then_test(p, delta)
    return float(rising[passed - 1]) if passed else -math.inf


def _check(n: int, alpha: float) -> None:
    if n < 1:
        raise ValueError(f"n must be 1 or more, not {n}")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie between 0 and 1, not {alpha}")


def _xlog(a: float, b: float) -> float:
    return a * math.log(a / b) if a > 0 else 0.0


def _binomial_cdf(k: int, n: int, p: float) -> float:
    """P[Bin(n, p) <= k], summed in logarithms: no scipy, no overflow, good to 1e-10."""
    if k >= n:
        return 1.0
    below: Floats = np.arange(k, dtype=np.float64)
    ratios = np.log((n - below) / (below + 1)) + math.log(p) - math.log1p(-p)
    logs = n * math.log1p(-p) + np.concatenate([[0.0], np.cumsum(ratios)])
    top = float(logs.max())
    return min(1.0, math.exp(top) * float(np.exp(logs - top).sum()))
