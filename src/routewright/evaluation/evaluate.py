"""Routers against every baseline on the same test prompts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from routewright import policy
from routewright.data.routing_data import RoutingData
from routewright.errors import DataError, UsageError
from routewright.evaluation.contest import Contest, Policy
from routewright.evaluation.results import Evaluation, TaskRow
from routewright.evaluation.verdict import verdict
from routewright.metrics.bootstrap import REPLICATES
from routewright.metrics.calibration import calibration
from routewright.metrics.oracle import oracle_curve
from routewright.metrics.sweep import sweep
from routewright.protocols import Predicted, Router

Floats = NDArray[np.float64]
LEVELS = (1.0, 0.99, 0.98, 0.95, 0.9)  # of the best single model's score


def evaluate(
    router: Router | Mapping[str, Router],
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
    ones. Intervals are 95 % percentiles of a bootstrap over groups of prompts, paired between
    rows. Prompts where a model lacks a score or a cost are left out for all and counted.

    Args:
        router: one router, or several by name; the verdict is about the first.
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
        UsageError: no router, routers over different models, or an impossible argument.
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
        groups=test.groups,
        replicates=replicates,
        seed=seed,
        train_points=_train_points(train_means, len(models)),
    )
    swept = {name: _routed(contest, name, each, test, worth_usd) for name, each in routers.items()}
    policies = [*_singles(contest), *_baselines(contest, baselines), *swept.values()]
    rows = tuple(contest.rows(policies))
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


def _named(router: Router | Mapping[str, Router]) -> dict[str, Router]:
    if isinstance(router, Mapping):
        routers: dict[str, Router] = dict(router)
    else:
        routers = {str(getattr(router, "name", type(router).__name__)): router}
    if all(_is_bound(each) for each in routers.values()):
        raise UsageError("evaluate needs at least one router that can meet a new prompt")
    return routers


def _is_bound(router: Router) -> bool:
    return bool(getattr(router, "knows_only_training_prompts", False))


def _shared_models(routers: Mapping[str, Router]) -> tuple[str, ...]:
    (first, one), *others = routers.items()
    for name, other in others:
        if set(other.models_) != set(one.models_):
            odd = ", ".join(sorted(set(other.models_) ^ set(one.models_)))
            raise UsageError(
                f"routers {first!r} and {name!r} must know the same models to be compared; "
                f"only one of them knows {odd}"
            )
    return tuple(one.models_)


def _train_points(means: tuple[ArrayLike, ArrayLike] | None, m: int) -> Floats | None:
    if means is None:
        return None
    scores, costs = (np.asarray(each, dtype=np.float64) for each in means)
    if scores.shape != (m,) or costs.shape != (m,) or not np.isfinite([scores, costs]).all():
        raise UsageError(f"train_means must be mean scores and mean costs of all {m} models")
    return np.column_stack([costs, scores])


def _singles(contest: Contest) -> Iterator[Policy]:
    for column, model in enumerate(contest.models):
        one = [column]
        yield Policy(
            model, "model", contest.scores[:, one], contest.costs[:, one], 0, _only(contest, column)
        )


def _only(contest: Contest, column: int) -> Floats:
    return np.eye(len(contest.models))[column]


def _baselines(contest: Contest, every: bool) -> Iterator[Policy]:
    m = len(contest.models)
    if every:
        yield Policy(
            name="random",
            kind="random",
            scores=contest.scores.mean(axis=1, keepdims=True),
            costs=contest.costs.mean(axis=1, keepdims=True),
            at=0,
            shares=np.full(m, 1 / m),
        )
    if contest.zero_columns:
        columns = list(contest.zero_columns)
        # The dearest vertex: the model that scored best in training.
        yield Policy(
            name="zero_train",
            kind="zero",
            scores=contest.scores[:, columns],
            costs=contest.costs[:, columns],
            at=len(columns) - 1,
            shares=_only(contest, columns[-1]),
        )
    yield Policy(
        name="zero_test",
        kind="zero",
        scores=contest.scores,
        costs=contest.costs,
        at=contest.best,
        shares=_only(contest, contest.best),
        best_of_test=True,
    )
    if every:
        curve = oracle_curve(contest.scores, contest.costs)
        rows = np.arange(len(contest.scores))
        # The first setting pays any price: it is the score-first oracle.
        yield Policy(
            name="oracle",
            kind="oracle",
            scores=contest.scores[rows, curve.chosen].T,
            costs=contest.costs[rows, curve.chosen].T,
            at=0,
            shares=_shares(curve.chosen[0], m),
            worth_usd=curve.worth_usd,
        )


def _routed(
    contest: Contest, name: str, router: Router, test: RoutingData, worth_usd: float | None
) -> Policy:
    predicted: Predicted = router.predict(test.prompts)
    order = [tuple(router.models_).index(model) for model in contest.models]
    q: Floats = np.asarray(predicted.scores, dtype=np.float64)[:, order]
    c: Floats = np.asarray(predicted.costs, dtype=np.float64)[:, order]
    grid = policy.worth_grid(q, c)
    if worth_usd is not None:
        grid = np.sort(np.append(grid, worth_usd))[::-1]
    turned = sweep(q, c, contest.scores, contest.costs, worth_usd=grid)
    at = (
        _recommended(contest, turned.points)
        if worth_usd is None
        else int(np.flatnonzero(grid == worth_usd)[0])
    )
    rows = np.arange(len(q))
    return Policy(
        name=name,
        kind="oracle" if _is_bound(router) else "router",
        scores=contest.scores[rows, turned.chosen].T,
        costs=contest.costs[rows, turned.chosen].T,
        at=at,
        shares=_shares(turned.chosen[at], len(contest.models)),
        worth_usd=grid,
        calibration=calibration(q, contest.scores, contest.best),
    )


def _recommended(contest: Contest, points: Floats) -> int:
    """The cheapest setting that keeps the highest level of quality at which money is saved.

    Levels are shares of the best single model's score. Where none saves a tenth of its cost, the
    cheapest setting that keeps the score, or else the best-scoring one.
    """
    costs, scores = points[:, 0], points[:, 1]
    best = contest.single_scores[0, contest.best]
    affordable = 0.9 * contest.single_costs[0, contest.best]
    keeping = [
        int(np.argmin(np.where(keeps, costs, np.inf)))
        for level in LEVELS
        if (keeps := scores >= level * best - 1e-12).any()
    ]
    saving = [at for at in keeping if costs[at] <= affordable]
    if saving:
        return saving[0]
    if (scores >= best - 1e-12).any():
        return keeping[0]
    return int(np.lexsort((costs, -scores))[0])


def _shares(chosen: NDArray[np.intp], m: int) -> Floats:
    return np.bincount(chosen, minlength=m) / len(chosen)


def _instead(contest: Contest, worth_usd: float | None) -> str:
    worth = np.inf if worth_usd is None else worth_usd
    return contest.models[
        int(policy.choose(contest.single_scores[:1], contest.single_costs[:1], worth)[0])
    ]


def _tasks(contest: Contest, tasks: NDArray[np.str_], router: Policy) -> Iterator[TaskRow]:
    if not any(tasks.tolist()):
        return
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
            router_score=float(router.scores[here, router.at].mean()),
            router_cost_usd=float(router.costs[here, router.at].mean()),
        )
