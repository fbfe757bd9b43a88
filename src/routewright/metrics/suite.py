"""Figures over many data sets: LLMRouterBench's (arXiv 2601.07206) and RouterEval's.

Gain and gap are means of the data sets' ratios, as LLMRouterBench has them, not ratios of means:
a data set on which every model is weak weighs more than its size.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from routewright.metrics.oracle import oracle
from routewright.metrics.shapes import Floats, matrices, share, vectors


def average_accuracy(accuracies: ArrayLike) -> float:
    """Mean over data sets of accuracies (d,): every data set counts alike.

    Raises:
        ValueError: none given, or NaN.
    """
    (each,) = vectors(accuracies=accuracies)
    return float(each.mean())


def gain(router: ArrayLike, reference: ArrayLike) -> float:
    """Mean over data sets of (router - reference) / reference.

    Args:
        router: the router's accuracy on each data set (d,).
        reference: the reference's (d,).

    Returns:
        A relative gain; NaN where the reference is 0 on a data set.

    Raises:
        ValueError: lengths differ, no data set, or NaN.
    """
    ours, theirs = vectors(router=router, reference=reference)
    if not theirs.all():
        return math.nan
    return float(((ours - theirs) / theirs).mean())


def gain_at_random(router: ArrayLike, models: ArrayLike) -> float:
    """Gain@R: gain over choosing a model at random, whose accuracy is the models' mean.

    Args:
        router: the router's accuracy on each data set (d,).
        models: every model's (d, m).

    Raises:
        ValueError: shapes don't fit, or NaN.
    """
    (each,) = matrices(models=models)
    return gain(router, each.mean(axis=1))


def gain_at_best(router: ArrayLike, models: ArrayLike) -> float:
    """Gain@B: gain over the best single model, chosen once by its average over the data sets.

    Arguments and errors as of ``gain_at_random``; of equal averages the lower column is taken.
    """
    (each,) = matrices(models=models)
    return gain(router, each[:, int(each.mean(axis=0).argmax())])


def gap_at_oracle(router: ArrayLike, oracle_accuracies: ArrayLike) -> float:
    """Gap@O: mean over data sets of (oracle - router) / oracle; arguments (d,) as of ``gain``."""
    return -gain(router, oracle_accuracies)


def perf_gain(accuracies: ArrayLike, best_single: float) -> float:
    """PerfGain: how much the most accurate configuration (k,) beats the best single model.

    (max accuracy - best single) / best single. The configuration is picked on what it is measured
    by, which favours routers with many; pick it on other prompts for a claim.

    Raises:
        ValueError: no configuration, NaN, or a best single model that isn't above 0.
    """
    (each,) = vectors(accuracies=accuracies)
    if not best_single > 0:
        raise ValueError(f"best_single must be above 0, not {best_single}")
    return float(each.max() - best_single) / best_single


def cost_save(
    accuracies: ArrayLike, costs: ArrayLike, best_single: float, best_single_cost_usd: float
) -> float:
    """CostSave: the most saved, 1 - cost / cost of best single, at no less accuracy than its own.

    Args:
        accuracies: of the router's configurations (k,).
        costs: their mean costs in US dollars (k,).
        best_single: accuracy of the best single model.
        best_single_cost_usd: its mean cost.

    Returns:
        A part of the cost, negative where equal accuracy costs more; NaN where no configuration is
        as accurate.

    Raises:
        ValueError: lengths differ, NaN, or a best single model that is free.
    """
    each, paid = vectors(accuracies=accuracies, costs=costs)
    if not best_single_cost_usd > 0:
        raise ValueError(f"best_single_cost_usd must be above 0, not {best_single_cost_usd}")
    # A mean of the same scores in another order may miss itself by its last bits.
    enough = each >= best_single - 1e-12
    return float(1 - paid[enough].min() / best_single_cost_usd) if enough.any() else math.nan


def pareto_front(points: ArrayLike) -> NDArray[np.bool_]:
    """Which points (p, 2), cost and accuracy, no other beats on one and matches on both (p,).

    Equal points stand or fall together.

    Raises:
        ValueError: another shape, no points, or NaN.
    """
    at = _points(points)
    cost, right = at[:, 0], at[:, 1]
    no_worse = (cost <= cost[:, None]) & (right >= right[:, None])
    better = (cost < cost[:, None]) | (right > right[:, None])
    return np.logical_not(np.any(no_worse & better, axis=1))


def pareto_ratio(points: ArrayLike, own: ArrayLike) -> float:
    """ParetoRatio: share of a router's configurations that are on the joint frontier.

    Args:
        points: cost and accuracy of all configurations of all routers (p, 2).
        own: which of them are this router's (p,), as booleans.

    Raises:
        ValueError: shapes don't fit, NaN, or a router without configurations.
    """
    at = _points(points)
    return float(pareto_front(at)[_mask(own, len(at))].mean())


def pareto_dist_ours(points: ArrayLike, own: ArrayLike) -> float:
    """Mean distance of a router's configurations to the nearest point of the joint frontier.

    Both axes, log10 of cost and accuracy, are scaled to [0, 1] over all configurations. How
    LLMRouterBench scales the axes of its ParetoDist isn't known, so figures don't compare with its
    own. Arguments and errors as of ``pareto_ratio``; costs must be above 0.
    """
    at = _points(points)
    mine = _mask(own, len(at))
    if at[:, 0].min() <= 0:
        raise ValueError("costs must be above 0: their axis is a logarithm")
    scaled = np.column_stack([_scaled(np.log10(at[:, 0])), _scaled(at[:, 1])])
    front = scaled[pareto_front(at)]
    steps = scaled[mine][:, None, :] - front[None, :, :]
    return float(np.sqrt((steps**2).sum(axis=2)).min(axis=1).mean())


def v_r(accuracy: float, reference: float) -> float:
    """RouterEval's V_R: the router's accuracy over that of a reference strong model.

    Raises:
        ValueError: a reference that isn't above 0.
    """
    if not reference > 0:
        raise ValueError(f"the reference must be above 0, not {reference}")
    return accuracy / reference


def v_b(accuracy: float, model_accuracies: ArrayLike) -> float:
    """RouterEval's V_B: the router's accuracy over that of the best single model of the pool (m,).

    Raises:
        ValueError: no model, NaN, or none above 0.
    """
    (each,) = vectors(model_accuracies=model_accuracies)
    return v_r(accuracy, float(each.max()))


def classification_bias(probabilities: ArrayLike, *, softmax: bool = False) -> float:
    """RouterEval's E_p: mean over prompts of the entropy in bits of the router's choice.

    Args:
        probabilities: the router's probability of every model (n, m).
        softmax: they are scores: take their softmax first.

    Returns:
        From 0, a sure router, to log2 m.

    Raises:
        ValueError: another shape, NaN, or rows that are no probabilities.
    """
    (p,) = matrices(probabilities=probabilities)
    if softmax:
        p = np.exp(p - p.max(axis=1, keepdims=True))
        p = p / p.sum(axis=1, keepdims=True)
    if p.min() < 0 or not np.allclose(p.sum(axis=1), 1, atol=1e-6):
        raise ValueError("each row must be 0 or more and sum to 1; of scores ask for softmax=True")
    bits = np.log2(p, where=p > 0, out=np.zeros_like(p))
    return max(0.0, float(-(p * bits).sum(axis=1).mean()))


def oracle_mix(scores: ArrayLike, costs: ArrayLike, p: float) -> Floats:
    """RouterEval's r_o(p): the oracle with probability p, else a model at random, in expectation.

    Args:
        scores: realised scores (n, m).
        costs: realised costs (n, m) in US dollars.
        p: from 0, a random router, to 1, the score-first oracle.

    Returns:
        The point (2,): mean cost and mean score.

    Raises:
        ValueError: shapes differ, NaN, or p out of [0, 1].
    """
    s, c = matrices(scores=scores, costs=costs)
    best = oracle(s, c)
    told = np.array([best.mean_cost_usd, best.mean_score])
    return share("p", p) * told + (1 - p) * np.array([c.mean(), s.mean()])


def _points(points: ArrayLike) -> Floats:
    (at,) = matrices(points=points)
    if at.shape[1] != 2:
        raise ValueError(f"points must have shape (p, 2), cost and accuracy, not {at.shape}")
    return at


def _mask(own: ArrayLike, size: int) -> NDArray[np.bool_]:
    mine = np.asarray(own)
    if mine.dtype != np.bool_ or mine.shape != (size,) or not mine.any():
        raise ValueError(f"own must mark at least one of the {size} points, as booleans")
    return mine


def _scaled(values: Floats) -> Floats:
    span = values.max() - values.min()
    return (values - values.min()) / span if span > 0 else np.zeros_like(values)
