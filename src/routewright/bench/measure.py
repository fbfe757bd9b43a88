"""One fold: every policy against every other on the same test prompts and the same draws."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from routewright.bench.fits import Facts, Fit
from routewright.data.regimes import Fold
from routewright.data.routing_data import RoutingData
from routewright.evaluation import policies
from routewright.evaluation.contest import Contest, Measured, Policy
from routewright.evaluation.results import Kind
from routewright.metrics.bootstrap import Draws
from routewright.metrics.choices import model_recall, regret
from routewright.metrics.frontier import ndch
from routewright.metrics.two_models import apgr_replicates, cpt_replicates, pgr_curve
from routewright.routers.table import column_means, score_means

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

FEWEST_OF_TASK = 10
"""Test prompts of a task below which a fold says nothing of it."""

DRAWN_BY_TASK = ("model", "router", "zero", "oracle", "control")
POINTS = ("model", "random")
"""Kinds without settings: a point in the plane of costs and scores, no frontier."""

SHARES = np.linspace(0, 1, 51)
"""Of strong calls, at which the curve of two models is read."""


@dataclass(frozen=True, eq=False)
class PairDraws:
    """Two models' figures in every replicate (1 + B,), and the curve at ``SHARES``."""

    apgr: Floats
    cpt50: Floats
    cpt80: Floats
    curve: Floats


@dataclass(frozen=True, eq=False)
class OfTask:
    """A policy on one task: vertices (k, 2) of its hull, and its difference to zero."""

    hull: Floats
    minus_zero: float


@dataclass(frozen=True, eq=False)
class Seen:
    """One policy in one fold of t test prompts; draws are (1 + B,), the full sample first.

    Attributes:
        measured: its figures.
        minus_best: its score less that of the best single model, draws.
        got: realised score of each prompt at the recommended setting (t,).
        hull: (k, 2) cost and score; one point for a policy without settings.
        regret: mean utility lost to the oracle; NaN without a knob.
        recall: of prompts that one model alone answers, share that it got.
        tasks: figures by task.
        pair: of the section's two models; None for what is no router, or without a pair.
        fit: predictions; None for what predicts nothing.
    """

    measured: Measured
    minus_best: Floats
    got: Floats
    hull: Floats
    regret: float
    recall: float
    tasks: dict[str, OfTask]
    pair: PairDraws | None
    fit: Fit | None

    @property
    def facts(self) -> Facts | None:
        """What the fit took."""
        return None if self.fit is None else self.fit.facts


@dataclass(frozen=True, eq=False)
class Ground:
    """A fold's test prompts with a score and a cost of every model (t).

    Attributes:
        fold: the split.
        rows: which rows of the fold's test prompts they are (t,).
        test: the prompts.
        tasks: their tasks, for the figures by task (t,).
        contest: what all policies are measured against.
        train_points: models' mean cost and score on training prompts (m, 2).
    """

    fold: Fold
    rows: Rows
    test: RoutingData
    tasks: NDArray[np.str_]
    contest: Contest
    train_points: Floats


@dataclass(frozen=True, eq=False)
class FoldSeen:
    """A fold and all policies in it, by kind and name."""

    ground: Ground
    policies: dict[tuple[Kind, str], Seen]


def ground(data: RoutingData, fold: Fold, tasks: NDArray[np.str_], draws: Draws) -> Ground:
    """Set a fold up; ``tasks`` (n,) and ``draws`` are those of the whole data set."""
    training = fold.training(data)
    points = np.column_stack([column_means(training.costs, pessimist=1), score_means(training)])
    rows = np.flatnonzero(data.complete[fold.test])
    at = fold.test[rows]
    test = data.subset(at)
    contest = Contest(
        models=data.models,
        scores=test.scores,
        costs=test.costs,
        draws=draws.of(at),
        train_points=points,
        score_errors=test.score_errors,
    )
    return Ground(fold, rows, test, tasks[at], contest, points)


def measure(
    here: Ground,
    fitted: Mapping[tuple[Kind, str], Fit],
    *,
    shown_tasks: Sequence[str],
    pair: tuple[int, int] | None,
) -> FoldSeen:
    """Measure everybody: single models, baselines, controls and routers.

    Args:
        here: the fold.
        fitted: predictions for all its test prompts, by kind and name.
        shown_tasks: tasks to measure by themselves.
        pair: columns of the strong and the weak model.
    """
    contest = here.contest
    cut = {key: _cut(fit, here.rows) for key, fit in fitted.items()}
    everyone = [
        *policies.single_models(contest),
        *_trained_singles(here),
        *policies.baselines(contest),
        _constant(here),
        *(
            policies.routed(
                contest,
                name,
                fit.scores,
                fit.costs,
                worth_usd=fit.facts.worth_usd,
                kind=kind,
                decision_costs=fit.decision_costs,
            )
            for (kind, name), fit in cut.items()
        ),
    ]
    paired = _paired(here, cut, pair)
    by_task = _by_task(here, everyone, shown_tasks)
    found: dict[tuple[Kind, str], Seen] = {}
    for measured in contest.measure(everyone):
        policy = measured.policy
        key = (policy.kind, policy.name)
        got, _ = contest.outcomes(policy, policy.at)
        found[key] = Seen(
            measured=_slim(measured),
            minus_best=measured.score - contest.single_scores[:, contest.best],
            got=got,
            hull=_hull(contest, measured),
            regret=_regret(contest, policy),
            recall=_recall(contest, policy),
            tasks=by_task.get(key, {}),
            pair=paired.get(key),
            fit=cut.get(key),
        )
    return FoldSeen(here, found)


