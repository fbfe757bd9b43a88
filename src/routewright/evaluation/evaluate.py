"""Routers against every baseline on the same test prompts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from routewright import policy
from routewright.data.routing_data import RoutingData
from routewright.errors import DataError, UsageError
from routewright.evaluation import policies
from routewright.evaluation.contest import Contest, Measured, Policy
from routewright.evaluation.results import Evaluation, Row, Setting, TaskRow
from routewright.evaluation.verdict import verdict
from routewright.metrics.bootstrap import REPLICATES, Draws, Estimate
from routewright.metrics.frontier import ndch
from routewright.protocols import Router
from routewright.routers.base import Predictions

Floats = NDArray[np.float64]
Entrant = Router | Predictions


def evaluate(
    router: Entrant | Mapping[str, Entrant],
    data: RoutingData,
    *,
    train_means: tuple[ArrayLike, ArrayLike] | None = None,
    worth_usd: float | None = None,
    baselines: bool = True,
    seed: int = 0,
    replicates: int = REPLICATES,
) -> Evaluation:
    """Measure routers on test prompts, against single models and the zero router.

    Every router is swept over its knob: choices on expected scores and costs, points on realised
    ones. What a router itself costs is added where it tells (``Predictions.decision_costs``).
    Intervals are 95 % percentiles of a bootstrap over groups of prompts, paired between
    rows; errors that all scores of a model share (``RoutingData.score_errors``) are drawn along.
    Prompts where a model lacks a score or a cost are left out for all and counted.

    Args:
        router: one router, or several by name; the verdict is about the first. Predictions that
            were made elsewhere stand for a router; their rows are those of the data.
        data: test prompts that no router has learned from. It may hold more models.
        train_means: the models' mean scores (m,) and mean costs (m,) on the training prompts, in
            the order of ``models_``: they pick the zero router's models. Without them the
            verdict compares with the zero router of the test prompts, which is harder to beat.
        worth_usd: the willingness to pay in use; it fixes the recommended setting. Without it
            the setting is picked on the test prompts: the cheapest that keeps the best single
            model's score, or 99, 98, 95 or 90 % of it where more saves no tenth of its cost.
        baselines: also measure the random choice and the oracle.
        seed: of the bootstrap.
        replicates: of the bootstrap.

    Raises:
        DataError: the data lack a model, or no prompt is complete.
        UsageError: no router, routers over different models, predictions for other prompts, or an
            impossible argument.
    """
    routers = _named(router)
    main = next(name for name, each in routers.items() if not _is_bound(each))
    models = _shared_models(routers)
    for model in models:
        if model not in data.models:
            raise DataError(
                f"{data.name}: the router knows model {model!r}, which the data lack; collect its "
                "answers to these prompts, or train a router without it"
            )
    aligned = data.select_models(models)
    test = aligned.subset(aligned.complete)
    if not len(test):
        raise DataError(f"{data.name}: no prompt has a score and a cost of all of {models}")
    if replicates < 1:
        raise UsageError(f"replicates must be 1 or more, not {replicates}")
    if worth_usd is not None and not worth_usd >= 0:
        raise UsageError(f"worth_usd must be 0 or more, not {worth_usd}")
    contest = Contest(
        models=models,
        scores=test.scores,
        costs=test.costs,
        draws=Draws.over(test.groups, replicates=replicates, seed=seed),
        train_points=_train_points(train_means, len(models)),
        score_errors=test.score_errors,
    )
    swept = {
        name: _routed(contest, name, each, aligned, test, worth_usd)
        for name, each in routers.items()
    }
    everyone = [
        *policies.single_models(contest),
        *policies.baselines(contest, every=baselines),
        *swept.values(),
    ]
    rows = tuple(_row(contest, measured) for measured in contest.measure(everyone))
    instead = _instead(contest, worth_usd)
    judged = next(row for row in reversed(rows) if row.name == main)
    pays, line = verdict(judged, rows[contest.best], instead)
    return Evaluation(
        data=data.name,
        models=models,
        prompts=len(test),
        dropped=len(data) - len(test),
        groups=len(np.unique(test.groups)),
        replicates=replicates,
        seed=seed,
        c_min=contest.c_min,
        c_max=contest.c_max,
        degenerate=contest.c_max <= contest.c_min,
        router=main,
        best_model=models[contest.best],
        instead=instead,
        worth_usd=worth_usd,
        rows=rows,
        tasks=tuple(_tasks(contest, test.tasks, swept[main])),
        pays=pays,
        verdict=line,
    )


def _named(router: Entrant | Mapping[str, Entrant]) -> dict[str, Entrant]:
    if isinstance(router, Mapping):
        routers: dict[str, Entrant] = dict(router)
    else:
        routers = {str(getattr(router, "name", type(router).__name__)): router}
    if all(_is_bound(each) for each in routers.values()):
        raise UsageError("evaluate needs at least one router that can meet a new prompt")
    return routers


def _is_bound(router: Entrant) -> bool:
    return bool(getattr(router, "knows_only_training_prompts", False))


def _models(router: Entrant) -> tuple[str, ...]:
    return router.models if isinstance(router, Predictions) else tuple(router.models_)


def _shared_models(routers: Mapping[str, Entrant]) -> tuple[str, ...]:
    (first, one), *others = routers.items()
    for name, other in others:
        if set(_models(other)) != set(_models(one)):
            odd = ", ".join(sorted(set(_models(other)) ^ set(_models(one))))
            raise UsageError(
                f"routers {first!r} and {name!r} must know the same models to be compared; "
                f"only one of them knows {odd}"
            )
    return _models(one)


def _train_points(means: tuple[ArrayLike, ArrayLike] | None, m: int) -> Floats | None:
    if means is None:
        return None
    scores, costs = (np.asarray(each, dtype=np.float64) for each in means)
    if scores.shape != (m,) or costs.shape != (m,) or not np.isfinite([scores, costs]).all():
        raise UsageError(f"train_means must be mean scores and mean costs of all {m} models")
    return np.column_stack([costs, scores])


def _instead(contest: Contest, worth_usd: float | None) -> str:
    worth = np.inf if worth_usd is None else worth_usd
    return contest.models[
        int(policy.choose(contest.single_scores[:1], contest.single_costs[:1], worth)[0])
    ]


def _routed(
    contest: Contest,
    name: str,
    router: Entrant,
    data: RoutingData,
    test: RoutingData,
    worth_usd: float | None,
) -> Policy:
    """A router's policy on the complete prompts ``test`` of ``data``."""
    if isinstance(router, Predictions):
        if len(router.scores) != len(data):
            raise UsageError(
                f"{name!r} predicts {len(router.scores)} prompts, but the data hold {len(data)}"
            )
        rows = np.flatnonzero(data.complete)
        scores, costs = router.scores[rows], router.costs[rows]
        spent = None if router.decision_costs is None else router.decision_costs[rows]
    else:
        told = router.predict(test.prompts)
        scores, costs = told.scores, told.costs
        spent = getattr(told, "decision_costs", None)  # a plug-in may know nothing of it
    order = [_models(router).index(model) for model in contest.models]
    return policies.routed(
        contest,
        name,
        np.asarray(scores, dtype=np.float64)[:, order],
        np.asarray(costs, dtype=np.float64)[:, order],
        worth_usd=worth_usd,
        kind="oracle" if _is_bound(router) else "router",
        decision_costs=spent,
    )


