"""The seam for those who watch requests go by: metrics, traces, logs."""

from __future__ import annotations

from typing import Protocol

from routewright.serve.call import Call, State
from routewright.types import Usage


class Watch(Protocol):
    """Told once of every request, when it has ended; must return at once."""

    def ended(self, call: Call, state: State, usage: Usage | None, cost_usd: float | None) -> None:
        """A request has ended, however it did.

        Args:
            call: the request with its decision and attempts.
            state: how it ended.
            usage: what the model that answered counted, where known.
            cost_usd: what its answer cost, where known.
        """
        ...

    def refused(self, route: str, code: str) -> None:
        """A request ended before it was decided: the path of its route, and the error's code."""
        ...
