"""FrugalGPT's chains, with an exact search (Chen, Zaharia and Zou, arXiv 2305.05176).

Stage j's answer is taken if its calibrated verdict reaches the stage's threshold; the last
stage's is taken unjudged. All chains of at most three models and all thresholds at the quantiles
of the verdicts are tried on cached scores, where the original searches by sampling. A cascade of
a model and a larger one, judged by the small model itself, is AutoMix with a single threshold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from routewright.errors import DataError
from routewright.metrics import CascadePoint
from routewright.routers.calibration import Calibration
from routewright.routers.cascades.judging import MOST_MODELS, Judged, calibrate

Floats = NDArray[np.float64]

MOST_STAGES = 3
THRESHOLDS = 20
_TIE = 1e-12


@dataclass(frozen=True, eq=False)
class Cascade:
    """A fitted chain.

    Attributes:
        stages: names of the models in the order they are asked.
        thresholds: the calibrated verdict that ends each stage but the last.
        calibration: verdict → expected score, one map a stage.
        trained: score, cost and calls on the training data; chosen there, so too good by a bit.
    """

    stages: tuple[str, ...]
    thresholds: tuple[float, ...]
    calibration: Calibration
    trained: CascadePoint

    def evaluate(self, table: Judged) -> CascadePoint:
        """Mean score of the answers given, of all that was spent (judge included), of calls.

        Raises:
            DataError: a stage's model is not in the table.
        """
        columns = table.columns(self.stages)
        sure = self.calibration.apply(table.verdicts[:, columns])
        n = len(table.scores)
        going = np.ones(n, dtype=np.bool_)
        score, cost, calls = np.zeros(n), np.zeros(n), 0
        for stage, column in enumerate(columns):
            last = stage == len(columns) - 1
            judging = 0.0 if last else table.judge_costs[:, column]
            cost += going * (table.costs[:, column] + judging)
            calls += int(going.sum())
            ends = going & (last or sure[:, stage] >= self.thresholds[stage])
            score = np.where(ends, table.scores[:, column], score)
            going &= ~ends
        return CascadePoint(float(score.mean()), float(cost.mean()), calls / n)


def fit_cascade(table: Judged, budget_usd: float, *, models: tuple[str, ...] = ()) -> Cascade:
    """The chain of the best mean score whose mean cost on the table is within the budget.

    Args:
        table: training answers with verdicts.
        budget_usd: mean US dollars a prompt, the judge included.
        models: up to six to choose from; by default ``table.candidates()``.

    Raises:
        DataError: more than six models, an unknown one, or a budget below every model's cost.
    """
    return fit_cascades(table, [budget_usd], models=models)[0]


def fit_cascades(
    table: Judged, budgets_usd: Sequence[float], *, models: tuple[str, ...] = ()
) -> list[Cascade]:
    """One chain a budget, from one search; arguments and errors as of ``fit_cascade``."""
    names = models or table.candidates()
    if len(names) > MOST_MODELS:
        raise DataError(f"a cascade is searched over at most {MOST_MODELS} models, not {names}")
    columns = table.columns(names)
    tried = list(_search(table, columns))
    cheapest = min(float(t.costs.min()) for t in tried)
    return [_best(table, names, tried, budget, cheapest) for budget in budgets_usd]


@dataclass(frozen=True, eq=False)
class _Tried:
    """One chain at all its thresholds."""

    chain: tuple[int, ...]  # positions among the candidates
    marks: tuple[Floats, ...]  # thresholds tried at each stage but the last
    scores: Floats  # mean score at each combination of thresholds
    costs: Floats


def _search(table: Judged, columns: list[int]) -> Iterator[_Tried]:
    n = len(table.scores)
    s, c = table.scores[:, columns].T, table.costs[:, columns].T
    judged = c + table.judge_costs[:, columns].T
    sure = calibrate(table, columns).apply(table.verdicts[:, columns]).T
    marks = [_marks(each) for each in sure]
    # Refused at each threshold (t, n): the answers for which the next model is asked.
    refused = [
        (each[None, :] < mark[:, None]).astype(float)
        for each, mark in zip(sure, marks, strict=True)
    ]
    for length in range(1, min(MOST_STAGES, len(columns)) + 1):
        for chain in permutations(range(len(columns)), length):
            if length == 1:
                (a,) = chain
                yield _Tried(chain, (), np.array(s[a].mean()), np.array(c[a].mean()))
                continue
            a, b = chain[0], chain[1]
            kept, left = (1 - refused[a]) @ s[a], refused[a]
            if length == 2:
                score, cost = kept + left @ s[b], judged[a].sum() + left @ c[b]
                yield _Tried(chain, (marks[a],), score / n, cost / n)
                continue
            z = chain[2]
            taken = 1 - refused[b]
            score = kept[:, None] + (left * s[b]) @ taken.T + (left * s[z]) @ refused[b].T
            cost = judged[a].sum() + (left @ judged[b])[:, None] + (left * c[z]) @ refused[b].T
            yield _Tried(chain, (marks[a], marks[b]), score / n, cost / n)


def _marks(sure: Floats) -> Floats:
    """At most ``THRESHOLDS`` quantiles of the calibrated verdicts, the lowest refusing nobody."""
    return np.unique(np.quantile(sure, np.linspace(0, 1, THRESHOLDS), method="nearest"))


def _best(
    table: Judged, names: tuple[str, ...], tried: list[_Tried], budget: float, cheapest: float
) -> Cascade:
    best: tuple[float, float, _Tried, int] | None = None
    for each in tried:
        fits = np.where(each.costs.ravel() <= budget + _TIE, each.scores.ravel(), -np.inf)
        at = int(fits.argmax())
        score, cost = float(fits[at]), float(each.costs.ravel()[at])
        # Shorter chains come first: a longer one must be better, or as good and cheaper.
        if np.isfinite(score) and (
            best is None
            or score > best[0] + _TIE
            or (score > best[0] - _TIE and cost < best[1] - _TIE)
        ):
            best = (score, cost, each, at)
    if best is None:
        raise DataError(
            f"no model answers for {budget:g} USD a prompt; the cheapest takes {cheapest:g}"
        )
    chosen, at = best[2], best[3]
    place = np.unravel_index(at, chosen.scores.shape)
    stages = tuple(names[position] for position in chosen.chain)
    draft = Cascade(
        stages=stages,
        thresholds=tuple(float(m[i]) for m, i in zip(chosen.marks, place, strict=True)),
        calibration=calibrate(table, table.columns(stages)),
        trained=CascadePoint(np.nan, np.nan, np.nan),
    )
    return Cascade(draft.stages, draft.thresholds, draft.calibration, draft.evaluate(table))
