"""Routers to be beaten, and the one that can't be."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routewright.data.routing_data import RoutingData
from routewright.encoders import View
from routewright.errors import DataError
from routewright.routers.base import Arrays, BaseRouter, Floats, Meta
from routewright.routers.packing import Holds, expect
from routewright.routers.table import column_means
from routewright.types import Prompt


class _Blind(BaseRouter):
    """Learns nothing from the text but what an answer will cost."""

    complexity = None

    def __init__(self, *, seed: int = 0) -> None:
        super().__init__(encoder="", seed=seed)

    def _fit(self, data: RoutingData, view: View) -> None:  # noqa: ARG002  # looks at no text
        known = np.isfinite(data.scores).sum(axis=0)
        mu = self.train_means_["scores"]
        self.constant_ = self._constant(mu)
        spread = np.sqrt(np.clip(mu * (1 - mu), 0, None) / np.maximum(known, 1))
        self.spread_ = np.where(known > 0, spread, 0.5)

    def _constant(self, mu: Floats) -> Floats:
        return mu

    def _predict_scores(self, view: View) -> tuple[Floats, Floats]:
        n = len(view.prompts)
        return np.tile(self.constant_, (n, 1)), np.tile(self.spread_, (n, 1))

    def _state(self) -> tuple[Arrays, Meta]:
        return {"constant": self.constant_, "spread": self.spread_}, {}

    def _restore(self, arrays: Arrays) -> None:
        self.constant_ = expect("constant", arrays["constant"], Holds("m", low=0, high=1))
        self.spread_ = expect("spread", arrays["spread"], Holds("m", low=0))


class ZeroRouter(_Blind):
    """Every prompt gets the training means μ_m: all that can be known without looking at it."""

    name = "zero"
    complexity = 0


class CostOnlyRouter(ZeroRouter):
    """The same scores for every prompt, but each prompt's own expected costs.

    Long prompts cost more and dear models more so: knowing that alone, and nothing of who answers
    what, is worth something. What another router adds to it is its skill.
    """

    name = "cost-only"
    complexity = None


class CheapestRouter(_Blind):
    """All models look equally good, so the policy takes the one with the least expected cost."""

    name = "cheapest"
    scores_are_expected = False

    def _constant(self, mu: Floats) -> Floats:
        return np.full_like(mu, mu.mean())


class BestSingleRouter(_Blind):
    """The best model on the training data has its mean score, the others none.

    At a high willingness to pay it is chosen always; at zero the policy still takes the
    cheapest, as it does whatever a router says.
    """

    name = "best-single"
    scores_are_expected = False

    def _constant(self, mu: Floats) -> Floats:
        # The cheaper of equally good ones, as in the policy's tie rule.
        best = np.lexsort((self.train_means_["costs"], -mu))[0]
        return np.where(np.arange(len(mu)) == best, np.maximum(mu, 1e-9), 0.0)


class RandomRouter(_Blind):
    """Scores drawn from seed, prompt text and model: the same prompt, the same draw.

    A model never scored gets 0.
    """

    name = "random"
    scores_are_expected = False

    def _fit(self, data: RoutingData, view: View) -> None:
        super()._fit(data, view)
        self.constant_ = np.isfinite(data.scores).any(axis=0).astype(np.float64)

    def _predict_scores(self, view: View) -> tuple[Floats, Floats]:
        draws = [[self._draw(p.text, model) for model in self.models_] for p in view.prompts]
        scores = np.array(draws).reshape(len(draws), len(self.models_)) * self.constant_
        return scores, np.full_like(scores, np.sqrt(1 / 12))

    def _draw(self, text: str, model: str) -> float:
        data = f"{self.seed}\n{model}\n{text}".encode("utf-8", "surrogatepass")
        return int.from_bytes(blake2b(data, digest_size=8).digest()) / 2.0**64


class OracleRouter(BaseRouter):
    """Realised scores and costs of the prompts it was fitted on, by id: a bound, not a router.

    A cell that was not bought counts as score 0 at the model's mean cost, since nobody can
    choose an answer that nobody has. ``predict`` raises DataError on an unknown prompt.
    """

    name = "oracle"
    complexity = None
    knows_only_training_prompts = True

    def __init__(self, *, seed: int = 0) -> None:
        super().__init__(encoder="", seed=seed)

    def _fit(self, data: RoutingData, view: View) -> None:  # noqa: ARG002  # looks at no text
        means = column_means(data.costs, pessimist=1)
        self.ids_ = [prompt.id for prompt in data.prompts]
        self._learn(
            np.where(np.isfinite(data.scores), data.scores, 0.0),
            np.where(np.isfinite(data.costs), data.costs, means),
        )

    def _learn(self, scores: Floats, costs: Floats) -> None:
        if scores.shape != costs.shape or len(scores) != len(self.ids_):
            raise ValueError("scores, costs and prompt ids don't match")
        self.scores_, self.costs_ = scores, costs
        self._row = {id: row for row, id in enumerate(self.ids_)}

    def _rows(self, prompts: Sequence[Prompt]) -> NDArray[np.intp]:
        for prompt in prompts:
            if prompt.id not in self._row:
                raise DataError(
                    f"prompt {prompt.id!r}: the oracle knows only prompts it was fitted on; "
                    "fit it on the prompts it is asked about, or choose another router"
                )
        return np.array([self._row[prompt.id] for prompt in prompts], dtype=np.intp)

    def _predict_scores(self, view: View) -> tuple[Floats, Floats]:
        scores = self.scores_[self._rows(view.prompts)]
        return scores, np.zeros_like(scores)

    def _predict_costs(self, view: View) -> Floats:
        return self.costs_[self._rows(view.prompts)]

    def _state(self) -> tuple[Arrays, Meta]:
        ids = np.frombuffer(json.dumps(self.ids_).encode(), dtype=np.uint8)
        return {"scores": self.scores_, "costs": self.costs_, "ids": ids}, {}

    def _restore(self, arrays: Arrays) -> None:
        ids: Any = json.loads(arrays["ids"].tobytes())
        self.ids_ = [str(id) for id in ids]
        self._learn(
            expect("scores", arrays["scores"], Holds("n m", low=0, high=1)),
            expect("costs", arrays["costs"], Holds("n m", low=0)),
        )
