"""Cascades: ask, have the answer judged, ask another if it is not good enough.

    table = Judged.of(data, verdicts, judge_cost_usd=1e-5)   # a judge's score of each answer
    cascade = fit_cascade(table, budget_usd=0.001)           # FrugalGPT: chain and thresholds
    beside(cascade.evaluate(held_out), held_out, predicted)  # what routing and mixing give there

``fit_supermodels`` routes and cascades at once. Both are fitted and measured offline; serving a
cascade live (calls in sequence, a judge on the request path) is not part of the gateway yet.
"""

from __future__ import annotations

from routewright.routers.cascades.beside import Beside, beside
from routewright.routers.cascades.chain import Cascade, fit_cascade, fit_cascades
from routewright.routers.cascades.judging import Judged, simulated_verdicts
from routewright.routers.cascades.supermodel import Supermodels, fit_supermodels

__all__ = [
    "Beside",
    "Cascade",
    "Judged",
    "Supermodels",
    "beside",
    "fit_cascade",
    "fit_cascades",
    "fit_supermodels",
    "simulated_verdicts",
]
