"""Figures in the messages of checks."""

from __future__ import annotations

from routewright.evaluation.checks.facts import Sighting
from routewright.metrics.bootstrap import Estimate


def percent(share: float) -> str:
    """A share in per cent to two significant digits: ``0.4 %``, ``7.5 %``, ``62 %``."""
    value = 100 * share
    return f"{value:.0f} %" if value >= 10 else f"{value:.2g} %"


def interval(estimate: Estimate) -> str:
    """``+0.0120, 95 % interval -0.0040 to +0.0280``."""
    return f"{estimate.value:+.4f}, 95 % interval {estimate.low:+.4f} to {estimate.high:+.4f}"


def prompts(seen: Sighting, of: int | None = None) -> str:
    """``12 of 400 test prompts (q7, q19, ...)``."""
    total = "" if of is None else f" of {of:,}"
    noun = "prompt" if seen.count == 1 and of is None else "prompts"
    more = ", …" if seen.count > len(seen.examples) else ""
    which = f" ({', '.join(seen.examples)}{more})" if seen.examples else ""
    return f"{seen.count:,}{total} test {noun}{which}"
