"""Which (prompt, model) cells to buy next under a budget, and when to stop.

replay(data, heldout, budget_usd=5.0)          # over complete routing data, no calls
await buy_actively(prompts, models, ...)       # for real, in rounds, resumable
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from routewright.active.frontier import Movement, movement
    from routewright.active.holding import Holding
    from routewright.active.loop import Look, Report, buy_actively
    from routewright.active.plan import Round, first_round, next_round
    from routewright.active.simulation import Point, random_cells, random_prompts, replay
    from routewright.active.value import opportunity_loss

__all__ = [
    "Holding",
    "Look",
    "Movement",
    "Point",
    "Report",
    "Round",
    "buy_actively",
    "first_round",
    "movement",
    "next_round",
    "opportunity_loss",
    "random_cells",
    "random_prompts",
    "replay",
]

_HOME = {
    "Holding": "holding",
    "Look": "loop",
    "Movement": "frontier",
    "Point": "simulation",
    "Report": "loop",
    "Round": "plan",
    "buy_actively": "loop",
    "first_round": "plan",
    "movement": "frontier",
    "next_round": "plan",
    "opportunity_loss": "value",
    "random_cells": "simulation",
    "random_prompts": "simulation",
    "replay": "simulation",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
