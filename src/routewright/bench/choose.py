"""Which router to train: the simplest that is within one standard error of the best.

Candidates are compared by cross-validation over groups of prompts, on training prompts alone. A
candidate counts only where it is above the zero router beyond luck; where none is, the zero
router is taken. Of those left the simplest wins whose distance to the best is no more than one
standard error of that distance (Breiman et al. 1984, section 3.4.3, with paired errors): a more
complex router has to earn its place.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routewright import routers
from routewright.bench.fit import reason_of
from routewright.data.routing_data import RoutingData
from routewright.encoders.memo import Memo, remembering
from routewright.errors import DataError
from routewright.evaluation.contest import Contest
from routewright.evaluation.policies import routed
from routewright.metrics.bootstrap import Draws
from routewright.routers.base import BaseRouter, Predictions
from routewright.routers.folds import group_folds
from routewright.routers.table import column_means, score_means

Floats = NDArray[np.float64]

FOLDS = 5
LEVEL = 0.05
"""Chance that luck alone passes for skill in any candidate."""

FEWEST = 30  # complete prompts below which no difference can be told from luck
REPLICATES = 1_000

_TOO_SLOW = "doesn't fit into the time limit"


@dataclass(frozen=True)
class Candidate:
    """One router in the comparison.

    Attributes:
        name: of the router.
        minus_zero: mean height of its cost-quality curve less that of the blind mix of models,
            on prompts that its copies didn't learn from; None where it was passed over.
        error: standard error of that difference.
        skipped: why it was passed over, empty where it wasn't.
        fit_s: seconds that one fold's fit takes on its own; 0 where none was made.
    """

    name: str
    minus_zero: float | None = None
    error: float | None = None
    skipped: str = ""
    fit_s: float = 0.0


@dataclass(frozen=True)
class Choice:
    """What was chosen, and why.

    Attributes:
        chosen: name of the router to train.
        best: name of the one with the largest difference.
        reason: in a sentence.
        candidates: all of them, simplest first.
        prompts: complete training prompts that they were compared on.
        folds: of the cross-validation.
    """

    chosen: str
    best: str
    reason: str
    candidates: tuple[Candidate, ...]
    prompts: int
    folds: int

    def to_dict(self) -> dict[str, Any]:
        """As JSON for an artefact: without seconds, so that equal training gives equal bytes."""
        told = asdict(self)
        for candidate in told["candidates"]:
            del candidate["fit_s"]
            if _TOO_SLOW in candidate["skipped"]:
                candidate["skipped"] = _TOO_SLOW
        return told

    def lines(self) -> Iterator[str]:
        """The comparison as a table for the terminal."""
        wide = max(len(each.name) for each in self.candidates)
        yield f"{'router':<{wide}}  minus zero ± error   fit s"
        for each in self.candidates:
            roles = (("best", self.best), ("chosen", self.chosen))
            mark = ", ".join(role for role, name in roles if name == each.name)
            if each.minus_zero is None or each.error is None:
                yield f"{each.name:<{wide}}  skipped: {each.skipped}"
                continue
            told = f"{each.minus_zero:+10.4f} ± {each.error:.4f}  {each.fit_s:7.2f}"
            yield f"{each.name:<{wide}}  {told}  {mark}".rstrip()
        yield self.reason


def candidates() -> tuple[str, ...]:
    """The routers that compete, simplest first: plug-ins and those of unknown depth last."""
    depth = {name: _complexity(name) for name in routers.names()}
    known = [
        (level, at, name) for at, (name, level) in enumerate(depth.items()) if level is not None
    ]
    return tuple(name for _, _, name in sorted(known))


def _complexity(name: str) -> int | None:
    try:
        kind = routers.kind(name)
        return None if kind.fine_tuned else kind.complexity
    except Exception:  # a plug-in that can't be loaded is passed over with its reason, not silently
        return BaseRouter.complexity


def choose(
    data: RoutingData,
    *,
    names: Sequence[str] | None = None,
    groups: NDArray[np.str_] | None = None,
    time_limit_s: float = 600.0,
    folds: int = FOLDS,
    seed: int = 0,
    clock: Callable[[], float] = time.monotonic,
    progress: Callable[[str], None] | None = None,
) -> Choice:
    """Compare routers on training data and choose one.

    A fit that has begun is not broken off; whether the next one still fits into the time is asked
    before each, and a candidate whose first fold shows that the rest of its folds and the final
    fit won't is passed over.

    Args:
        data: training prompts; no other prompt may be in it.
        names: routers to compare, simplest first; the zero router always takes part.
        groups: for each prompt its group (n,), in place of the data's own.
        time_limit_s: for all fits together, in seconds.
        folds: of the cross-validation.
        seed: of folds, routers and bootstrap.
        clock: seconds that pass.
        progress: is told the name of every candidate that is done.

    Raises:
        ConfigError: an unknown router.
    """
    started = clock()
    own = data.groups if groups is None else groups
    asked = candidates() if names is None else tuple(names)
    asked = ("zero", *(name for name in asked if name != "zero"))
    parts = group_folds(own, folds, seed)
    complete = int(data.complete.sum())
    if complete < FEWEST or len(parts) < 2:
        why = f"{complete} prompts in {len(np.unique(own))} groups have every score and cost"
        return Choice(
            chosen="zero",
            best="zero",
            reason=f"no evidence of skill: {why}, too few to tell skill from luck",
            candidates=tuple(Candidate(name, skipped="too few prompts") for name in asked),
            prompts=complete,
            folds=len(parts),
        )
    race = _Race(data, own, parts, seed, clock, started + time_limit_s)
    found: list[tuple[Candidate, Floats | None]] = []
    with remembering(race.memo):
        for name in asked:
            found.append(race.run(name))
            if progress is not None:
                progress(name)
    return _decide(found, complete, len(parts))


@dataclass(frozen=True, eq=False)
class _Race:
    data: RoutingData
    groups: NDArray[np.str_]
    parts: Sequence[NDArray[np.intp]]
    seed: int
    clock: Callable[[], float]
    deadline: float
    memo: Memo = field(default_factory=Memo)

    def run(self, name: str) -> tuple[Candidate, Floats | None]:
        """A candidate, and its difference in every replicate (1 + B,) where it came through."""
        try:
            told, fit_s = self._out_of_fold(name)
        except _TooSlowError as slow:
            return Candidate(name, skipped=f"{_TOO_SLOW}: {slow}"), None
        except Exception as error:  # one router's failure is not that of the others
            return Candidate(name, skipped=reason_of(error)), None
        try:
            drawn = self._measured(name, told)
        except (ValueError, DataError) as error:
            return Candidate(name, skipped=reason_of(error), fit_s=fit_s), None
        return Candidate(name, float(drawn[0]), _error(drawn), fit_s=fit_s), drawn

    def _out_of_fold(self, name: str) -> tuple[Predictions, float]:
        scores, costs = np.zeros(self.data.scores.shape), np.zeros(self.data.scores.shape)
        spent: list[float] = []
        saved = self.memo.saved_s  # with what the memo saved, the time is that of a fit alone
        for at, held in enumerate(self.parts):
            left = self.deadline - self.clock()
            if left <= 0:
                raise _TooSlowError("no time is left")
            # The folds to come and the final fit, on a little more data.
            need = spent[0] * (len(self.parts) - at + 1.25) if spent else 0.0
            if name != "zero" and need > left:
                raise _TooSlowError(
                    f"a fold took {spent[0]:.1f} s, the rest would need {need:.0f} s of the "
                    f"{left:.0f} s left"
                )
            begun = self.clock()
            train = self.data.subset(np.setdiff1d(np.arange(len(self.data)), held))
            router = routers.make(name, seed=self.seed).fit(train)
            told = router.predict([self.data.prompts[int(row)] for row in held])
            spent.append(self.clock() - begun)
            scores[held], costs[held] = told.scores, told.costs
        seconds = (sum(spent) + self.memo.saved_s - saved) / len(spent)
        return Predictions(self.data.models, scores, costs, np.zeros_like(scores)), seconds

    def _measured(self, name: str, told: Predictions) -> Floats:
        rows = np.flatnonzero(self.data.complete)
        contest = Contest(
            models=self.data.models,
            scores=self.data.scores[rows],
            costs=self.data.costs[rows],
            draws=Draws.over(self.groups[rows], replicates=REPLICATES, seed=self.seed),
            # Picked on the very prompts of the test: if anything, this helps the opponent.
            train_points=np.column_stack(
                [column_means(self.data.costs, pessimist=1), score_means(self.data)]
            ),
        )
        policy = routed(contest, name, told.scores[rows], told.costs[rows])
        return next(iter(contest.measure([policy]))).minus_zero


class _TooSlowError(Exception):
    """A candidate would run past the time limit."""


def _decide(found: Sequence[tuple[Candidate, Floats | None]], prompts: int, folds: int) -> Choice:
    every = tuple(candidate for candidate, _ in found)
    drawn = {candidate.name: draws for candidate, draws in found if draws is not None}
    zero = drawn.get("zero")

    def choice(chosen: str, best: str, reason: str) -> Choice:
        return Choice(chosen, best, reason, every, prompts, folds)

    if zero is None or len(drawn) == 1:
        return choice("zero", "zero", "no evidence of skill: no candidate could be compared")
    best = max(drawn, key=lambda name: (drawn[name][0], name == "zero"))
    # Where models are alike, the one that leads in a fold's training trails in its test: a zero
    # router of such folds looks worse than it is. So the blind mix, at 0, must be beaten as well.
    blind = np.maximum(zero, 0.0)
    gains = {name: draws - blind for name, draws in drawn.items() if name != "zero"}
    bar = NormalDist().inv_cdf(1 - LEVEL / len(gains))
    skilled = [name for name, gain in gains.items() if gain[0] > bar * _error(gain) + 1e-12]
    if not skilled:
        name = max(gains, key=lambda name: gains[name][0])
        return choice(
            "zero",
            best,
            f"no evidence of skill: {name} is {gains[name][0]:+.4f} ± {_error(gains[name]):.4f} "
            f"against the zero router, and luck among {len(gains)} candidates reaches "
            f"{bar:.1f} standard errors; the zero router is taken",
        )
    best = max(skilled, key=lambda name: drawn[name][0])
    behind = {name: drawn[best] - drawn[name] for name in skilled}
    chosen = next(
        name for name in skilled if behind[name][0] <= _error(behind[name]) or name == best
    )
    if chosen == best:
        return choice(chosen, best, f"{chosen} is best, and no simpler router comes near")
    gap = behind[chosen]
    return choice(
        chosen,
        best,
        f"{chosen} is the simplest within one standard error of the best: {best} is ahead by "
        f"{gap[0]:.4f} ± {_error(gap):.4f}",
    )


def _error(drawn: Floats) -> float:
    """Standard error of a figure from its replicates (1 + B,)."""
    return float(np.nanstd(drawn[1:], ddof=1))
