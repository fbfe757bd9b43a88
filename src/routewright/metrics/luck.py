"""How much of an oracle is luck: guessing floors, a permutation null, a cross-fitted oracle.

An oracle picks the best of m answers after seeing them, so it rises with m even if every model
guesses. For the null that keeps what is hard hard, see ``rasch``.
"""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import ArrayLike, NDArray

from routewright.metrics.oracle import OracleChoice
from routewright.metrics.shapes import Floats, matrices

Mask = NDArray[np.bool_]

SPLITS = 252  # all halves of ten samples; of more, as many at random


def chance_corrected(score: ArrayLike, options: ArrayLike) -> Floats:
    """(q - 1/g) / (1 - 1/g): 0 for a guesser among g options, 1 for a model that is always right.

    Args:
        score: mean scores, of any shape.
        options: g, 2 or more, of a shape that goes with it.

    Raises:
        ValueError: fewer than 2 options.
    """
    chance = 1 / _options(options)
    return (np.asarray(score, dtype=np.float64) - chance) / (1 - chance)


def luck_floor(options: ArrayLike, models: int) -> Floats:
    """1 - (1 - 1/g)^M: the oracle score of M models that guess independently among g options.

    Raises:
        ValueError: fewer than 2 options, or no model.
    """
    if models < 1:
        raise ValueError(f"models must be 1 or more, not {models}")
    return 1 - (1 - 1 / _options(options)) ** models


def chance_corrected_oracle(score: float, options: ArrayLike, models: int) -> float:
    """(oracle - floor) / (1 - floor), the floor being the oracle of as many guessers.

    0 means the oracle is what luck alone gives; models that know something guess less often, so
    the true share of luck is smaller and a value below 0 isn't absurd. ``chance_corrected`` of the
    oracle's score instead asks what one guess gives, and hardly changes it.

    Args:
        score: mean score of the oracle.
        options: g of each prompt (n,), or of all of them.
        models: the size of the pool, M.

    Raises:
        ValueError: fewer than 2 options, or no model.
    """
    floor = float(luck_floor(options, models).mean())
    return (score - floor) / (1 - floor)


def oracle_any_correct(scores: ArrayLike, costs: ArrayLike) -> OracleChoice:
    """LLMRouterBench's oracle: right where any model scores above 0, at the cheapest such model.

    A prompt that no model solves is charged the cheapest of all. For binary scores the choice is
    that of ``oracle``; graded scores count as 1 as soon as they aren't 0.

    Args:
        scores: realised scores (n, m).
        costs: realised costs (n, m) in US dollars.

    Raises:
        ValueError: shapes differ, or NaN.
    """
    s, c = matrices(scores=scores, costs=costs)
    solves = s > 0
    solved = s.max(axis=1) > 0
    chosen = np.where(solves | ~solved[:, None], c, np.inf).argmin(axis=1)
    paid = c[np.arange(len(c)), chosen]
    return OracleChoice(
        chosen=chosen.astype(np.intp),
        mean_score=float(solved.mean()),
        mean_cost_usd=float(paid.mean()),
        mean_cost0_usd=float(np.where(solved, paid, 0.0).mean()),
    )


def shuffled_oracle(scores: ArrayLike, *, seed: int, draws: int = 200) -> Floats:
    """Oracle scores (draws,) after every model's scores were permuted over the prompts by itself.

    **Not a null for real models**: shuffling destroys the difficulty that they share, so it exceeds
    the real oracle (ARC: 1.000 against .987) and would call any specialisation absent. It is one
    where there is no difficulty, as in a world of pure luck: there the real oracle must lie within
    its spread, and that is what it is for. Elsewhere use ``rasch.rasch_null``.

    Args:
        scores: realised scores (n, m).
        seed: equal seeds give equal draws.
        draws: permutations, 1 or more.

    Raises:
        ValueError: another shape, NaN, or no draw.
    """
    (s,) = matrices(scores=scores)
    if draws < 1:
        raise ValueError(f"draws must be 1 or more, not {draws}")
    rng = np.random.default_rng(seed)
    return np.array([rng.permuted(s, axis=0).max(axis=1).mean() for _ in range(draws)])


def cross_fitted_oracle(samples: ArrayLike, *, seed: int = 0) -> float:
    """The oracle that may not reward luck: choose on half of the samples, score on the other half.

    It averages over both directions of every split into halves (at most 252, drawn with the seed
    beyond that); models that tie on one half are chosen among at random, in expectation. An oracle
    on single samples overstates what a router could gain; this one understates it a little,
    because it chooses on fewer samples than there are.

    Args:
        samples: scores of r repeated answers (n, m, r), r at least 2.
        seed: equal seeds draw equal splits.

    Raises:
        ValueError: another shape, fewer than 2 samples, or NaN.
    """
    s = np.asarray(samples, dtype=np.float64)
    if s.ndim != 3 or s.shape[2] < 2 or not s.size:
        raise ValueError(f"samples must have shape (n, m, r) with r at least 2, not {s.shape}")
    if np.isnan(s).any():
        raise ValueError("samples holds NaN: keep complete prompts only")
    repeats = s.shape[2]
    halves = _halves(repeats, seed)
    found = [(_chosen_on(s, half) + _chosen_on(s, ~half)) / 2 for half in halves]
    return float(np.mean(found))


def _chosen_on(samples: Floats, half: Mask) -> float:
    seen, kept = samples[:, :, half].mean(axis=2), samples[:, :, ~half].mean(axis=2)
    # Equal means of the same few numbers may differ in their last bits.
    best = seen >= seen.max(axis=1, keepdims=True) - 1e-12
    return float(((kept * best).sum(axis=1) / best.sum(axis=1)).mean())


def _halves(repeats: int, seed: int) -> list[Mask]:
    """Which samples are in the first half of each split."""
    size = repeats // 2
    if comb(repeats, size) <= SPLITS:
        halves = [list(half) for half in combinations(range(repeats), size)]
    else:
        rng = np.random.default_rng(seed)
        halves = [rng.permutation(repeats)[:size].tolist() for _ in range(SPLITS)]
    masks = np.zeros((len(halves), repeats), dtype=np.bool_)
    for mask, half in zip(masks, halves, strict=True):
        mask[half] = True
    return list(masks)


def _options(options: ArrayLike) -> Floats:
    each = np.asarray(options, dtype=np.float64)
    if not (each >= 2).all():
        raise ValueError("a question to guess at has 2 options or more")
    return each