def _tasks(contest: Contest, tasks: NDArray[np.str_], router: Policy) -> Iterator[TaskRow]:
    if not any(tasks.tolist()):
        return
    got, paid = contest.outcomes(router, router.at)
    for task in np.unique(tasks).tolist():
        here = tasks == task
        scores, costs = contest.scores[here].mean(axis=0), contest.costs[here].mean(axis=0)
        best = int(np.lexsort((costs, -scores))[0])
        yield TaskRow(
            task=task or "(none)",
            prompts=int(here.sum()),
            best_model=contest.models[best],
            best_model_score=float(scores[best]),
            best_model_cost_usd=float(costs[best]),
            single_score=float(scores[contest.best]),
            single_cost_usd=float(costs[contest.best]),
            router_score=float(got[here].mean()),
            router_cost_usd=float(paid[here].mean()),
        )


def _row(contest: Contest, measured: Measured) -> Row:
    policy, neutral, points = measured.policy, measured.neutral_cost, measured.points
    knob: list[float | None] = (
        [None] * len(points) if policy.worth_usd is None else policy.worth_usd.tolist()
    )
    settings = tuple(
        Setting(worth, float(cost), float(score))
        for worth, (cost, score) in zip(knob, points, strict=True)
    )
    train = measured.minus_zero_train
    return Row(
        name=policy.name,
        kind=policy.kind,
        score=Estimate.of(measured.score),
        cost_usd=Estimate.of(measured.cost_usd),
        aiq=Estimate.of(measured.aiq),
        minus_zero_train=None if train is None else Estimate.of(train),
        minus_zero_test=Estimate.of(measured.minus_zero_test),
        neutral_cost=Estimate.of(neutral),
        neutral_reached=float(np.isfinite(neutral[1:]).mean()),
        shares=dict(zip(contest.models, policy.shares.tolist(), strict=True)),
        setting=settings[policy.at],
        settings=settings,
        hull=tuple((float(cost), float(score)) for cost, score in ndch(points)),
        calibration=policy.calibration,
    )
