"""The one owner of retries: nothing below it asks twice, and it does so within a budget."""

from __future__ import annotations

from dataclasses import dataclass

ATTEMPTS = 4  # at one cell
FREE = 20  # retries that need no calls behind them, so that a small run may retry
SHARE = 0.25  # of calls; an upstream that is down must not be asked four times as much
MAX_SENT_BACK = 30  # 429s of one cell: a request that is too large gets nothing else


@dataclass
class Retries:
    """Retries spent beside the calls that they may be spent on."""

    calls: int = 0
    spent: int = 0

    def take(self, attempts: int) -> bool:
        """Whether a cell that has failed ``attempts`` times may be tried once more."""
        if attempts >= ATTEMPTS or self.spent >= FREE + SHARE * self.calls:
            return False
        self.spent += 1
        return True
