"""What an evaluation itself tells the checks."""

from __future__ import annotations

from typing import Any

from routewright.evaluation.checks.facts import Facts
from routewright.evaluation.results import Evaluation


def facts_of(evaluation: Evaluation, **known: Any) -> Facts:
    """The facts about the router that the verdict is about.

    Args:
        evaluation: what ``evaluate`` returned.
        known: further fields of ``Facts``; they take precedence.
    """
    row = evaluation.row(evaluation.router)
    best = evaluation.row(evaluation.best_model, "model")
    controls = {each.name: each.minus_zero for each in evaluation.rows if each.kind == "control"}
    told: dict[str, Any] = {
        "router": evaluation.router,
        "prompts": evaluation.prompts,
        "dropped": evaluation.dropped,
        "minus_zero": row.minus_zero,
        "zero_from_training": row.minus_zero_train is not None,
        "neutral_cost": row.neutral_cost.value,
        "best_model": best.name,
        "best_score": best.score.value,
        "pays": evaluation.pays,
        "score": row.score.value,
        "shares": row.shares,
        "setting_from_test": evaluation.worth_usd is None,
        "slope": row.calibration.slope if row.calibration else None,
        "controls": controls or None,
    }
    return Facts(**{**told, **known})
