"""What the analysis of a prompt adds to the default router, block by block.

    ROUTEWRIGHT_DATA=folder python benchmarks/hybrid.py routerbench routellm_mmlu:3000

One fit a variant, judged on its out-of-fold predictions: the error of the differences between
models (what a choice hangs on), the squared error, and the area under the cost-quality hull.
``name:rows`` takes that many random prompts.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np

from routewright.analysis import analyse
from routewright.data import RoutingData
from routewright.encoders.memo import Memo, remembering
from routewright.metrics import aiq
from routewright.metrics.sweep import sweep
from routewright.routers.base import Predictions
from routewright.routers.hybrid import HybridRouter
from routewright.routers.stack import StackRouter
from routewright.routers.table import relative_error, squared_error
from routewright.types import Analysis, Prompt

Analyst = Callable[[Prompt], Analysis]
NOTHING = Analysis(task="question", domain="general", language="en")


def main() -> None:
    home = os.environ.get("ROUTEWRIGHT_DATA")
    if not home:
        sys.exit("set ROUTEWRIGHT_DATA to the folder that holds the benchmarks")
    for asked in sys.argv[1:]:
        name, _, rows = asked.partition(":")
        data = RoutingData.load(Path(home) / name)
        data = data.subset(data.complete)
        if rows:
            order = np.random.default_rng(0).permutation(len(data))[: int(rows)]
            data = data.subset(np.sort(order))
        print(f"{name}: {len(data)} prompts, {len(data.models)} models")
        print(f"  {'variant':<24} relative    mse     aiq")
        with remembering(Memo()):
            stack = StackRouter().fit(data)
            told = _told(stack)
            _line("stack", told, data)
            for label, analyst in _variants(data, told).items():
                router = HybridRouter().use_analyses(analyst).fit(data)
                _line(label, _told(router), data)


def _variants(data: RoutingData, stack: Predictions) -> dict[str, Analyst | None]:
    hard = {p.id: float(1 - s.mean()) for p, s in zip(data.prompts, stack.scores, strict=True)}
    return {
        "hybrid": None,
        "hybrid, task alone": _keep("task"),
        "hybrid, domain alone": _keep("domain"),
        "hybrid, needs alone": _keep("needs"),
        "hybrid, and difficulty": lambda p: msgspec.structs.replace(
            analyse(p.text), difficulty=hard[p.id]
        ),
    }


def _keep(field: str) -> Analyst:
    """An analyst that tells one thing alone; a column that never changes adds nothing."""

    def told(prompt: Prompt) -> Analysis:
        return msgspec.structs.replace(NOTHING, **{field: getattr(analyse(prompt.text), field)})

    return told


def _told(router: StackRouter) -> Predictions:
    told = router.out_of_fold_
    if told is None:
        sys.exit("too few prompts for out-of-fold predictions")
    return told


def _line(label: str, told: Predictions, data: RoutingData) -> None:
    means = data.costs.mean(axis=0)
    area = aiq(
        sweep(told.scores, told.costs, data.scores, data.costs).points,
        float(means.min()),
        float(means.max()),
        cheapest_score=float(data.scores.mean(axis=0)[means.argmin()]),
    )
    relative, square = (
        relative_error(told.scores, data.scores),
        squared_error(told.scores, data.scores),
    )
    print(f"  {label:<24} {relative:.5f}  {square:.5f}  {area:.5f}", flush=True)


if __name__ == "__main__":
    main()
