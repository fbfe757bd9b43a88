"""Differences that only a paired bootstrap tells: to the length router, to the best model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from routewright.data.routing_data import RoutingData
from routewright.evaluation import policies
from routewright.evaluation.contest import Contest, Policy
from routewright.evaluation.evaluate import evaluate
from routewright.evaluation.results import Evaluation
from routewright.metrics.bootstrap import Draws, Estimate
from routewright.routers.base import Predictions

LENGTH = "length"
FEWEST = 30  # prompts: the sign of a difference on fewer is luck

Means = tuple[ArrayLike, ArrayLike]


def paired(
    evaluation: Evaluation, told: Mapping[str, Predictions], data: RoutingData, means: Means
) -> dict[str, Any]:
    """Facts on the router that the verdict is about, from the draws that the evaluation made.

    Args:
        evaluation: of these routers on these data.
        told: what every router predicts of the prompts (n) of the data.
        data: the test prompts as ``evaluate`` got them.
        means: the models' mean scores and costs on training prompts, as ``evaluate`` got them.
    """
    aligned = data.select_models(evaluation.models)
    rows = np.flatnonzero(aligned.complete)
    test = aligned.subset(rows)
    contest = Contest(
        models=test.models,
        scores=test.scores,
        costs=test.costs,
        draws=Draws.over(test.groups, replicates=evaluation.replicates, seed=evaluation.seed),
        train_points=np.column_stack([np.asarray(means[1], float), np.asarray(means[0], float)]),
        score_errors=test.score_errors,
    )

    def policy(name: str) -> Policy:
        order = [told[name].models.index(model) for model in test.models]
        return policies.routed(
            contest,
            name,
            told[name].scores[rows][:, order],
            told[name].costs[rows][:, order],
            worth_usd=evaluation.worth_usd,
            decision_costs=None if (spent := told[name].decision_costs) is None else spent[rows],
        )

    judged = policy(evaluation.router)
    gap = contest.outcomes(judged, judged.at)[0] - test.scores[:, contest.best]
    # The share of the best model's prompts is taken off: its error is in both.
    apart = contest.shares(judged)[judged.at] - np.eye(len(test.models))[contest.best]
    drawn = contest.draws.means(gap[:, None]) + contest.shared(apart[None, :])
    facts: dict[str, Any] = {
        "minus_best": Estimate.of(drawn[:, 0]),
        "discordance": float((gap**2).mean()),
    }
    if LENGTH in told and evaluation.router != LENGTH:
        ours, theirs = contest.measure([judged, policy(LENGTH)])
        facts["minus_length"] = Estimate.of(ours.minus_zero - theirs.minus_zero)
    return facts


def gain_apart(
    told: Predictions, data: RoutingData, met: NDArray[np.bool_], means: Means
) -> float | None:
    """The router's difference to the zero router without the prompts ``met`` (n,), no interval.

    None where fewer than 30 are left.
    """
    apart = data.select_models(told.models).complete & ~met
    if apart.sum() < FEWEST:
        return None
    spent = None if told.decision_costs is None else told.decision_costs[apart]
    cut = Predictions(told.models, told.scores[apart], told.costs[apart], told.std[apart], spent)
    rest = evaluate(cut, data.subset(apart), train_means=means, baselines=False, replicates=1)
    return rest.row(rest.router).minus_zero.value
