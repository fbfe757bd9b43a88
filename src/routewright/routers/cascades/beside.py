"""A cascade's figures beside what the same money buys without one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routewright.metrics import CascadePoint, hull_value, ndch, sweep, zero_router
from routewright.routers.cascades.judging import Judged

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Beside:
    """Mean scores at one mean cost.

    Attributes:
        cascade: what it gave and cost, everything spent included.
        zero_score: of the mix of single models that costs as much.
        routing_score: of routing alone that costs as much, calls of a judge saved.
    """

    cascade: CascadePoint
    zero_score: float
    routing_score: float

    @property
    def over_zero(self) -> float:
        """Score above the zero router; below 0 the cascade is worth nothing."""
        return self.cascade.mean_score - self.zero_score

    @property
    def over_routing(self) -> float:
        """Score above routing alone."""
        return self.cascade.mean_score - self.routing_score


def beside(point: CascadePoint, table: Judged, expected: Floats, expected_costs: Floats) -> Beside:
    """Set a cascade's point on held-out answers beside the zero router and routing alone.

    Args:
        point: of a cascade on ``table``.
        table: the held-out answers.
        expected: a router's scores there (n, m).
        expected_costs: its costs (n, m) in US dollars.
    """
    zero = zero_router(table.scores, table.costs)
    points = sweep(expected, expected_costs, table.scores, table.costs).points
    # A router can always fall back on the single models.
    routing = ndch(np.vstack([points, zero]))
    at = max(point.mean_cost_usd, float(zero[0, 0]))
    return Beside(point, float(hull_value(zero, at)), float(hull_value(routing, at)))
