"""What a check is: a code, a severity, a page in the manual and a question to the facts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from routewright.evaluation.checks.facts import Facts
from routewright.evaluation.results import Finding

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True)
class Check:
    """One way in which a claim about a router can be wrong.

    Attributes:
        code: ``RT`` and three digits; never given to another check.
        title: what a finding says in a few words.
        severity: ``error``: the claim does not stand; ``warning``: it may not; ``info``: know it
            when you read the figures.
        needs: names of the facts without which it cannot be made.
        look: what it saw in the facts, in one sentence; None where all is well or a fact that
            it needs is unknown.
    """

    code: str
    title: str
    severity: Severity
    needs: tuple[str, ...]
    look: Callable[[Facts], str | None]

    @property
    def page(self) -> str:
        """Where the manual explains it."""
        return f"docs/checks/{self.code}.md"

    def possible(self, facts: Facts) -> bool:
        """Whether all facts that it needs are known."""
        return all(getattr(facts, name) is not None for name in self.needs)

    def find(self, facts: Facts) -> Finding | None:
        """The finding, if there is one."""
        message = self.look(facts)
        return None if message is None else Finding(self.code, self.severity, self.title, message)
