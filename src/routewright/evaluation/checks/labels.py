"""Whether the scores that everything rests on can be believed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from routewright.evaluation.checks.check import Check
from routewright.evaluation.checks.facts import Facts
from routewright.evaluation.checks.wording import percent

UNUSABLE = 0.05
"""Share of a model's answers."""
INCOMPLETE = 0.05
"""Share of the test prompts."""
TRUSTED_KAPPA = 0.6
FEWEST = 30
"""Prompts below which equal scores may be chance."""


def constant_models(models: Sequence[str], scores: NDArray[np.float64]) -> tuple[str, ...]:
    """Models whose scores (n, m) are all the same on 30 prompts or more; NaN is no score."""
    return tuple(
        model
        for model, column in zip(models, scores.T, strict=True)
        if (known := column[np.isfinite(column)]).size >= FEWEST and np.ptp(known) == 0
    )


def equal_models(models: Sequence[str], scores: NDArray[np.float64]) -> tuple[tuple[str, str], ...]:
    """Pairs of models with the same score on every prompt that both answered, 30 or more.

    Models whose scores are constant are left to ``constant_models``.
    """
    constant = constant_models(models, scores)
    pairs: list[tuple[str, str]] = []
    for one, other in combinations(range(len(models)), 2):
        if models[one] in constant or models[other] in constant:
            continue
        gap = scores[:, one] - scores[:, other]
        known = gap[np.isfinite(gap)]
        if known.size >= FEWEST and not known.any():
            pairs.append((models[one], models[other]))
    return tuple(pairs)


def _unusable(facts: Facts) -> str | None:
    if facts.unusable is None:
        return None
    told: list[str] = []
    for model, states in facts.unusable.items():
        if sum(states.values()) <= UNUSABLE:
            continue
        each = sorted(states.items(), key=lambda state: -state[1])
        told.append(f"{model} ({', '.join(f'{percent(s)} {name}' for name, s in each if s)})")
    if not told:
        return None
    return f"answers that are no measure of the model: {'; '.join(told)}"


def _trouble(facts: Facts) -> str | None:
    if facts.constant_models is None or facts.equal_models is None:
        return None
    told = [f"{model} has one score on every prompt" for model in facts.constant_models]
    told += [f"{a} and {b} have the same score on every prompt" for a, b in facts.equal_models]
    return "; ".join(told) or None


def _incomplete(facts: Facts) -> str | None:
    if facts.dropped is None or facts.prompts is None or not facts.dropped:
        return None
    share = facts.dropped / (facts.dropped + facts.prompts)
    if share <= INCOMPLETE:
        return None
    return (
        f"{facts.dropped:,} of {facts.dropped + facts.prompts:,} prompts, {percent(share)}, lack a "
        "score or a cost of some model and are left out; those that stay may be the easy ones"
    )


def _judge(facts: Facts) -> str | None:
    if facts.kappa is None or facts.kappa >= TRUSTED_KAPPA:
        return None
    return (
        f"the LLM judge's marks agree with verified ones at a weighted kappa of {facts.kappa:.2f}, "
        f"below {TRUSTED_KAPPA}; take a stronger judge"
    )


RT009 = Check("RT009", "unusable answers", "warning", ("unusable",), _unusable)
RT013 = Check(
    "RT013", "scores that tell nothing", "warning", ("constant_models", "equal_models"), _trouble
)
RT014 = Check(
    "RT014", "many prompts left out as incomplete", "warning", ("dropped", "prompts"), _incomplete
)
RT019 = Check("RT019", "judge and graders disagree", "warning", ("kappa",), _judge)
