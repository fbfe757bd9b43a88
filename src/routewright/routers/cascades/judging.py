"""Answers with a judge's score of each: what cascades learn from and are measured on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from routewright.data.routing_data import RoutingData
from routewright.errors import DataError
from routewright.metrics import hull_members
from routewright.routers.calibration import Calibration, fit_isotonic

Floats = NDArray[np.float64]

MOST_MODELS = 6


@dataclass(frozen=True, eq=False)
class Judged:
    """What each model's answer to each prompt earned and cost, and what a judge said of it.

    Attributes:
        models: m names.
        scores: realised scores (n, m); what counts in the end.
        costs: costs of the answers (n, m) in US dollars.
        verdicts: the judge's scores (n, m), higher is better; all that a cascade sees.
        judge_costs: costs of the verdicts (n, m) in US dollars.
        rows: which rows of the routing data these are (n,).
    """

    models: tuple[str, ...]
    scores: Floats
    costs: Floats
    verdicts: Floats
    judge_costs: Floats
    rows: NDArray[np.intp]

    @classmethod
    def of(cls, data: RoutingData, verdicts: ArrayLike, *, judge_cost_usd: ArrayLike = 0.0) -> Self:
        """The prompts of which every answer has a score, a cost and a verdict.

        Args:
            data: realised scores and costs.
            verdicts: a judge's scores (n, m), NaN where an answer was not judged.
            judge_cost_usd: of a verdict, one for all or any shape that spreads to (n, m).

        Raises:
            DataError: shapes differ, a negative cost, or no prompt that is complete.
        """
        told = np.asarray(verdicts, dtype=np.float64)
        if told.shape != data.scores.shape:
            raise DataError(
                f"{data.name}: verdicts have shape {told.shape}, need {data.scores.shape}"
            )
        try:
            paid = np.broadcast_to(np.asarray(judge_cost_usd, dtype=np.float64), told.shape)
        except ValueError as error:
            raise DataError(f"{data.name}: judge_cost_usd: {error}") from error
        if not (paid >= 0).all():
            raise DataError(f"{data.name}: judge_cost_usd must be 0 or more")
        rows = np.flatnonzero(data.complete & np.isfinite(told).all(axis=1))
        if not rows.size:
            raise DataError(f"{data.name}: no prompt has every score, cost and verdict")
        return cls(
            models=data.models,
            scores=data.scores[rows],
            costs=data.costs[rows],
            verdicts=told[rows],
            judge_costs=paid[rows],
            rows=rows,
        )

    def columns(self, names: tuple[str, ...]) -> list[int]:
        """The columns of these models.

        Raises:
            DataError: a name that is not there.
        """
        missing = [name for name in names if name not in self.models]
        if missing:
            raise DataError(f"no model {missing[0]!r}; there are {', '.join(self.models)}")
        return [self.models.index(name) for name in names]

    def candidates(self, most: int = MOST_MODELS) -> tuple[str, ...]:
        """At most so many models worth chaining, by rising mean cost.

        Those that make up the zero router first, then the best of the others.
        """
        means = np.column_stack([self.costs.mean(axis=0), self.scores.mean(axis=0)])
        hull = list(hull_members(means))
        others = [int(c) for c in np.argsort(-means[:, 1], kind="stable") if c not in hull]
        taken = (hull[-most:] + others)[:most]
        return tuple(self.models[c] for c in sorted(taken, key=lambda c: means[c, 0]))


def simulated_verdicts(
    scores: ArrayLike, error: float, *, passing: float = 1.0, seed: int = 0
) -> Floats:
    """Verdicts of RouterBench's judge (n, m): 1 where score >= passing, wrong at this rate.

    Args:
        scores: realised scores (n, m); NaN gives NaN.
        error: chance of a wrong verdict, 0 to 1.
        passing: the score from which an answer is right.
        seed: of the errors.

    Raises:
        DataError: an error rate out of [0, 1].
    """
    if not 0 <= error <= 1:
        raise DataError(f"a judge's error must be from 0 to 1, not {error}")
    given = np.asarray(scores, dtype=np.float64)
    wrong = np.random.default_rng(seed).random(given.shape) < error
    return np.where(np.isfinite(given), (given >= passing) ^ wrong, np.nan)


def calibrate(table: Judged, columns: list[int]) -> Calibration:
    """Verdict → expected score, a rising map for each of these columns (isotonic regression)."""
    return fit_isotonic(table.verdicts[:, columns], table.scores[:, columns])
