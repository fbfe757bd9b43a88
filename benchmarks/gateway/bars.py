"""What the gateway has to reach, and whether it does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Bar:
    """One thing that was measured, beside what it may be at most, or has to be at least.

    ``measured`` is None where it could not be measured. ``unit`` is ``ratio`` for a share of a
    rival's cost, which is written as 1/40.
    """

    what: str
    measured: float | None
    bar: float
    goal: float | None = None
    unit: str = "ratio"
    least: bool = False

    def verdict(self, bar: float) -> str:
        """Whether a bar is met, or by how much it is missed."""
        if self.measured is None:
            return "not measured"
        if (self.measured >= bar) if self.least else (self.measured <= bar):
            return "met"
        if not bar:
            return "missed"
        if self.least:
            return f"missed: {self.measured / bar:.0%} of it"
        return f"missed: {self.measured / bar:.2g} times as much"

    def told(self, value: float | None) -> str:
        """A value in the bar's unit."""
        if value is None:
            return "–"
        if self.unit != "ratio":
            return f"{value:.3g} {self.unit}".strip()
        return f"1/{1 / value:.3g}" if 0 < value < 1 else f"{value:.3g} times"


def table(bars: Iterable[Bar]) -> list[str]:
    """The lines of a Markdown table."""
    lines = ["| what | measured | bar | verdict | goal | verdict |", "|---|---|---|---|---|---|"]
    for bar in bars:
        sign = "≥" if bar.least else "≤"
        goal = ("", "") if bar.goal is None else (bar.told(bar.goal), bar.verdict(bar.goal))
        told = (bar.told(bar.measured), f"{sign} {bar.told(bar.bar)}", bar.verdict(bar.bar), *goal)
        lines.append(f"| {' | '.join([bar.what, *told])} |")
    return lines
