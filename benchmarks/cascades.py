"""Cascades with a judge that errs, beside routing alone and the zero router, on held-out prompts.

    ROUTEWRIGHT_DATA=folder python benchmarks/cascades.py [benchmark] [judge cost in USD]

Half of the prompts trains router and cascades, the other half measures them. Rows are budgets
between the cheapest and the dearest single model. ``zero`` and ``routing`` are what the same
money buys without a judge at the same mean cost; the differences, losses included, are of one
split and without intervals.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from routewright.data import RoutingData
from routewright.metrics import (
    CascadePoint,
    aiq,
    cascade,
    delta_ibc,
    ndch,
    sweep,
    zero_router,
)
from routewright.routers.base import Predictions
from routewright.routers.cascades import (
    Judged,
    beside,
    fit_cascades,
    fit_supermodels,
    simulated_verdicts,
)
from routewright.routers.cascades.supermodel import prices
from routewright.routers.folds import group_folds
from routewright.routers.stack import StackRouter

ERRORS = (0.0, 0.1, 0.2)
SHARES = (0.01, 0.03, 0.1, 0.2, 0.4, 0.7)
Floats = NDArray[np.float64]


def main() -> None:
    home = os.environ.get("ROUTEWRIGHT_DATA")
    if not home:
        sys.exit("set ROUTEWRIGHT_DATA to the folder that holds the benchmarks")
    name = sys.argv[1] if len(sys.argv) > 1 else "routerbench"
    judge_cost_usd = float(sys.argv[2]) if len(sys.argv) > 2 else 0.0
    data = RoutingData.load(Path(home) / name)
    data = data.subset(data.complete)
    train, test = (data.subset(rows) for rows in group_folds(data.groups, 2, seed=0))
    router = StackRouter().fit(train)
    known, told = router.out_of_fold_, router.predict(test.prompts)
    if known is None:
        sys.exit("too few prompts")
    print(f"{name}: {len(train)} train, {len(test)} test, judge ${judge_cost_usd:g} a verdict")
    for error in ERRORS:
        _compare(train, test, known, told, error, judge_cost_usd)


def _compare(
    train: RoutingData,
    test: RoutingData,
    known: Predictions,
    told: Predictions,
    error: float,
    judge_cost_usd: float,
) -> None:
    seen, held = (
        Judged.of(
            part, simulated_verdicts(part.scores, error, seed=seed), judge_cost_usd=judge_cost_usd
        )
        for seed, part in enumerate((train, test))
    )
    means = seen.costs.mean(axis=0)
    budgets = [float(means.min() + share * (means.max() - means.min())) for share in SHARES]
    print(f"\njudge error {error:g}")
    print("  budget      chain: score   cost       zero  routing   − zero  − routing  stages")
    for budget, chain in zip(budgets, fit_cascades(seen, budgets), strict=True):
        at = beside(chain.evaluate(held), held, told.scores, told.costs)
        print(
            f"  {budget:.6f}         {at.cascade.mean_score:.4f}  {at.cascade.mean_cost_usd:.6f}"
            f"  {at.zero_score:.4f}  {at.routing_score:.4f}  {at.over_zero:+.4f}   "
            f"{at.over_routing:+.4f}  {' → '.join(chain.stages)}"
        )
    fitted = fit_supermodels(seen, known.scores)
    points = [
        fitted.evaluate(held, told.scores, told.costs, price) for price in prices(known.costs)
    ]
    print(f"  supermodels: shrink {fitted.shrink:.2f}, echo {fitted.echo:.2f}")
    for budget in budgets:
        within = [p for p in points if p.mean_cost_usd <= budget]
        if within:
            best = beside(max(within, key=lambda p: p.mean_score), held, told.scores, told.costs)
            print(
                f"  {budget:.6f}         {best.cascade.mean_score:.4f}  "
                f"{best.cascade.mean_cost_usd:.6f}  {best.zero_score:.4f}  "
                f"{best.routing_score:.4f}  {best.over_zero:+.4f}   {best.over_routing:+.4f}  "
                f"{best.cascade.mean_calls:.2f} calls"
            )
    every = fit_cascades(seen, [float(means.min()) * 1.3**step for step in range(20)])
    curves = {
        "zero router": zero_router(held.scores, held.costs),
        "routing": sweep(told.scores, told.costs, held.scores, held.costs).points,
        "RouterBench's cascade": _points(
            [
                cascade(
                    held.scores,
                    held.costs,
                    budget_usd=10.0**at,
                    judge_error=error,
                    judge_cost_usd=judge_cost_usd,
                )
                for at in range(-5, 2)
            ]
        ),
        "chains": _points([chain.evaluate(held) for chain in every]),
        "supermodels": _points(points),
    }
    low, high = float(held.costs.mean(axis=0).min()), float(held.costs.mean(axis=0).max())
    cheap, dear = held.costs.mean(axis=0).argmin(), held.scores.mean(axis=0).argmax()
    small, large = ((held.scores[:, m].mean(), held.costs[:, m].mean()) for m in (cheap, dear))
    for label, curve in curves.items():
        area = aiq(curve, low, high, cheapest_score=float(small[0]))
        best = ndch(curve)[-1]
        steep = delta_ibc(float(best[1]), float(best[0]), small=small, large=large)
        print(
            f"  {label:<22} AIQ {area:.4f}  best {best[1]:.4f} at {best[0]:.6f}, ΔIBC {steep:+.2f}"
        )


def _points(each: list[CascadePoint]) -> Floats:
    return np.array([(p.mean_cost_usd, p.mean_score) for p in each])


if __name__ == "__main__":
    main()
