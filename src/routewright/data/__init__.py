"""Tables and journals: what is read from and written to disk."""

from __future__ import annotations

from routewright.data.routing_data import RoutingData
from routewright.data.votes import Votes

__all__ = ["RoutingData", "Votes"]
