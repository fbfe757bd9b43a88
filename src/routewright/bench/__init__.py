"""Many routers on many data sets: plan, fit, standings, leaderboard."""

from __future__ import annotations

from routewright.bench.results import Leaderboard
from routewright.bench.run import Run, bench

__all__ = ["Leaderboard", "Run", "bench"]
