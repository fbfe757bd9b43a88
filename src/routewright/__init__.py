"""Routewright: learns from graded answers which LLM to ask, proves it, and serves it.

Names are imported when they are first used, so that ``import routewright`` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from routewright import metrics, routers, worlds
    from routewright.client import Client
    from routewright.data import RoutingData
    from routewright.errors import RoutewrightError
    from routewright.evaluation import evaluate
    from routewright.policy import choose
    from routewright.types import Decision, Message, Model, Prompt

__all__ = [
    "Client",
    "Decision",
    "Message",
    "Model",
    "Prompt",
    "RoutewrightError",
    "RoutingData",
    "__version__",
    "choose",
    "evaluate",
    "metrics",
    "routers",
    "worlds",
]
__version__ = "0.1.0"

_PACKAGES = ("metrics", "routers", "worlds")
_HOMES = {
    "Client": "routewright.client",
    "Decision": "routewright.types",
    "Message": "routewright.types",
    "Model": "routewright.types",
    "Prompt": "routewright.types",
    "RoutewrightError": "routewright.errors",
    "RoutingData": "routewright.data",
    "choose": "routewright.policy",
    "evaluate": "routewright.evaluation",
}


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        return importlib.import_module(f"routewright.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'routewright' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
