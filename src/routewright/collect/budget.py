"""The money: what is spent, what may have been charged, and what calls in flight can cost."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass
class Budget:
    """US dollars of one collection over all its runs.

    A call is sent only if the budget holds though it and every call in flight cost the most they
    can. So the budget is kept exactly where that bound holds; where it does not (a model that
    runs here is charged by CPU time, which nobody knows before) it is passed by the calls in
    flight at most.
    """

    limit_usd: float = math.inf
    spent_usd: float = 0.0
    unsure_usd: float = 0.0  # at most, of calls that were sent and never answered
    reserved_usd: float = 0.0

    def admits(self, most_usd: float) -> bool:
        """Whether a call that costs this at most still fits."""
        committed = self.spent_usd + self.unsure_usd + self.reserved_usd
        return self.limit_usd == math.inf or committed + most_usd <= self.limit_usd

    def reserve(self, most_usd: float) -> None:
        """A call goes out."""
        self.reserved_usd += most_usd

    def settle(self, most_usd: float, spent_usd: float = 0.0, unsure_usd: float = 0.0) -> None:
        """A call has ended: what it cost, and what it may have cost without an answer."""
        self.reserved_usd -= most_usd
        self.spent_usd += spent_usd
        self.unsure_usd += unsure_usd
