"""One request on its way: the decision, and which models were asked with what outcome."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from routewright.serve.wire import ChatRequest
from routewright.types import Decision

State = Literal["complete", "partial", "failed"]


class Attempt(msgspec.Struct, frozen=True):
    """One model that was asked: ``outcome`` is ``ok`` or the code of its error."""

    model: str
    outcome: str
    latency_s: float


@dataclass
class Call:
    """One request on its way from decision to outcome."""

    request: ChatRequest
    decision: Decision
    attempts: list[Attempt] = field(default_factory=list[Attempt])
    key_id: str = ""  # of the API key it came with
    started: float = field(default_factory=time.monotonic)
    recorded: bool = False

    @property
    def model(self) -> str:
        """The model asked last: the one that answered, if any did."""
        return self.attempts[-1].model if self.attempts else self.decision.model

    @property
    def reason(self) -> str:
        """Why this model answered, with those that failed before it."""
        failed = [f"{a.model} failed ({a.outcome})" for a in self.attempts[:-1]]
        return "; ".join([self.decision.reason, *failed])

    def expected(self) -> tuple[float | None, float | None]:
        """Expected score and cost of the model that answered, where the router gave any."""
        for candidate in self.decision.candidates:
            if candidate.model == self.model:
                return candidate.score, candidate.cost_usd
        return None, None
