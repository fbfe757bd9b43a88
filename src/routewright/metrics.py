"""The evaluation's pure functions of arrays, for use on any scores and costs."""

from __future__ import annotations

from routewright.evaluation.bootstrap import Estimate, bootstrap_means, resample
from routewright.evaluation.calibration import Calibration, brier, calibration
from routewright.evaluation.curves import Curves
from routewright.evaluation.frontier import (
    Aiq,
    aiq,
    hull_cost,
    hull_members,
    hull_value,
    ndch,
    zero_router,
)
from routewright.evaluation.oracle import OracleChoice, oracle, oracle_curve
from routewright.evaluation.sweep import Sweep, sweep

__all__ = [
    "Aiq",
    "Calibration",
    "Curves",
    "Estimate",
    "OracleChoice",
    "Sweep",
    "aiq",
    "bootstrap_means",
    "brier",
    "calibration",
    "hull_cost",
    "hull_members",
    "hull_value",
    "ndch",
    "oracle",
    "oracle_curve",
    "resample",
    "sweep",
    "zero_router",
]
