"""Pure functions of arrays: frontiers, bounds and intervals of any scores and costs."""

from __future__ import annotations

from routewright.metrics.bootstrap import Draws, Estimate, bootstrap_means
from routewright.metrics.calibration import Calibration, brier, calibration
from routewright.metrics.curves import Curves
from routewright.metrics.frontier import (
    Aiq,
    aiq,
    hull_cost,
    hull_members,
    hull_value,
    ndch,
    zero_router,
)
from routewright.metrics.oracle import OracleChoice, oracle, oracle_curve
from routewright.metrics.sweep import Sweep, sweep

__all__ = [
    "Aiq",
    "Calibration",
    "Curves",
    "Draws",
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
    "sweep",
    "zero_router",
]
