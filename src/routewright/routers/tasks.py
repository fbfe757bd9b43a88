"""The router that reads the label of a task and not a word of the prompt."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from routewright.data.routing_data import RoutingData
from routewright.encoders import View
from routewright.routers.base import Arrays, BaseRouter, Floats, Meta
from routewright.routers.packing import Holds, expect


class TaskRouter(BaseRouter):
    """Every prompt gets the mean scores of its task's training prompts, shrunk towards all.

    It is what LLMRouterBench (arXiv 2601.07206) calls Max Expert: a router has to beat it before
    it can be said to see more in a question than where it comes from. A prompt of no task, or
    of one that training doesn't hold, gets the means over all. Costs come from the text.

    Args:
        kappa: pseudo-counts of the overall mean, for tasks of few prompts.
        seed: as every router takes it; nothing is drawn.
    """

    name = "task"
    complexity = None  # a request seldom says of what task it is

    def __init__(self, *, kappa: float = 10.0, seed: int = 0) -> None:
        super().__init__(encoder="", seed=seed)
        self.kappa = kappa

    def _fit(self, data: RoutingData, view: View) -> None:  # noqa: ARG002  # looks at no text
        mu = self.train_means_["scores"]
        tasks = sorted(set(data.tasks.tolist()) - {""})
        known = np.isfinite(data.scores)
        filled = np.where(known, data.scores, 0.0)
        own = [data.tasks == task for task in tasks]
        total = np.array([filled[rows].sum(axis=0) for rows in own]).reshape(-1, len(mu))
        count = np.array([known[rows].sum(axis=0) for rows in own]).reshape(-1, len(mu))
        # The last row is for prompts of any other task, or of none.
        means = np.vstack([(total + self.kappa * mu) / (count + self.kappa), mu])
        seen = np.vstack([count, known.sum(axis=0)])
        spread = np.sqrt(np.clip(means * (1 - means), 0, None) / (seen + self.kappa))
        self._learn(tasks, means, spread)

    def _learn(self, tasks: list[str], means: Floats, spread: Floats) -> None:
        expect("means", means, Holds("t m", low=0, high=1))
        expect("spread", spread, Holds("t m", low=0))
        if len(tasks) + 1 != len(means) or means.shape != spread.shape:
            raise ValueError("tasks and their means don't match")
        self.tasks_, self.means_, self.spread_ = tasks, means, spread
        self._row = {task: row for row, task in enumerate(tasks)}

    def _predict_scores(self, view: View) -> tuple[Floats, Floats]:
        last = len(self.tasks_)
        rows = np.array([self._row.get(p.task, last) for p in view.prompts], dtype=np.intp)
        return self.means_[rows], self.spread_[rows]

    def _state(self) -> tuple[Arrays, Meta]:
        told = json.dumps(self.tasks_).encode()
        arrays = {"means": self.means_, "spread": self.spread_}
        return arrays | {"tasks": np.frombuffer(told, dtype=np.uint8)}, {"tasks": len(self.tasks_)}

    def _restore(self, arrays: Arrays) -> None:
        tasks: Any = json.loads(arrays["tasks"].tobytes())
        self._learn([str(task) for task in tasks], arrays["means"], arrays["spread"])
