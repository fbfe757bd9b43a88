"""Who takes part in a contest: single models, baselines, bounds and routers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from routewright import policy as rule
from routewright.evaluation.contest import Contest, Policy
from routewright.evaluation.results import Kind
from routewright.metrics.calibration import calibration
from routewright.metrics.oracle import oracle_curve
from routewright.metrics.sweep import sweep

Floats = NDArray[np.float64]
LEVELS = (1.0, 0.99, 0.98, 0.95, 0.9)  # of the best single model's score


def single_models(contest: Contest) -> Iterator[Policy]:
    """Every model, always."""
    for column, model in enumerate(contest.models):
        yield Policy(model, "model", 0, _only(contest, column), mix=_only(contest, column)[None])


def zero_routers(contest: Contest) -> Iterator[Policy]:
    """The blind mixes of models: picked on training prompts where known, and on test prompts."""
    if contest.zero_columns:
        columns = list(contest.zero_columns)
        # The dearest vertex: the model that scored best in training.
        yield Policy(
            name="zero_train",
            kind="zero",
            at=len(columns) - 1,
            shares=_only(contest, columns[-1]),
            mix=np.eye(len(contest.models))[columns],
        )
    yield Policy(
        name="zero_test",
        kind="zero",
        at=contest.best,
        shares=_only(contest, contest.best),
        mix=np.eye(len(contest.models)),
        best_of_test=True,
    )


def random_choice(contest: Contest) -> Policy:
    """Every model equally often."""
    even = np.full(len(contest.models), 1 / len(contest.models))
    return Policy("random", "random", 0, even, mix=even[None])


def oracle_bound(contest: Contest) -> Policy:
    """The best choice of every prompt, known from its outcome."""
    curve = oracle_curve(contest.scores, contest.costs)
    # The first setting pays any price: it is the score-first oracle.
    return Policy(
        name="oracle",
        kind="oracle",
        at=0,
        shares=_shares(curve.chosen[0], len(contest.models)),
        chosen=curve.chosen,
        worth_usd=curve.worth_usd,
    )


def baselines(contest: Contest, *, every: bool = True) -> Iterator[Policy]:
    """Random choice, zero routers and the oracle; the zero routers alone if not ``every``."""
    if every:
        yield random_choice(contest)
    yield from zero_routers(contest)
    if every:
        yield oracle_bound(contest)


def routed(
    contest: Contest,
    name: str,
    predicted_scores: Floats,
    predicted_costs: Floats,
    *,
    worth_usd: float | None = None,
    kind: Kind = "router",
    decision_costs: Floats | None = None,
) -> Policy:
    """A router swept over its knob.

    Args:
        contest: the test prompts.
        name: for the table.
        predicted_scores: expected scores (n, m), columns as in the contest.
        predicted_costs: expected costs (n, m) in US dollars.
        worth_usd: the recommended setting; without it the one picked on the test prompts: the
            cheapest that keeps the highest of ``LEVELS`` of the best single model's score at
            which a tenth of its cost is saved.
        kind: for the table.
        decision_costs: what each prediction took (n,), in US dollars; the router pays it at every
            setting, whichever model it chooses.
    """
    grid = rule.worth_grid(predicted_scores, predicted_costs)
    if worth_usd is not None:
        grid = np.sort(np.append(grid, worth_usd))[::-1]
    turned = sweep(predicted_scores, predicted_costs, contest.scores, contest.costs, worth_usd=grid)
    points = turned.points
    if decision_costs is not None:
        points = points + np.array([decision_costs.mean(), 0.0])
    at = (
        _recommended(contest, points)
        if worth_usd is None
        else int(np.flatnonzero(grid == worth_usd)[0])
    )
    return Policy(
        name=name,
        kind=kind,
        at=at,
        shares=_shares(turned.chosen[at], len(contest.models)),
        chosen=turned.chosen,
        worth_usd=grid,
        calibration=calibration(predicted_scores, contest.scores, contest.best),
        decision_costs=decision_costs,
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


def _only(contest: Contest, column: int) -> Floats:
    return np.eye(len(contest.models))[column]


def _shares(chosen: NDArray[np.unsignedinteger], m: int) -> Floats:
    return np.bincount(chosen, minlength=m) / len(chosen)
