"""Matrix factorisation as a router: from who won (RouteLLM) or from who was right (EmbedLLM)."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from routewright.data.routing_data import RoutingData
from routewright.data.votes import is_votes
from routewright.encoders import DEFAULT, View
from routewright.errors import ConfigError, DataError
from routewright.routers.base import Arrays, BaseRouter, Floats, Meta
from routewright.routers.comparisons import (
    RateMap,
    beats,
    opponents,
    rates,
    score_map,
    vote_map,
)
from routewright.routers.cost import CostModel
from routewright.routers.factor_model import Factors, Loss, train
from routewright.routers.factor_vector import Labels, choose_vector
from routewright.routers.folds import group_folds
from routewright.routers.packing import pack, unpack
from routewright.routers.table import centre

_FEWEST = 20  # labelled prompts below which nothing is held out, so nothing can be learned
_HELD = 10  # one group in so many is held out
_BLOCK = 256  # prompts whose tables of chances are in memory at once


class FactorRouter(BaseRouter):
    """Matrix factorisation of N models, from scores or from votes (``Votes.as_data``).

    A tenth of the groups is held out: training ends where their loss no longer falls, and they
    decide how far predictions may stray from the training means (a line through the means, its
    slope at most what the loss implies, 0 where nothing was learned). Of ``pairwise`` only
    differences between models are known; what its scores mean, on votes too, ``RateMap`` says.
    ``pointwise`` predicts scores, and of votes a model's chance against those it met.

    Size, noise and rate are RouteLLM's; they and a few beside them were compared by held-out error
    on training rows of three public tables, where they were among the best.

    Args:
        loss: ``pairwise`` or ``pointwise``.
        size: coordinates of a model's vector.
        noise: standard deviation of what is added in training, and only there, to each coordinate
            of vectors of unit length, and to the features in proportion.
        rate: of Adam.
        decay: weight decay.
        epochs: at most.
        encoder: turns text into vectors.
        seed: of encoder, held-out groups, start, batches and noise.
    """

    name = "mf"
    complexity = 36

    def __init__(
        self,
        *,
        loss: Loss = "pairwise",
        size: int = 128,
        noise: float = 0.05,
        rate: float = 3e-4,
        decay: float = 1e-3,
        epochs: int = 100,
        encoder: str = DEFAULT,
        seed: int = 0,
    ) -> None:
        super().__init__(encoder=encoder, seed=seed)
        self.loss: Loss = loss
        self.size = size
        self.noise = noise
        self.rate = rate
        self.decay = decay
        self.epochs = epochs

    def _fit(self, data: RoutingData, view: View) -> None:
        if self.loss not in ("pairwise", "pointwise"):
            raise ConfigError(f"loss must be pairwise or pointwise, not {self.loss!r}")
        if self.size < 1 or not self.noise >= 0 or not self.rate > 0 or not self.decay >= 0:
            raise ConfigError("mf needs a size and a rate above 0, noise and decay of 0 or more")
        known = np.isfinite(data.scores)
        rows = np.flatnonzero(known.sum(axis=1) >= (2 if self.loss == "pairwise" else 1))
        x, scores = view.design[rows], data.scores[rows]
        folds = group_folds(data.groups[rows], _HELD, self.seed)
        held = folds[0] if folds and len(rows) >= _FEWEST else np.arange(len(rows))
        self.factors_, self.epoch_ = train(
            x,
            scores,
            held,
            loss=self.loss,
            size=self.size,
            noise=self.noise * np.sqrt(max(view.embeddings.shape[1], 1)),  # as the design scales
            rate=self.rate,
            decay=self.decay,
            epochs=self.epochs if len(held) < len(rows) else 0,
            seed=self.seed,
        )
        self.on_votes_ = is_votes(data.scores)
        self.opponents_ = opponents(scores)
        self.answers_ = known.sum(axis=0).astype(np.float64)
        self.map_ = self._fit_map(x, scores, held)

    def _fit_map(self, x: Floats, scores: Floats, held: NDArray[np.intp]) -> RateMap:
        mu = self.train_means_["scores"]
        some: NDArray[np.bool_] = np.any(np.isfinite(scores), axis=0)
        if not self.epoch_:
            return score_map(some, mu, np.zeros_like(mu), slope=0.0)
        if self.loss == "pairwise" and self.on_votes_:
            return vote_map(self.opponents_, mu)
        raw = self._raw(self.factors_.deltas(x))
        mean = raw.mean(axis=0)
        steepest = 2.0 if self.loss == "pairwise" else 1.0
        slope = np.clip(_slope(raw[held] - mean, scores[held] - mu), 0.0, steepest)
        return score_map(some, mu, mean, float(slope))

    def _raw(self, delta: Floats) -> Floats:
        """Win rates, or chances to be right, of δ (n, m)."""
        if self.loss == "pointwise":
            return 0.5 * (1 + np.tanh(delta / 2))
        blocks = [
            rates(beats(delta[start : start + _BLOCK]), self.opponents_)
            for start in range(0, len(delta), _BLOCK)
        ]
        return np.concatenate([np.zeros((0, delta.shape[1])), *blocks])

    def _predict_scores(self, view: View) -> tuple[Floats, Floats]:
        scores = self.map_.scores(self._raw(self.factors_.deltas(view.design)))
        scores = np.clip(scores, 0.0, 1.0)
        # As if a model's labels had to pay for each coordinate of its vector.
        labels = np.maximum(self.answers_ / len(self.factors_.b), 1.0)
        return scores, np.sqrt(scores * (1 - scores) / labels)

    def add_model(self, name: str, data: RoutingData) -> Self:
        """This router with one more model, fitted on a few hundred labels.

        Only the new model's vector is fitted (``choose_vector``), so that no other model's
        prediction changes. Of ``pairwise`` it is compared with models that were scored on the same
        prompts: predicted scores would not do, for they don't know how hard each prompt is, and
        the new model would be credited with what all models share.

        Args:
            name: of the model, a column of ``data`` and none of this router's.
            data: its scores, costs where known; columns of other models are used where this
                router knows them.

        Returns:
            A new router; this one stays as it is.

        Raises:
            ConfigError: the router has the model already.
            DataError: no score of it, or none that could be compared.
            UnknownModelError: ``data`` has no such column.
        """
        if name in self.models_:
            raise ConfigError(f"the router has a model {name!r} already; give the new one's name")
        alone = data.select_models([name])
        own = alone.scores[:, 0]
        rows = np.flatnonzero(np.isfinite(own))
        if not len(rows):
            raise DataError(f"{data.name}: no score of {name!r}; run routewright judge first")
        view = self.space_.view([data.prompts[row] for row in rows.tolist()])
        vector = self._fit_vector(own[rows], self._rivals(data, rows), view, data.groups[rows])

        more = copy.copy(self)
        more.models_ = (*self.models_, name)
        more.factors_ = replace(self.factors_, v=np.vstack([self.factors_.v, vector]))
        more.opponents_ = np.append(self.opponents_, False)
        more.answers_ = np.append(self.answers_, len(rows))
        more.map_ = self._map_with(more, own[rows], view, votes=is_votes(data.scores))
        paid = alone.costs
        if not np.isfinite(paid).any():  # unknown: as dear as the dearest
            paid = np.full(paid.shape, self.train_means_["costs"].max())
        alone = replace(alone, costs=paid)
        cost = CostModel().fit(alone, self.space_.view(data.prompts))
        more.cost_model_ = self.cost_model_.beside(cost)
        means = self.train_means_
        more.train_means_ = {
            "scores": np.append(means["scores"], float(own[rows].mean())),
            "costs": np.append(means["costs"], float(np.nanmean(paid))),
        }
        more.scored_ = np.append(self.scored_, True)
        more.recommended_worth_usd_ = more.out_of_fold_ = None
        return more

    def _rivals(self, data: RoutingData, rows: NDArray[np.intp]) -> Floats:
        """Scores of the models known (r, m) that a new one is compared with; NaN for none."""
        rivals = np.full((len(rows), len(self.models_)), np.nan)
        for column, model in enumerate(self.models_):
            if model in data.models and self.opponents_[column]:
                rivals[:, column] = data.scores[rows, data.models.index(model)]
        return rivals

    def _fit_vector(
        self, own: Floats, rivals: Floats, view: View, groups: NDArray[np.str_]
    ) -> Floats:
        f, n = self.factors_, len(own)
        asks, others = f.asks(view.design), f.v[self.answers_ > 0]
        home = np.zeros(n, dtype=np.intp)
        for fold, rows in enumerate(group_folds(groups, seed=self.seed)):
            home[rows] = fold
        if self.loss == "pointwise":
            return choose_vector(Labels(asks, own, np.zeros(n), np.ones(n), home), others)
        row, rival = np.nonzero(np.isfinite(rivals))
        if not len(row):
            raise DataError(
                "no model that this router knows was scored on the new one's prompts; score some, "
                "or fit the router with loss='pointwise'"
            )
        labels = Labels(
            asks=asks[row],
            won=(1 + own[row] - rivals[row, rival]) / 2,
            offsets=f.deltas(view.design)[row, rival],
            # A prompt is one label, however many rivals it is compared with.
            weights=1 / np.bincount(row, minlength=n)[row],
            folds=home[row],
        )
        return choose_vector(labels, others)

    def _map_with(self, more: Self, own: Floats, view: View, *, votes: bool) -> RateMap:
        """The map with a new model's line: as steep as the others', through its own mean."""
        slope = float(self.map_.slope.max())
        if self.loss == "pairwise" and self.on_votes_:
            intercept, slope = 0.0, 1.0  # it is none of its own opponents
        elif self.loss == "pairwise" and votes:
            intercept = float(self.map_.intercept[self.opponents_].mean())
        else:
            raw = more._raw(more.factors_.deltas(view.design))[:, -1]
            intercept = float((own - slope * raw).mean())
        return RateMap(np.append(self.map_.intercept, intercept), np.append(self.map_.slope, slope))

    def _state(self) -> tuple[Arrays, Meta]:
        arrays = pack("factors", self.factors_) | pack("map", self.map_)
        arrays |= {"opponents": self.opponents_, "answers": self.answers_}
        arrays |= {"epoch": np.asarray(self.epoch_), "on_votes": np.asarray(self.on_votes_)}
        return arrays, {"epoch": self.epoch_}

    def _restore(self, arrays: Arrays) -> None:
        self.factors_ = unpack("factors", Factors, arrays)
        self.map_ = unpack("map", RateMap, arrays)
        self.opponents_, self.answers_ = arrays["opponents"], arrays["answers"]
        self.epoch_, self.on_votes_ = int(arrays["epoch"]), bool(arrays["on_votes"])


def _slope(moved: Floats, target: Floats) -> float:
    """Least squares of differences between models (h, m), NaN where unknown; 0 without any."""
    known = np.isfinite(target)
    told, due = centre(moved, known), centre(np.where(known, target, 0.0), known)
    return float((told * due).sum()) / max(float((told**2).sum()), 1e-12)
