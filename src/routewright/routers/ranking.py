"""Similarity-weighted ranking: strengths of the models fitted anew for every prompt.

Weighted Bradley-Terry at query time (Ong et al., RouteLLM, arXiv 2406.18665, section 4.1). A
comparison on training prompt q_i weighs γ^S, S being its cosine with the query over the query's
highest (``query``, as RouteLLM's program does) or over q_i's own highest with another training
prompt (``train``, as its paper does). For two models the fit has a closed form, Σ ω y / Σ ω: a
kernel smoother whose bandwidth is 1 / ln γ. RouteLLM's γ = 10 makes the nearest prompt weigh
just ten times one that is unrelated, which smooths too much: hence γ can be chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from routewright.data.routing_data import RoutingData
from routewright.data.votes import is_votes
from routewright.encoders import DEFAULT, View
from routewright.errors import ConfigError
from routewright.metrics.bradley_terry import Normalise, bradley_terry, relative_similarity
from routewright.routers.base import Arrays, BaseRouter, Floats, Meta
from routewright.routers.comparisons import (
    Comparisons,
    Grid,
    Pairs,
    RateMap,
    chances,
    compare,
    opponents,
    rates,
    score_map,
    vote_map,
)
from routewright.routers.packing import pack, unpack

Float32 = NDArray[np.float32]
Ints = NDArray[np.intp]

GAMMAS = (10.0, 1e2, 1e4, 1e8)

_PROBES = 1_000  # training rows on which the gammas are compared
_BLOCK = 1_000  # rows of the similarities of all with all that are in memory at once
_LIKE = 1e-3  # least divisor of a similarity: a prompt with no like is not thereby near to all


@dataclass(frozen=True, eq=False)
class Ranking:
    """Training prompts with their comparisons, and how to weigh them.

    Attributes:
        vectors: distinct prompts, one a column (d, n): a third faster to read than one a row.
        nearest: each one's highest similarity with another (n,); empty for ``query``.
        strengths: of the unweighted fit (m,), where each weighted fit starts, and which a model
            keeps that the near prompts don't tell of.
        gamma: how much nearness counts.
    """

    vectors: Float32
    nearest: Float32
    strengths: Floats
    gamma: float

    def similar(self, vector: Float32) -> Float32:
        """Cosines of the prompts with one (n,)."""
        return vector @ self.vectors

    def weights(self, similar: Float32) -> Float32:
        """Weights (n,) in [0, 1], 1 for the nearest; γ^(1 + S) but for a common factor."""
        if not len(similar):
            return similar
        near = relative_similarity(similar, self.nearest if len(self.nearest) else None)
        near = near - near.max()
        return np.exp(near * np.float32(np.log(self.gamma)))

    def chances(self, weights: Float32, comparisons: Comparisons) -> Floats:
        """P(row beats column) (m, m) by the weighted comparisons."""
        wins = comparisons.wins(weights.astype(np.float64), len(self.strengths))
        return chances(wins, self.strengths)


class RankingRouter(BaseRouter):
    """Similarity-weighted ranking of N models, from scores or from votes (``Votes.as_data``).

    What the predicted scores mean, ``RateMap`` says. The standard errors count the effective
    number of comparisons that the weights leave; that far prompts are of another kind is not in
    them.

    Args:
        gamma: weight of the nearest prompt against an unrelated one, above 0; None chooses among
            10, 10², 10⁴ and 10⁸ by the error of win rates on training prompts whose own group is
            left out.
        normalise: ``query`` or ``train``; the second compares all training prompts with all.
        encoder: turns text into vectors.
        seed: of the encoder.
    """

    name = "sw-ranking"
    complexity = 45

    def __init__(
        self,
        *,
        gamma: float | None = None,
        normalise: Normalise = "query",
        encoder: str = DEFAULT,
        seed: int = 0,
    ) -> None:
        super().__init__(encoder=encoder, seed=seed)
        self.gamma = gamma
        self.normalise = normalise

    def _fit(self, data: RoutingData, view: View) -> None:
        if self.normalise not in ("query", "train"):
            raise ConfigError(f"normalise must be query or train, not {self.normalise!r}")
        if self.gamma is not None and not 0 < self.gamma < np.inf:
            raise ConfigError(f"gamma must be a number above 0, not {self.gamma}")
        useful = np.flatnonzero(np.isfinite(data.scores).sum(axis=1) >= 2)
        scores, groups, places = data.scores[useful], data.groups[useful], _places(view)[useful]
        comparisons = compare(scores)
        home = np.arange(len(useful))
        if isinstance(comparisons, Pairs):  # several votes on one text share its vector
            first, home = _distinct([data.prompts[row].text for row in useful.tolist()])
            comparisons = replace(comparisons, rows=home[comparisons.rows])
            groups, places = groups[first], places[first]
        everything = comparisons.wins(np.ones(len(places)), len(data.models))
        strengths = bradley_terry(everything)
        self.comparisons_ = comparisons
        self.ranking_ = Ranking(
            vectors=np.ascontiguousarray(places.T),
            nearest=_nearest(places) if self.normalise == "train" else places[:0, 0],
            strengths=strengths,
            gamma=self.gamma or GAMMAS[0],
        )
        if self.gamma is None:
            self.ranking_ = _with_best_gamma(self.ranking_, comparisons, scores, groups, home)
        mu = self.train_means_["scores"]
        self.opponents_ = opponents(scores)
        whole = rates(chances(everything, strengths), self.opponents_)
        votes = is_votes(data.scores)
        told = score_map(self.opponents_, mu, whole)
        self.map_ = vote_map(self.opponents_, mu) if votes else told
        self.answers_ = np.isfinite(scores).sum(axis=0) / max(len(places), 1)

    def _predict_scores(self, view: View) -> tuple[Floats, Floats]:
        told = [self._read(vector) for vector in _places(view)]
        m = len(self.models_)
        scores, count = (np.array([row[i] for row in told]).reshape(-1, m) for i in (0, 1))
        scores = np.clip(scores, 0.0, 1.0)
        return scores, np.sqrt(scores * (1 - scores) / np.maximum(count, 1.0))

    def _read(self, vector: Float32) -> tuple[Floats, Floats]:
        """Scores of one prompt and the effective number of answers behind each (m,)."""
        weights = self.ranking_.weights(self.ranking_.similar(vector))
        total = float(weights.sum())
        size = total**2 / max(float(weights @ weights), 1e-300)
        chance = self.ranking_.chances(weights, self.comparisons_)
        return self.map_.scores(rates(chance, self.opponents_)), size * self.answers_

    def _state(self) -> tuple[Arrays, Meta]:
        form = "pairs" if isinstance(self.comparisons_, Pairs) else "grid"
        arrays = pack("ranking", self.ranking_) | pack("map", self.map_)
        arrays |= pack(form, self.comparisons_)
        arrays |= {"answers": self.answers_, "opponents": self.opponents_}
        return arrays, {"gamma": self.ranking_.gamma}

    def _restore(self, arrays: Arrays) -> None:
        self.ranking_ = unpack("ranking", Ranking, arrays)
        self.map_ = unpack("map", RateMap, arrays)
        form, kind = ("pairs", Pairs) if "pairs.rows" in arrays else ("grid", Grid)
        self.comparisons_ = unpack(form, kind, arrays)
        self.answers_, self.opponents_ = arrays["answers"], arrays["opponents"]


def _places(view: View) -> Float32:
    """The vectors whose cosines count, as in the paper; without an encoder, the prompts' form."""
    return view.embeddings if view.embeddings.shape[1] else view.places


