"""Cascades: ask the cheapest model, have its answer judged, go on to the next if it fails.

RouterBench's protocol (Hu et al., arXiv 2403.12031): the judge knows the realised score and errs
with a fixed probability. Expected values are exact: the chance of going on is carried from stage to
stage, so no judge needs to be simulated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from routewright.metrics.shapes import Floats, matrices, share


@dataclass(frozen=True)
class CascadePoint:
    """What a cascade gives for a prompt, in expectation over the judge's errors.

    Attributes:
        mean_score: of the last answer, which is the one that counts.
        mean_cost_usd: of everything spent on the way.
        mean_calls: models asked.
    """

    mean_score: float
    mean_cost_usd: float
    mean_calls: float


def cascade(
    scores: ArrayLike,
    costs: ArrayLike,
    *,
    budget_usd: float = np.inf,
    judge_error: float = 0.0,
    threshold: float | None = None,
    judge_cost_usd: float = 0.0,
    order: Sequence[int] | None = None,
) -> CascadePoint:
    """RouterBench's cascade over all prompts, exact in expectation.

    Models are asked one after the other. Before a call it stops if something was spent already and
    the call costs as much as is left of the budget, or more; after a call it stops if the judge
    accepts, whose verdict (score >= threshold) is inverted with probability ``judge_error``.

    Args:
        scores: realised scores (n, m).
        costs: realised costs (n, m) in US dollars.
        budget_usd: the most to spend on a prompt. The first answer is bought whatever it costs.
        judge_error: chance of a wrong verdict, 0 to 1.
        threshold: the score that the judge accepts; by default the 0.95 quantile of all scores, as
            in RouterBench's program, which is 1 for binary scores of any but the hardest prompts.
        judge_cost_usd: cost of a verdict, counted as spent; the last model's answer needs none.
        order: columns in the order they are asked; by default by rising mean cost.

    Raises:
        ValueError: shapes differ, NaN, an error out of [0, 1], or an order that isn't one of
            different columns.
    """
    s, c = matrices(scores=scores, costs=costs)
    error = share("judge_error", judge_error)
    stages = _order(order, c)
    bar = float(np.quantile(s, 0.95)) if threshold is None else threshold
    n = len(s)
    going = np.ones(n)  # the chance of coming to this stage
    spent, quality, paid, calls = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    last = np.zeros(n)
    for stage, column in enumerate(stages):
        ends = (spent > 0) & (c[:, column] >= budget_usd - spent)
        quality += np.where(ends, going * last, 0.0)
        going = np.where(ends, 0.0, going)
        final = stage == len(stages) - 1
        step = c[:, column] + (0.0 if final else judge_cost_usd)
        paid += going * step
        calls += going
        spent = spent + step
        last = s[:, column]
        accepts = np.where(last >= bar, 1 - error, error)
        stops = going if final else going * accepts
        quality += stops * last
        going = going - stops
    return CascadePoint(float(quality.mean()), float(paid.mean()), float(calls.mean()))


def cascade_points(
    scores: ArrayLike,
    costs: ArrayLike,
    budgets_usd: Sequence[float],
    *,
    judge_error: float = 0.0,
    threshold: float | None = None,
) -> Floats:
    """Mean cost and score of the cascade at each budget (k, 2); arguments as of ``cascade``."""
    each = [
        cascade(scores, costs, budget_usd=b, judge_error=judge_error, threshold=threshold)
        for b in budgets_usd
    ]
    return np.array([(point.mean_cost_usd, point.mean_score) for point in each]).reshape(-1, 2)


@dataclass(frozen=True)
class TwoStage:
    """A cascade of two models.

    Attributes:
        escalated: share of prompts that come to the strong model.
        mean_score: expected score.
        mean_cost_usd: expected cost.
    """

    escalated: float
    mean_score: float
    mean_cost_usd: float


def two_stage(
    weak_right: float,
    strong_if_right: float,
    strong_if_wrong: float,
    *,
    judge_error: float,
    weak_cost_usd: float,
    strong_cost_usd: float,
    judge_cost_usd: float = 0.0,
) -> TwoStage:
    """A cascade of two models with binary scores, in closed form.

    With w, s1, s0 and e the first four arguments, the share escalated is w e + (1 - w)(1 - e), the
    score w (1 - e) + w e s1 + (1 - w)(1 - e) s0, the cost c_W + c_J + escalated c_S.

    Args:
        weak_right: P(weak right), w.
        strong_if_right: P(strong right | weak right), s1.
        strong_if_wrong: P(strong right | weak wrong), s0.
        judge_error: chance e of a wrong verdict on the weak answer.
        weak_cost_usd: mean cost of the weak model's answer, c_W.
        strong_cost_usd: mean cost of the strong model's answer, c_S.
        judge_cost_usd: cost of the verdict, c_J.

    Raises:
        ValueError: a probability out of [0, 1].
    """
    w, s1 = share("weak_right", weak_right), share("strong_if_right", strong_if_right)
    s0, e = share("strong_if_wrong", strong_if_wrong), share("judge_error", judge_error)
    escalated = w * e + (1 - w) * (1 - e)
    return TwoStage(
        escalated=escalated,
        mean_score=w * (1 - e) + w * e * s1 + (1 - w) * (1 - e) * s0,
        mean_cost_usd=weak_cost_usd + judge_cost_usd + escalated * strong_cost_usd,
    )


def delta_ibc(
    score: float,
    cost_usd: float,
    *,
    small: tuple[float, float],
    large: tuple[float, float],
) -> float:
    """AutoMix's ΔIBC: how much steeper a method's gain is than the large model's, as a part.

    IBC is the score gained on the small model per dollar spent beyond it; ΔIBC compares the
    method's with the large model's. Above 0 is above the line from small to large. It rewards
    tiny, steep gains: never use it alone (Aggarwal et al., arXiv 2310.12963).

    Args:
        score: the method's mean score.
        cost_usd: its mean cost.
        small: mean score and mean cost of the small model.
        large: the same of the large model.

    Returns:
        A part; NaN where the method costs no more than the small model.

    Raises:
        ValueError: the large model is not dearer, or no better, than the small one.
    """
    if not (large[1] > small[1] and large[0] > small[0]):
        raise ValueError(f"large {large} must cost more and score more than small {small}")
    if cost_usd <= small[1]:
        return float("nan")
    ours = (score - small[0]) / (cost_usd - small[1])
    theirs = (large[0] - small[0]) / (large[1] - small[1])
    return (ours - theirs) / theirs


def _order(order: Sequence[int] | None, costs: Floats) -> list[int]:
    if order is None:
        return [int(column) for column in np.argsort(costs.mean(axis=0), kind="stable")]
    columns = [int(column) for column in order]
    known = range(costs.shape[1])
    if not columns or len(set(columns)) < len(columns) or any(c not in known for c in columns):
        raise ValueError(f"order must name different columns from 0 to {costs.shape[1] - 1}")
    return columns
