"""What one run did, in numbers: kept while it runs, told when it ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from routewright import catalog
from routewright.types import Answer, AnswerState, Model, Usage


@dataclass
class Tally:
    """One run. Dollars are US dollars, tokens those that answers were charged for."""

    states: Counter[AnswerState] = field(default_factory=Counter[AnswerState])
    spent_usd: float = 0.0
    input_tokens: int = 0
    cached_tokens: int = 0
    saved_usd: float = 0.0  # by prompt caching, beside the same tokens read fresh
    odd_usage: int = 0  # answers whose usage could not be true
    calls: int = 0  # attempts that went out
    retries: int = 0
    sent_back: int = 0  # with 429
    unrecorded: int = 0  # answered, but the disk took no more
    unasked: int = 0
    stopped: tuple[str, ...] = ()  # why it ended early

    @property
    def ended(self) -> int:
        """Cells that ended in a state."""
        return self.states.total()

    @property
    def failed(self) -> int:
        """Cells that got no answer."""
        return self.states[AnswerState.FAILED]

    def add(self, answer: Answer, model: Model) -> None:
        """Count an answer that is on disk."""
        usage = answer.usage
        self.states[answer.state] += 1
        self.spent_usd += answer.cost_usd
        self.input_tokens += usage.input_tokens
        self.cached_tokens += usage.cached_tokens
        self.saved_usd += cache_saving_usd(model, usage)
        self.odd_usage += answer.note.startswith("usage")

    def facts(self) -> Mapping[str, Any]:
        """The numbers as JSON."""
        return {
            "states": {state.value: self.states[state] for state in AnswerState},
            "spent_usd": self.spent_usd,
            "calls": self.calls,
            "retries": self.retries,
            "sent_back": self.sent_back,
            "input_tokens": self.input_tokens,
            "cached_tokens": self.cached_tokens,
            "saved_by_caching_usd": self.saved_usd,
            "odd_usage": self.odd_usage,
            "unasked": self.unasked,
            "unrecorded": self.unrecorded,
            "stopped": list(self.stopped),
        }


def cache_saving_usd(model: Model, usage: Usage) -> float:
    """What the provider's cache saved: below 0 where writing it cost more than reading gave."""
    if usage.cpu_s is not None and model.price.usd_per_cpu_hour:
        return 0.0
    fresh = Usage(usage.input_tokens, usage.output_tokens)
    return catalog.cost_usd(model, fresh) - catalog.cost_usd(model, usage)