def _cut(fit: Fit, rows: Rows) -> Fit:
    spent = None if fit.decision_costs is None else fit.decision_costs[rows]
    return Fit(fit.scores[rows], fit.costs[rows], fit.facts, spent)


def _trained_singles(here: Ground) -> Iterator[Policy]:
    """The cheapest and the best single model, as training prompts show them."""
    costs, scores = here.train_points.T
    for name, order in (("cheapest", (-scores, costs)), ("best-single", (costs, -scores))):
        only = np.eye(len(costs))[int(np.lexsort(order)[0])]
        yield Policy(name, "model", 0, only, mix=only[None])


def _constant(here: Ground) -> Policy:
    """The control that predicts the same of every prompt: what training shows on average."""
    costs, scores = (np.tile(column, (len(here.test), 1)) for column in here.train_points.T)
    return policies.routed(
        here.contest, "constant", scores, costs, worth_usd=np.inf, kind="control"
    )


def _slim(measured: Measured) -> Measured:
    """The same without the choices, which are as many as settings times prompts."""
    return replace(measured, policy=replace(measured.policy, chosen=None))


def _hull(contest: Contest, measured: Measured) -> Floats:
    """Vertices of the hull that AIQ is the height of; of a policy without settings its point."""
    points = measured.points
    if measured.policy.kind in POINTS:
        return points
    cheapest = contest.single_costs[0, contest.cheapest], contest.single_scores[0, contest.cheapest]
    return ndch(np.vstack([points, cheapest]))


def _regret(contest: Contest, policy: Policy) -> float:
    if policy.chosen is None or policy.worth_usd is None:
        return float("nan")
    worth = float(policy.worth_usd[policy.at])
    return regret(contest.scores, contest.costs, policy.chosen[policy.at], worth)


def _recall(contest: Contest, policy: Policy) -> float:
    if policy.chosen is not None:
        return model_recall(contest.scores, policy.chosen[policy.at])
    n, m = contest.scores.shape
    each = [model_recall(contest.scores, np.full(n, column)) for column in range(m)]
    return float(policy.shares @ np.array(each))


def _by_task(
    here: Ground, everyone: Sequence[Policy], tasks: Sequence[str]
) -> dict[tuple[Kind, str], dict[str, OfTask]]:
    """Hulls and differences to zero on the prompts of each task; figures, no intervals."""
    found: dict[tuple[Kind, str], dict[str, OfTask]] = {}
    drawn = [each for each in everyone if each.kind in DRAWN_BY_TASK]
    for task in tasks:
        rows = np.flatnonzero(here.tasks == task)
        if len(rows) < FEWEST_OF_TASK:
            continue
        contest = Contest(
            models=here.contest.models,
            scores=here.contest.scores[rows],
            costs=here.contest.costs[rows],
            draws=replace(here.contest.draws, replicates=1).of(rows),
            train_points=here.train_points,
        )
        for measured in contest.measure([each.on(rows) for each in drawn]):
            key = (measured.policy.kind, measured.policy.name)
            found.setdefault(key, {})[task] = OfTask(
                _hull(contest, measured), float(measured.minus_zero[0])
            )
    return found


def _paired(
    here: Ground, cut: Mapping[tuple[Kind, str], Fit], pair: tuple[int, int] | None
) -> dict[tuple[Kind, str], PairDraws]:
    """What routers recover of the gap between two models when these are all there is."""
    if pair is None:
        return {}
    strong, weak = (here.test.scores[:, column] for column in pair)
    leads = {
        key: fit.scores[:, pair[0]] - fit.scores[:, pair[1]]
        for key, fit in cut.items()
        if key[0] == "router"
    }
    drawn: dict[tuple[Kind, str], list[Floats]] = {key: [] for key in leads}
    for weights in here.contest.draws.weights():
        for key, lead in leads.items():
            area = apgr_replicates(strong, weak, lead, weights)
            half = cpt_replicates(strong, weak, lead, weights, 0.5)
            most = cpt_replicates(strong, weak, lead, weights, 0.8)
            drawn[key].append(np.column_stack([area, half, most]))
    found: dict[tuple[Kind, str], PairDraws] = {}
    for key, lead in leads.items():
        area, half, most = np.concatenate(drawn[key]).T
        knots = pgr_curve(strong, weak, lead)
        found[key] = PairDraws(area, half, most, np.interp(SHARES, knots[:, 0], knots[:, 1]))
    return found
