"""Small worlds whose best answers are known in closed form."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from routewright.data.routing_data import RoutingData
from routewright.routers.base import BaseRouter, Predictions
from routewright.types import Prompt


def table(scores: Any, costs: Any, models: Sequence[str], **known: Any) -> RoutingData:
    """Routing data of given outcomes; ``tasks`` and ``groups`` may name one for each prompt."""
    n = len(scores)
    tasks, groups = known.get("tasks", [""] * n), known.get("groups", [""] * n)
    prompts = tuple(
        Prompt.from_text(f"p{i}", f"question number {i}", task=tasks[i], group=groups[i])
        for i in range(n)
    )
    return RoutingData(
        prompts, tuple(models), np.asarray(scores), np.asarray(costs), name=known.get("name", "t")
    )


class Foreseeing(BaseRouter):
    """Says of each prompt, by id, what it was told; constructor arrays are (n, m)."""

    name = "foreseeing"

    def __init__(self, data: RoutingData, scores: Any, costs: Any) -> None:
        super().__init__()
        self.models_ = data.models
        self.at = {prompt.id: row for row, prompt in enumerate(data.prompts)}
        self.scores, self.costs = np.asarray(scores, float), np.asarray(costs, float)

    def predict(self, prompts: Sequence[Prompt]) -> Predictions:
        rows = [self.at[prompt.id] for prompt in prompts]
        q, c = self.scores[rows], self.costs[rows]
        return Predictions(self.models_, q, c, np.zeros_like(q))

    def _fit(self, data: RoutingData) -> None: ...

    def _predict_scores(self, prompts: Sequence[Prompt]) -> Any:
        raise NotImplementedError

    def _state(self) -> Any:
        return {}, {}

    def _restore(self, arrays: Any, meta: Any) -> None: ...


def clusters() -> tuple[Any, Any, Any, Any]:
    """Fixture H as an exact population of 400 prompts: scores, costs, true scores, cluster.

    Two clusters of equal size; model A costs 1 and is right with (.9, .3), B costs 5 with
    (.95, .9), independently given the cluster: every combination stands there as often as it
    should.
    """
    z1 = [(a < 9, b < 19) for a, b in product(range(10), range(20))]
    z2 = [(a < 3, b < 9) for a, b in product(range(10), range(10))] * 2
    scores = np.array(z1 + z2, dtype=float)
    cluster = np.repeat([0, 1], 200)
    return (
        scores,
        np.tile([1.0, 5.0], (400, 1)),
        np.array([[0.9, 0.95], [0.3, 0.9]])[cluster],
        cluster,
    )


def nested() -> tuple[Any, Any]:
    """Fixture I: model k is right where u <= a_k, a = (.5, .8, .95), at costs (1, 3, 10)."""
    u = (np.arange(20) + 0.5) / 20
    return (u[:, None] <= [0.5, 0.8, 0.95]).astype(float), np.tile([1.0, 3.0, 10.0], (20, 1))


def topics(n: int, *, signal: bool, seed: int = 0) -> tuple[RoutingData, Foreseeing, Any]:
    """Three models on four topics; the router knows the topic's odds, or noise around the mean.

    Returns the data, the router, and the models' true mean scores and costs.
    """
    rng = np.random.default_rng(seed)
    odds = np.array([[0.9, 0.92, 0.95], [0.3, 0.85, 0.9], [0.2, 0.4, 0.8], [0.75, 0.7, 0.8]])
    price = np.array([0.1, 1.0, 6.0]) * 1e-3
    topic = rng.integers(0, 4, n)
    scores = (rng.random((n, 3)) < odds[topic]).astype(float)
    costs = price * rng.lognormal(-0.08, 0.4, (n, 3))
    names = np.array(["sums", "code", "law", "chat"])[topic]
    data = table(scores, costs, ("small", "middle", "large"), tasks=names.tolist(), name="topics")
    told = odds[topic] if signal else odds.mean(axis=0) + rng.normal(0, 0.05, (n, 3))
    router = Foreseeing(data, told, np.tile(price, (n, 1)))
    return data, router, (odds.mean(axis=0), price)
