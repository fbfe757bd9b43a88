"""Whether the router, or its encoder, has met the test prompts before."""

from __future__ import annotations

from routewright.evaluation.checks.check import Check
from routewright.evaluation.checks.facts import Facts
from routewright.evaluation.checks.wording import percent, prompts

NEAR_SHARE = 0.01
"""Near-duplicates beyond this share of the test prompts are worth a warning."""


def _exact(facts: Facts) -> str | None:
    if facts.exact is None or not facts.exact.count:
        return None
    return (
        f"{prompts(facts.exact, facts.prompts)} stand word for word in training; give equal "
        "prompts one group and train again"
    )


def _near(facts: Facts) -> str | None:
    if facts.near is None or not facts.prompts:
        return None
    share = facts.near.count / facts.prompts
    if share <= NEAR_SHARE:
        return None
    return (
        f"{prompts(facts.near, facts.prompts)}, {percent(share)}, nearly equal a training prompt; "
        "give near-duplicates one group and train again"
    )


def _encoder(facts: Facts) -> str | None:
    if facts.encoder_saw is None or not facts.encoder_saw.count:
        return None
    return (
        f"the encoder was fitted on the text of {prompts(facts.encoder_saw, facts.prompts)}; fit "
        "it on training prompts alone"
    )


def _memory(facts: Facts) -> str | None:
    gain, apart = facts.minus_zero, facts.minus_zero_apart
    if gain is None or apart is None or gain.value <= 0 or apart > 0:
        return None
    return (
        f"{facts.router} is {gain.value:+.4f} AIQ from the zero router, but {apart:+.4f} on the "
        "prompts that have no near-duplicate in training: what it shows is memory"
    )


RT001 = Check("RT001", "test prompts found in training", "error", ("exact",), _exact)
RT002 = Check("RT002", "near-duplicates of training prompts", "warning", ("near", "prompts"), _near)
RT008 = Check("RT008", "encoder fitted on test text", "error", ("encoder_saw",), _encoder)
RT016 = Check(
    "RT016",
    "gain gone without near-duplicates",
    "error",
    ("minus_zero", "minus_zero_apart"),
    _memory,
)
