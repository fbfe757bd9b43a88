"""Whether looking at the prompt was worth anything, against those who don't."""

from __future__ import annotations

import math

from routewright.evaluation.checks.check import Check
from routewright.evaluation.checks.facts import Facts
from routewright.evaluation.checks.wording import interval, percent
from routewright.metrics.bootstrap import Estimate

TOO_MANY = 1e7  # prompts; to ask for more is to say that there is no difference


def _best_single(facts: Facts) -> str | None:
    share = facts.neutral_cost
    if share is None or share < 1:
        return None
    best = facts.best_model or "the best single model"
    if math.isinf(share):
        return f"at no setting does {facts.router} reach the score of {best}"
    return f"{facts.router} reaches the score of {best} only at {percent(share)} of its cost"


def _below_zero(facts: Facts) -> str | None:
    if facts.minus_zero is None or facts.minus_zero.value > 0:
        return None
    return (
        f"{facts.router} is not above a blind mix of models ({interval(facts.minus_zero)}); use "
        "the single model that the verdict names"
    )


def _crosses_zero(facts: Facts) -> str | None:
    gain = facts.minus_zero
    if gain is None or gain.value <= 0 or gain.above_zero:
        return None
    told = f"the difference to the zero router may be none ({interval(gain)})"
    needed = _needed(facts.prompts, gain)
    return told if needed is None else f"{told}; about {needed:,} prompts would show it if real"


def _needed(prompts: int | None, gain: Estimate) -> int | None:
    """Prompts at which a difference of this size is seen with 80 % power, by 1/√n."""
    spread = (gain.high - gain.low) / (2 * 1.96)
    if prompts is None or not math.isfinite(spread):
        return None
    needed = prompts * 7.85 * (spread / gain.value) ** 2
    if needed > TOO_MANY:
        return None
    digits = max(0, math.floor(math.log10(max(needed, 1))) - 1)
    return math.ceil(needed / 10**digits) * 10**digits


def _length(facts: Facts) -> str | None:
    if facts.minus_length is None or facts.minus_length.above_zero:
        return None
    return (
        f"{facts.router} is not shown to be better than a router that sees the prompt's length "
        f"alone ({interval(facts.minus_length)} AIQ)"
    )


def _opponent(facts: Facts) -> str | None:
    if facts.zero_from_training is not False:
        return None
    return (
        "the zero router's models were picked on the test prompts, for the training means are "
        "unknown: the opponent is harder than it should be"
    )


RT003 = Check(
    "RT003", "no cheaper way to the best model's score", "warning", ("neutral_cost",), _best_single
)
RT004 = Check("RT004", "no better than the zero router", "error", ("minus_zero",), _below_zero)
RT005 = Check("RT005", "difference to zero is not shown", "error", ("minus_zero",), _crosses_zero)
RT012 = Check("RT012", "not better than length alone", "warning", ("minus_length",), _length)
RT015 = Check(
    "RT015", "zero router picked on test prompts", "info", ("zero_from_training",), _opponent
)
