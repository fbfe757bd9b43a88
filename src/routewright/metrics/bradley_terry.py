"""Strengths from comparisons: weighted Bradley-Terry, and RouteLLM's similarity weights.

P(i beats j) = 1 / (1 + exp(x_j - x_i)); a tie is half a win for each side (Bradley and Terry 1952).
Similarity-weighted ranking fits it anew for every prompt, with the comparisons on similar prompts
weighing more (Ong et al., RouteLLM, arXiv 2406.18665, section 4.1).
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from routewright.metrics.shapes import Floats, choice, matrices, vectors

Normalise = Literal["query", "train"]
STEPS = 100  # of Newton's method, which needs about ten


def win_table(
    first: ArrayLike,
    second: ArrayLike,
    outcome: ArrayLike,
    *,
    models: int,
    weights: ArrayLike | None = None,
) -> Floats:
    """Weighted wins (m, m) of row over column.

    Args:
        first: one model of each comparison (g,).
        second: the other (g,).
        outcome: 1 where the first won, 0 where the second did, 1/2 for a tie (g,).
        models: how many there are, m.
        weights: of the comparisons (g,), 0 or more; by default 1 each.

    Raises:
        ValueError: lengths differ, no comparison, NaN, a column or an outcome out of range, or a
            negative weight.
    """
    won, w = vectors(
        outcome=outcome, weights=np.ones(np.shape(outcome)) if weights is None else weights
    )
    one = choice(first, len(won), models, "first")
    two = choice(second, len(won), models, "second")
    if w.min() < 0 or won.min() < 0 or won.max() > 1:
        raise ValueError("weights must be 0 or more, outcomes lie between 0 and 1")
    return coded_win_table(one * models + two, w * won, w, models)


def coded_win_table(codes: NDArray[np.intp], won: Floats, weights: Floats, models: int) -> Floats:
    """``win_table`` in a hurry: nothing is checked, each pair is one number.

    Args:
        codes: first · m + second (g,).
        won: weight times outcome (g,).
        weights: (g,).
        models: how many there are, m.
    """
    size = models * models
    ahead = np.bincount(codes, weights=won, minlength=size).reshape(models, models)
    games = np.bincount(codes, weights=weights, minlength=size).reshape(models, models)
    return np.asarray(ahead + (games - ahead).T, dtype=np.float64)


def bradley_terry(
    wins: ArrayLike, *, ridge: float = 1e-6, towards: ArrayLike | None = None
) -> Floats:
    """Strengths (m,) in logits, summing to 0, of the penalised maximum likelihood.

    Newton's method on sum_ij wins_ij log P(i beats j) - ridge / 2 · sum_i (x_i - towards_i)². The
    ridge keeps a model finite that always won, and leaves one that was never compared where it is
    drawn to.

    Args:
        wins: weighted wins of row over column (m, m); the diagonal counts for nothing.
        ridge: above 0.
        towards: strengths that the ridge draws to and the search starts from (m,); 0 without.

    Raises:
        ValueError: a table that isn't square, NaN, a negative number, or no ridge.
    """
    (table,) = matrices(wins=wins)
    m = len(table)
    if table.shape != (m, m) or table.min() < 0 or not ridge > 0:
        raise ValueError(f"need wins (m, m) of 0 or more and a ridge above 0, not {table.shape}")
    table = table - np.diag(np.diag(table))
    games = table + table.T
    rest = np.zeros(m) if towards is None else vectors(towards=towards)[0]
    if rest.shape != (m,):
        raise ValueError(f"towards has shape {rest.shape}, wins {table.shape}")
    x = rest
    value = _log_likelihood(table, x, rest, ridge)
    for _ in range(STEPS):
        chance = 0.5 * (1 + np.tanh((x[:, None] - x) / 2))
        slope = (table - games * chance).sum(axis=1) - ridge * (x - rest)
        bend = games * chance * (1 - chance)
        curvature = np.diag(bend.sum(axis=1) + ridge) - bend
        step: Floats = np.asarray(np.linalg.solve(curvature, slope), dtype=np.float64)
        while True:
            found = _log_likelihood(table, x + step, rest, ridge)
            if found >= value or np.abs(step).max() < 1e-12:
                break
            step /= 2
        x, value = x + step, found
        if np.abs(step).max() < 1e-6:  # steps shrink by squares: the next would be 1e-12
            break
    return x - x.mean()


def win_rate(outcome: ArrayLike, weights: ArrayLike | None = None) -> float:
    """P(first wins) of two players in closed form: the weighted mean of their outcomes.

    Without a ridge it is what ``bradley_terry`` gives for two models, so similarity weighting is
    there a kernel smoother (Nadaraya and Watson 1964).

    Args:
        outcome: 1, 1/2 or 0 (g,).
        weights: 0 or more (g,); by default 1 each.

    Raises:
        ValueError: lengths differ, no comparison, NaN, or weights that are negative or all 0.
    """
    won, w = vectors(
        outcome=outcome, weights=np.ones(np.shape(outcome)) if weights is None else weights
    )
    if w.min() < 0 or not w.sum() > 0:
        raise ValueError("weights must be 0 or more, and not all 0")
    return float(w @ won / w.sum())


def elo_gap(win_rate: float) -> float:
    """The difference of two Elo ratings, 400 log10(p / (1 - p)); infinite at 0 and 1.

    Raises:
        ValueError: p out of [0, 1].
    """
    if not 0 <= win_rate <= 1:
        raise ValueError(f"win_rate must lie between 0 and 1, not {win_rate}")
    if win_rate in (0, 1):
        return math.copysign(math.inf, win_rate - 0.5)
    return 400 * math.log10(win_rate / (1 - win_rate))


def similarity_weights(
    similarities: ArrayLike,
    gamma: float = 10.0,
    normalise: Normalise = "query",
    nearest: ArrayLike | None = None,
) -> Floats:
    """Weights gamma^(1 + S) of training prompts (n,), S being the normalised similarity.

    Args:
        similarities: cosines of the query with each training prompt (n,).
        gamma: how much nearness counts, above 0: at 1 not at all. At RouteLLM's 10 the nearest
            prompt weighs ten times one that is unrelated, which smooths too much: raise it.
        normalise: ``query`` divides by the query's own highest similarity, as RouteLLM's program
            does, ``train`` by ``nearest``, as its paper does.
        nearest: each training prompt's highest similarity to any other (n,), for ``train``.

    Returns:
        Weights (n,); all 1 where the highest similarity isn't above 0.

    Raises:
        ValueError: lengths differ, no prompt, NaN, or ``nearest`` missing or not above 0.
    """
    if not gamma > 0:
        raise ValueError(f"gamma must be above 0, not {gamma}")
    (near,) = vectors(similarities=similarities)
    norm = None
    if normalise == "train":
        if nearest is None:
            raise ValueError("normalise='train' needs nearest")
        near, norm = vectors(similarities=near, nearest=nearest)
        if norm.min() <= 0:
            raise ValueError("nearest must be above 0")
    if near.max() <= 0:
        return np.ones_like(near)
    return gamma ** (1 + relative_similarity(near, norm))


def relative_similarity(similarities: NDArray[Any], nearest: NDArray[Any] | None) -> NDArray[Any]:
    """S of training prompts (n,): cosines over their own maximum, or over ``nearest`` (n,).

    0 throughout where no cosine is above 0, so that all weigh alike. Nothing is checked.
    """
    highest = similarities.max()
    if highest <= 0:
        return np.zeros_like(similarities)
    return similarities / (highest if nearest is None else nearest)


def _log_likelihood(wins: Floats, x: Floats, rest: Floats, ridge: float) -> float:
    against = np.logaddexp(0.0, x - x[:, None])
    away = x - rest
    return -float((wins * against).sum()) - ridge / 2 * float(away @ away)
