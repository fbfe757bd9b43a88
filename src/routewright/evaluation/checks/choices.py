"""Whether the choices, and what they rest on, are those of a router that knows something."""

from __future__ import annotations

from routewright.evaluation.checks.check import Check
from routewright.evaluation.checks.facts import Facts
from routewright.evaluation.checks.wording import percent

COLLAPSED = 0.95
"""Share of the prompts above which one model gets nearly all."""
SLOPES = (0.5, 2.0)
"""Predicted differences beyond twice, or below half, of the realised ones mislead the knob."""


def _collapse(facts: Facts) -> str | None:
    if not facts.shares:
        return None
    model = max(facts.shares, key=facts.shares.__getitem__)
    share = facts.shares[model]
    if share <= COLLAPSED:
        return None
    return (
        f"at the recommended setting {model} gets {percent(share)} of the prompts; another worth, "
        "or that model alone, may serve as well"
    )


def _setting(facts: Facts) -> str | None:
    if not facts.setting_from_test:
        return None
    return (
        "the recommended setting was picked on the test prompts, so its quality and cost look "
        "better than they will be; give --worth-usd, or train with enough prompts to recommend one"
    )


def _slope(facts: Facts) -> str | None:
    if facts.slope is None or SLOPES[0] <= facts.slope <= SLOPES[1]:
        return None
    how = "exaggerates" if facts.slope < SLOPES[0] else "understates"
    return (
        f"{facts.router} {how} how models differ: a predicted difference of 1 is {facts.slope:.2f} "
        "in truth, so a worth in dollars does not mean what it says"
    )


RT006 = Check("RT006", "one model gets nearly every prompt", "warning", ("shares",), _collapse)
RT017 = Check(
    "RT017", "setting picked on test prompts", "warning", ("setting_from_test",), _setting
)
RT018 = Check("RT018", "predicted differences are off", "warning", ("slope",), _slope)