def _distinct(texts: Sequence[str]) -> tuple[Ints, Ints]:
    """The first row of each distinct text (k,), and for every row which text it has (n,)."""
    seen: dict[str, int] = {}
    home = np.array([seen.setdefault(text, len(seen)) for text in texts], dtype=np.intp)
    first = np.unique(home, return_index=True)[1]
    return first, home


def _nearest(vectors: Float32) -> Float32:
    """Each prompt's highest similarity with another (n,), at least ``_LIKE``."""
    highest = np.full(len(vectors), _LIKE, dtype=np.float32)
    for start in range(0, len(vectors), _BLOCK):
        similar = vectors[start : start + _BLOCK] @ vectors.T
        rows = np.arange(len(similar))
        similar[rows, start + rows] = _LIKE
        highest[start : start + _BLOCK] = np.maximum(similar.max(axis=1), _LIKE)
    return highest


def _with_best_gamma(
    ranking: Ranking,
    comparisons: Comparisons,
    scores: Floats,
    groups: NDArray[np.str_],
    home: Ints,
) -> Ranking:
    """Choose by the squared error of win rates on training rows, their own group out of sight.

    Of two models that is the error of the difference of their scores, on which a choice hangs.

    Args:
        ranking: with any gamma.
        comparisons: of its prompts.
        scores: rows of training scores (r, m), two or more known in each.
        groups: of the distinct prompts (n,).
        home: which distinct prompt each row is about (r,).
    """
    _, code = np.unique(groups, return_inverse=True)
    if len(groups) == 0 or code.max() == 0:
        return ranking
    rows = np.linspace(0, len(scores) - 1, min(_PROBES, len(scores))).astype(np.intp)
    tries = [replace(ranking, gamma=gamma) for gamma in GAMMAS]
    error = np.zeros(len(tries))
    for row in rows:
        own = code == code[home[row]]
        similar = ranking.similar(np.ascontiguousarray(ranking.vectors[:, home[row]]))
        similar[own] = -np.inf
        known = np.flatnonzero(np.isfinite(scores[row]))
        told = scores[row, known]
        won = (1 + told[:, None] - told) / 2
        for i, each in enumerate(tries):
            weights = each.weights(similar)
            weights[own] = 0.0
            gap = each.chances(weights, comparisons)[np.ix_(known, known)] - won
            error[i] += float((gap**2).sum()) / (len(known) * (len(known) - 1))
    return tries[int(np.argmin(error))]
