"""Figures of a leaderboard as a reader sees them: what is undefined is a dash, never ``nan``."""

from __future__ import annotations

import math
from collections.abc import Callable

from routewright.evaluation.table import MINUS, dollars, interval, share
from routewright.metrics.bootstrap import Estimate

DASH = "–"
UNITS = ("B", "kB", "MB", "GB")


def height(estimate: Estimate, *, signed: bool = False) -> str:
    """A score, an AIQ or a difference with its interval; without one where it has none."""
    if not math.isfinite(estimate.value):
        return DASH
    # Plus zero: a difference too small for three digits is no minus.
    values = (round(v, 3) + 0.0 for v in (estimate.value, estimate.low, estimate.high))
    text = interval(Estimate(*values), signed=signed)
    if math.isfinite(estimate.low) and math.isfinite(estimate.high):
        return text
    return text.partition(" ")[0]


def number(value: float | None, digits: int = 3) -> str:
    """A plain figure such as ``.012``; ``never`` where it is infinite."""
    if value is None or math.isnan(value):
        return DASH
    if math.isinf(value):
        return "never"
    text = f"{value:.{digits}f}"
    return (text.replace("0.", ".", 1) if abs(value) < 1 else text).replace("-", MINUS)


def difference(value: float) -> str:
    """A signed figure such as ``+.012``."""
    return height(Estimate(value, math.nan, math.nan), signed=True)


def per_1000(cost_usd: Estimate) -> str:
    """Cost of 1,000 prompts with its interval, in US dollars."""
    return _with_interval(cost_usd, usd_per_1000)


def usd_per_1000(cost_usd: float) -> str:
    """Cost of 1,000 prompts in US dollars."""
    return dollars(1000 * cost_usd) if math.isfinite(cost_usd) else DASH


def part(estimate: Estimate) -> str:
    """A share with its interval; ``never`` where a level is not reached."""
    return _with_interval(estimate, _share)


def percent(value: float | None) -> str:
    """A share of prompts with a decimal."""
    return DASH if value is None or not math.isfinite(value) else f"{100 * value:.1f} %"


def p_value(value: float | None) -> str:
    """Three digits; below them a bound."""
    if value is None or math.isnan(value):
        return DASH
    return "< .001" if value < 0.001 else number(value)


def seconds(value: float) -> str:
    """Wall seconds, to three digits."""
    return f"{dollars(value)} s" if math.isfinite(value) else DASH


def milliseconds(value: float) -> str:
    """Wall milliseconds, to three digits."""
    return f"{dollars(value)} ms" if math.isfinite(value) else DASH


def size(value: int | None) -> str:
    """Bytes on disk, to three digits."""
    if value is None:
        return DASH
    power = min(int(math.log(max(value, 1), 1000)), len(UNITS) - 1)
    return f"{dollars(value / 1000**power) if power else value} {UNITS[power]}"


def _share(value: float) -> str:
    return DASH if math.isnan(value) else share(value)


def _with_interval(estimate: Estimate, say: Callable[[float], str]) -> str:
    text = say(estimate.value)
    if math.isnan(estimate.value) or math.isnan(estimate.low) or math.isnan(estimate.high):
        return text
    low, high = say(estimate.low), say(estimate.high)
    # Never, with never on both sides, says nothing more.
    return text if text == low == high == "never" else f"{text} [{low}, {high}]"
