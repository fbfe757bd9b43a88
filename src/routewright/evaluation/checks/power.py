"""Whether the test prompts are many enough for what is claimed."""

from __future__ import annotations

from routewright.evaluation.checks.check import Check
from routewright.evaluation.checks.facts import Facts
from routewright.metrics.significance import prompts_needed, smallest_effect

KEPT = 0.99
"""Share of the best single model's quality from which on quality is said to be kept."""


def _power(facts: Facts) -> str | None:
    n, score, best, d = facts.prompts, facts.score, facts.best_score, facts.discordance
    if not facts.pays or not n or score is None or not best or d is None:
        return None
    margin = (1 - KEPT) * best
    if score < KEPT * best or _shown(facts, margin):
        return None
    smallest = smallest_effect(n, d)
    if smallest <= margin:
        return None
    model = facts.best_model or "the best model"
    return (
        f"{facts.router} seems to keep the quality of {model}, but "
        f"{n:,} prompts show no loss smaller than {smallest:.3f}; a loss of {margin:.3f} takes "
        f"about {prompts_needed(d, margin):,} prompts"
    )


def _shown(facts: Facts, margin: float) -> bool:
    """Whether the prompts rule such a loss out, however few they are."""
    return facts.minus_best is not None and facts.minus_best.low >= -margin


RT010 = Check(
    "RT010",
    "too few prompts for the claim",
    "warning",
    ("prompts", "pays", "score", "best_score", "discordance"),
    _power,
)
