"""Whether the instruments read zero where nothing is."""

from __future__ import annotations

from routewright.evaluation.checks.check import Check
from routewright.evaluation.checks.facts import Facts
from routewright.evaluation.checks.wording import interval

NOTHING = 0.001
"""AIQ: rounding and a little luck; it takes more to doubt the instrument."""


def _controls(facts: Facts) -> str | None:
    if facts.controls is None:
        return None
    told = [
        f"{name} ({interval(gain)})"
        for name, gain in facts.controls.items()
        if gain.above_zero and gain.value > NOTHING
    ]
    if not told:
        return None
    return (
        f"a router that can't know anything came out above zero: {', '.join(told)}; no claim of "
        "this evaluation stands before it is known why"
    )


RT011 = Check("RT011", "negative control above zero", "error", ("controls",), _controls)
