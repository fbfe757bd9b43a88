"""Looking at routing data before anything is trained on it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from routewright.data.duplicates import find_duplicates, normalise
from routewright.data.regimes import joined_groups
from routewright.data.responses import Response
from routewright.data.routing_data import RoutingData
from routewright.data.times import moment
from routewright.errors import DataError
from routewright.evaluation.answer_rates import answer_rates
from routewright.evaluation.description import (
    Bounds,
    Description,
    DuplicateFacts,
    ModelFacts,
    NullWorld,
    Spread,
    SpreadFacts,
    TaskFacts,
)
from routewright.evaluation.label_trouble import label_trouble
from routewright.metrics.bootstrap import REPLICATES, Estimate, bootstrap_means
from routewright.metrics.frontier import aiq, hull_members, zero_router
from routewright.metrics.oracle import oracle
from routewright.metrics.rasch import rasch_null

Floats = NDArray[np.float64]
NULL_CELLS = 2_000_000  # cells to simulate in all: a second or two


def describe(
    data: RoutingData,
    *,
    responses: Sequence[Response] = (),
    duplicates: bool = True,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> Description:
    """What the data hold, what routing could gain on them, and what looks like label trouble.

    Args:
        data: prompts and outcomes.
        responses: the answers behind the outcomes, where they are at hand.
        duplicates: look for them; intervals then draw groups with duplicates joined.
        replicates: of the bootstrap over groups.
        seed: of the bootstrap.

    Raises:
        DataError: no prompts, no models, or a time that is not ISO 8601.
        MissingExtraError: scipy is not installed, where duplicates are looked for.
    """
    if not len(data) or not data.models:
        raise DataError(f"{data.name}: nothing to describe: no prompts or no models")
    groups, found = data.groups, None
    if duplicates:
        clusters = find_duplicates([prompt.text for prompt in data.prompts])
        groups = joined_groups(data, clusters)
        found = _duplicates(data, clusters, groups)
    models = _models(data, _estimates(data, groups, replicates, seed))
    bounds = _bounds(data)
    spreads = _spreads(data)
    rates = answer_rates(data.models, responses)
    asked = sorted((moment(p.time), p.time) for p in data.prompts if p.time)
    return Description(
        data=data.name,
        prompts=len(data),
        complete=int(data.complete.sum()),
        groups=len(np.unique(data.groups)),
        models=models,
        tasks=_tasks(data, bounds.best_model if bounds else ""),
        spreads=spreads,
        bounds=bounds,
        duplicates=found,
        first_time=asked[0][1] if asked else "",
        last_time=asked[-1][1] if asked else "",
        timed=len(asked),
        answers=rates,
        warnings=label_trouble(data, models, bounds, found, rates),
    )


def _estimates(
    data: RoutingData, groups: NDArray[np.str_], replicates: int, seed: int
) -> list[Estimate]:
    """Mean scores with intervals: a ratio of sums, for not every cell is known."""
    known = np.isfinite(data.scores)
    columns = np.hstack([np.where(known, data.scores, 0.0), known])
    means = bootstrap_means(columns, groups, replicates=replicates, seed=seed)
    m = len(data.models)
    with np.errstate(invalid="ignore"):
        ratios = means[:, :m] / means[:, m:]
    return [Estimate.of(ratios[:, column]) for column in range(m)]


def _models(data: RoutingData, estimates: Sequence[Estimate]) -> tuple[ModelFacts, ...]:
    known = np.isfinite(data.scores) & np.isfinite(data.costs)
    shares, hull = np.zeros(len(data.models)), frozenset[int]()
    if data.complete.any():
        scores, costs = data.scores[data.complete], data.costs[data.complete]
        chosen = oracle(scores, costs).chosen
        shares = np.bincount(chosen, minlength=len(data.models)) / len(chosen)
        hull = frozenset(hull_members(np.column_stack([costs.mean(axis=0), scores.mean(axis=0)])))
    return tuple(
        ModelFacts(
            name=name,
            score=estimates[m],
            cost_usd=_mean(data.costs[:, m]),
            missing=int((~known[:, m]).sum()),
            coverage=float(known[:, m].mean()),
            oracle_share=float(shares[m]),
            on_hull=m in hull,
            spread=_spread(data.scores[:, m]),
        )
        for m, name in enumerate(data.models)
    )


def _bounds(data: RoutingData) -> Bounds | None:
    if not data.complete.any():
        return None
    scores, costs = data.scores[data.complete], data.costs[data.complete]
    score, cost = scores.mean(axis=0), costs.mean(axis=0)
    best = int(np.lexsort((cost, -score))[0])
    bound = oracle(scores, costs)
    agree = np.ptp(scores, axis=1) == 0
    return Bounds(
        best_model=data.models[best],
        best_score=float(score[best]),
        best_cost_usd=float(cost[best]),
        oracle_score=bound.mean_score,
        oracle_cost_usd=bound.mean_cost_usd,
        oracle_cost0_usd=bound.mean_cost0_usd,
        zero_aiq=float(aiq(zero_router(scores, costs), float(cost.min()), float(cost.max()))),
        c_min_usd=float(cost.min()),
        c_max_usd=float(cost.max()),
        agree=float(agree.mean()),
        agree_solved=float((agree & (scores[:, 0] > 0)).mean()),
        null=_null(scores, costs),
    )


def _null(scores: Floats, costs: Floats) -> NullWorld | None:
    """Simulated where it means something: two models, right or wrong, neither always."""
    if (
        not np.isin(scores, (0.0, 1.0)).all()
        or scores.shape[1] < 2
        or scores.std(axis=0).min() == 0
    ):
        return None
    draws = int(np.clip(NULL_CELLS // scores.size, 5, 20))
    null = rasch_null(scores, costs, seed=0, draws=draws)
    return NullWorld(
        oracle_score=float(null.oracle_accuracy.mean()),
        difficulty_aiq=float(null.bayes_aiq.mean()),
        zero_aiq=float(null.zero_aiq.mean()),
        p_value=null.p_value,
    )


def _tasks(data: RoutingData, single: str) -> tuple[TaskFacts, ...]:
    names, sizes = np.unique(data.tasks, return_counts=True)
    facts: list[TaskFacts] = []
    for at in np.argsort(-sizes, kind="stable"):
        scores, costs = (matrix[data.tasks == names[at]] for matrix in (data.scores, data.costs))
        means = np.array([_mean(column) for column in scores.T])
        prices = np.array([_mean(column) for column in costs.T])
        best = int(np.lexsort((prices, -means))[0])  # NaN comes last
        facts.append(
            TaskFacts(
                name=str(names[at]),
                prompts=int(sizes[at]),
                best_model=data.models[best] if np.isfinite(means[best]) else "",
                best_score=float(means[best]),
                single_score=float(means[data.models.index(single)]) if single else float("nan"),
            )
        )
    return tuple(facts)


def _spreads(data: RoutingData) -> tuple[SpreadFacts, ...]:
    sets = np.array([task.partition("/")[0] for task in data.tasks.tolist()], dtype=np.str_)
    return tuple(
        SpreadFacts(model, str(name), _spread(data.scores[sets == name, column]))
        for name in np.unique(sets)
        for column, model in enumerate(data.models)
    )


def _spread(scores: Floats) -> Spread:
    known = scores[np.isfinite(scores)]
    if not known.size:
        nan = float("nan")
        return Spread(0, nan, nan, nan, nan)
    zero, one = float((known == 0).mean()), float((known == 1).mean())
    between = float(((known != 0) & (known != 1)).mean())
    return Spread(int(known.size), zero, one, between, float(known.mean()))


def _duplicates(
    data: RoutingData, clusters: NDArray[np.intp], groups: NDArray[np.str_]
) -> DuplicateFacts:
    plain = [normalise(prompt.text) for prompt in data.prompts]
    filled = [text for text in plain if text]
    exact = len(filled) - len(set(filled))
    own: dict[int, set[str]] = {}
    for cluster, group in zip(clusters.tolist(), data.groups.tolist(), strict=True):
        own.setdefault(cluster, set()).add(group)
    return DuplicateFacts(
        exact=exact,
        near=len(data) - len(own) - exact,
        across_groups=sum(len(own[cluster]) > 1 for cluster in clusters.tolist()),
        groups=len(np.unique(groups)),
    )


def _mean(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")
