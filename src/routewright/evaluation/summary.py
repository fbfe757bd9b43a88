"""What a router is worth in a few figures, for the artefact's manifest."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from routewright.data.routing_data import RoutingData
from routewright.errors import DataError
from routewright.evaluation.evaluate import evaluate
from routewright.metrics.bootstrap import Estimate
from routewright.metrics.two_models import apgr
from routewright.routers.base import Predictions

REPLICATES = 500
MOST = 1_000  # prompts: enough for two digits, and a matter of seconds


def summarise(
    told: Predictions,
    data: RoutingData,
    *,
    prompts: str,
    train_means: tuple[ArrayLike, ArrayLike],
    worth_usd: float | None = None,
    seed: int = 0,
) -> dict[str, Any] | None:
    """AIQ, the difference to the zero router and, for two models, APGR; as JSON.

    Args:
        told: predictions for the prompts of ``data`` that did not learn from them.
        data: what came of it; the first 1,000 prompts with every score and cost count.
        prompts: what they are, for the reader: held-out, out-of-fold.
        train_means: mean scores and mean costs in training (m,), as of ``evaluate``.
        worth_usd: the setting in use.
        seed: of the bootstrap.

    Returns:
        None where no prompt has every score and cost.
    """
    rows = np.flatnonzero(data.complete)[:MOST]
    if not rows.size:
        return None
    test = data.subset(rows)
    cut = Predictions(told.models, told.scores[rows], told.costs[rows], told.std[rows])
    try:
        found = evaluate(
            {"router": cut},
            test,
            train_means=train_means,
            worth_usd=worth_usd,
            baselines=False,
            seed=seed,
            replicates=REPLICATES,
        )
    except DataError:
        return None
    row = next(row for row in found.rows if row.kind == "router")
    summary: dict[str, Any] = {
        "prompts": prompts,
        "count": len(test),
        "aiq": _finite(row.aiq),
        "minus_zero": _finite(row.minus_zero),
        "score": _finite(row.score),
        "cost_usd": _finite(row.cost_usd),
    }
    if len(test.models) == 2:
        strong = int(np.argmax(np.asarray(train_means[0], dtype=np.float64)))
        share = apgr(
            test.scores[:, strong],
            test.scores[:, 1 - strong],
            cut.scores[:, strong] - cut.scores[:, 1 - strong],
        )
        summary["apgr"] = share if math.isfinite(share) else None
    return summary


def _finite(estimate: Estimate) -> dict[str, float | None]:
    return {k: v if math.isfinite(v) else None for k, v in asdict(estimate).items()}
