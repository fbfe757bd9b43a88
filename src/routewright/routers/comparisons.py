"""Scores as comparisons of models, and win rates as scores again.

On a prompt with scores s, model i against model j has won y_ij = 1/2 (1 + s_i - s_j): 1 and 0 for
right against wrong, 1/2 where they tie. Ties stay. Of decided comparisons alone a model that is
better in .01 of the prompts and never worse would look surer than one that is better in .6 and
worse in .2, though only the second is worth paying for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routewright.metrics.bradley_terry import bradley_terry, coded_win_table

Floats = NDArray[np.float64]
Weights = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Comparisons one by one: the small form where a prompt has few scores, as with votes.

    Attributes:
        rows: the prompt of each (g,).
        codes: i · m + j of its models, i before j (g,).
        won: y_ij (g,).
    """

    rows: NDArray[np.intp]
    codes: NDArray[np.intp]
    won: Floats

    def wins(self, weights: Weights, models: int) -> Floats:
        """Wins (m, m) of row over column, the prompts weighted (n,)."""
        w = weights[self.rows]
        return coded_win_table(self.codes, w * self.won, w, models)


@dataclass(frozen=True, eq=False)
class Grid:
    """Comparisons of all with all: the small form where a prompt has many scores.

    Attributes:
        scores: (n, m), 0 where unknown.
        known: 1 where a score is known, else 0 (n, m).
    """

    scores: Floats
    known: Floats

    def wins(self, weights: Weights, models: int) -> Floats:
        """Wins (m, m) of row over column, the prompts weighted (n,)."""
        weighted = self.known * weights[:, None]
        games = weighted.T @ self.known
        ahead = (self.scores * weights[:, None]).T @ self.known
        wins = (games + ahead - ahead.T) / 2
        wins.flat[:: models + 1] = 0
        return np.maximum(wins, 0)  # a sum that cancels may end a hair below


Comparisons = Pairs | Grid


def compare(scores: Floats) -> Comparisons:
    """Every pair of models with known scores on one prompt (n, m), in the smaller form."""
    n, m = scores.shape
    known = np.isfinite(scores)
    count = known.sum(axis=1)
    if (count * (count - 1) // 2).sum() >= n * m:
        return Grid(np.where(known, scores, 0.0), known.astype(np.float64))
    rows: list[NDArray[np.intp]] = []
    codes: list[NDArray[np.intp]] = []
    for i in range(m):
        here = np.flatnonzero(known[:, i])
        row, column = np.nonzero(known[here, i + 1 :])
        rows.append(here[row])
        codes.append(i * m + i + 1 + column)
    row, code = np.concatenate(rows), np.concatenate(codes)
    order = np.argsort(row, kind="stable")
    row, code = row[order], code[order]
    return Pairs(row, code, (1 + scores[row, code // m] - scores[row, code % m]) / 2)


def chances(wins: Floats, towards: Floats) -> Floats:
    """P(row beats column) (m, m), 1/2 on the diagonal: of two models in closed form.

    Args:
        wins: weighted wins (m, m).
        towards: strengths of models that these comparisons don't tell of (m,).
    """
    games = float(wins[0, 1] + wins[1, 0])
    if len(wins) == 2 and games > 0:
        p = float(wins[0, 1]) / games
        return np.array([[0.5, p], [1 - p, 0.5]])
    return beats(bradley_terry(wins, towards=towards))


def beats(strengths: Floats) -> Floats:
    """P(i beats j) = σ(x_i - x_j) of strengths (..., m) as (..., m, m)."""
    return 0.5 * (1 + np.tanh((strengths[..., :, None] - strengths[..., None, :]) / 2))


def opponents(scores: Floats) -> NDArray[np.bool_]:
    """Whom a win rate is against: the models that were ever compared with another (m,)."""
    compared = np.isfinite(scores)
    compared &= compared.sum(axis=1, keepdims=True) >= 2
    return np.any(compared, axis=0)


def rates(chance: Floats, opponents: NDArray[np.bool_]) -> Floats:
    """Win rates r (..., m): the mean of P(i beats j) (..., m, m) over the opponents j.

    Model i itself is among them, at 1/2: so a model that joins later is measured as the others.
    """
    against = np.compress(opponents, chance, axis=-1)
    return against.sum(axis=-1) / max(against.shape[-1], 1)


@dataclass(frozen=True, eq=False)
class RateMap:
    """Win rates as expected scores: intercept + slope · rate, model by model.

    *Fitted on scores*, y_ij = 1/2 (1 + s_i - s_j) makes r_i = 1/2 (1 + s_i - s̄): the slope is 2,
    and the intercept puts the training win rate at the training mean. For two models the
    difference of the scores is then that of the training means plus twice the change of P. Only
    differences between models can be known from comparisons: the level of the scores is that of
    the training data.

    *Fitted on votes alone* (``is_votes``) the expected score is the chance to win against one of
    the other models drawn at random, ties counting half: 0.5 is as good as the field.

    Attributes:
        intercept: (m,).
        slope: (m,); 0 for a model that was never compared.
    """

    intercept: Floats
    slope: Floats

    def scores(self, rates: Floats) -> Floats:
        """Expected scores (..., m) of win rates (..., m)."""
        return self.intercept + self.slope * rates


def vote_map(opponents: NDArray[np.bool_], mu: Floats) -> RateMap:
    """What votes mean by a rate: the mean without the model's draw against itself."""
    count = int(opponents.sum())
    others = max(count - 1, 1)
    return RateMap(np.where(opponents, -0.5 / others, mu), np.where(opponents, count / others, 0.0))


def score_map(some: NDArray[np.bool_], mu: Floats, rates: Floats, slope: float = 2.0) -> RateMap:
    """Rates on a line of this slope through the training means.

    Args:
        some: the models that the rates say something of (m,); the rest keep their mean.
        mu: training means of the scores (m,).
        rates: mean rates on the training prompts (m,).
        slope: 2 by what a comparison of scores is; less where rates promise too much.
    """
    steep = np.where(some, slope, 0.0)
    return RateMap(mu - steep * rates, steep)
