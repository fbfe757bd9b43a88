"""One request on its way: the decision, and which models were asked with what outcome."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from routewright.serve.arrival import ARRIVAL, Arrival
from routewright.serve.sticky import Trail
from routewright.serve.wire import ChatRequest
from routewright.types import Decision

if TYPE_CHECKING:
    from routewright.serve.generation import Generation
    from routewright.serve.quota import Hold
    from routewright.serve.similar import Likeness

State = Literal["complete", "partial", "failed", "cached"]
TRUNCATED = "upstream_stream_truncated"  # the outcome of a stream that broke after its first byte


class Attempt(msgspec.Struct, frozen=True, omit_defaults=True):
    """One model that was asked: ``outcome`` is ``ok`` or the code of its error.

    It was ``sent`` twice where the first connection was closed before its request had reached
    anybody, as far as can be known.
    """

    model: str
    outcome: str
    latency_s: float
    sent: int = 1


@dataclass(slots=True)
class Call:
    """One request on its way from decision to outcome."""

    request: ChatRequest
    decision: Decision
    generation: Generation
    trail: Trail | None = None
    attempts: list[Attempt] = field(default_factory=list[Attempt])
    native: bool = False  # the model asked last speaks the request's own dialect
    prefix: int = 0  # how many of its messages the model asked last was to keep in its cache
    key_id: str = ""  # of the API key it came with
    started: float = field(default_factory=time.monotonic)
    recorded: bool = False
    hold: Hold | None = None  # of the key's budget and tokens, until the end
    arrival: Arrival = field(default_factory=ARRIVAL.get)
    cache: Literal["", "hit", "miss", "similar"] = ""  # what the response cache had for it
    likeness: Likeness | None = None  # where its prompt stands among those that are alike
    similarity: float | None = None  # of the prompt whose answer it is given
    saved_usd: float = 0.0  # what a cached answer had cost
    turn: Callable[[], None] | None = None  # gives back its turn at a provider that bounds them
    decided_s: float = 0.0  # from its arrival
    first_byte_s: float | None = None  # from its arrival to a stream's first event
    answer: Any = None  # the upstream's object, or the copy of its events where one is kept
    skipped: dict[str, str] = field(default_factory=dict[str, str])  # model → why it was not asked

    def end_turn(self) -> None:
        """Give back the turn at the provider, if one is held."""
        turn, self.turn = self.turn, None
        if turn is not None:
            turn()

    @property
    def model(self) -> str:
        """The model asked last: the one that answered, if any did."""
        return self.attempts[-1].model if self.attempts else self.decision.model

    @property
    def remaining_s(self) -> float:
        """Seconds until the request has taken as long as it may."""
        return self.started + self.generation.fallbacks.total_s - time.monotonic()

    @property
    def degraded(self) -> str:
        """How far down the ladder the answer came from; "" from its top.

        The router's failure first, where the default model stood in, then the model of the
        fallback list, where the chosen one could not answer.
        """
        steps = [self.decision.degraded] if self.decision.degraded else []
        if self.attempts and self.model != self.decision.model:
            steps.append(f"fallback: {self.model} answers")
        return "; ".join(steps)

    def broke(self) -> None:
        """The stream that was answering broke off."""
        self.attempts[-1] = msgspec.structs.replace(self.attempts[-1], outcome=TRUNCATED)

    @property
    def reason(self) -> str:
        """Why this model answered, with those that failed before it."""
        failed = [f"{a.model} failed ({a.outcome})" for a in self.attempts[:-1]]
        passed = [f"{model} was passed over ({why})" for model, why in self.skipped.items()]
        return "; ".join([self.decision.reason, *passed, *failed])

    def expected(self) -> tuple[float | None, float | None]:
        """Expected score and cost of the model that answered, where the router gave any."""
        model = self.model
        for candidate in self.decision.candidates:
            if candidate.model == model:
                return candidate.score, candidate.cost_usd
        return None, None
