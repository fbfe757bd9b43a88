"""What is to be fitted: every data set x regime x fold x router, each under its own key.

A key follows from all that a fit follows from: the data, the regime, the rows of the fold, the
router with its parameters and the file that defines it, and the version of Routewright. What
stands on disk under it needn't be made again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

import numpy as np

from routewright import __version__
from routewright.bench.entrants import FITTED, Entrant, fitted_baselines
from routewright.bench.results import Regime
from routewright.bench.tables import Table
from routewright.data.regimes import Fold
from routewright.data.regimes import folds as folds_of
from routewright.errors import DataError

SHUFFLED = "shuffled"
"""Name of the control: a router fitted on outcomes that belong to other prompts."""

SHUFFLES = 5
"""Such fits that a section has at least: by one alone nobody can tell a leak from luck."""

# Roughly what a fit takes for each training prompt; unknown routers are taken to be slow.
_WEIGHTS = {
    "cost-only": 0.1,
    "length": 0.2,
    "task": 0.1,
    "ridge": 1.0,
    "knn": 1.5,
    "kmeans": 1.5,
    "stack": 8.0,
}
_UNKNOWN = 6.0


@dataclass(frozen=True)
class Job:
    """One fit: a router on one fold.

    Attributes:
        key: name of its file.
        name: in the leaderboard.
        entrant: the router.
        seed: that the router is made with.
        shuffled: which shuffle of the outcomes it learns from, counted from 1; 0 is none.
        weight: about how long it takes, against the others.
    """

    key: str
    name: str
    entrant: Entrant
    seed: int
    shuffled: int
    weight: float


@dataclass(frozen=True, eq=False)
class FoldJobs:
    """The fits of one fold: they share what is seen of its texts, so one process makes them."""

    path: Path
    data: str
    fold: Fold
    jobs: tuple[Job, ...]

    @property
    def weight(self) -> float:
        """About how long they take."""
        return sum(job.weight for job in self.jobs)


@dataclass(frozen=True, eq=False)
class Part:
    """One data set in one regime: a section to be.

    Attributes:
        table: the data set.
        regime: how it is parted.
        folds: one entry a fold; none where the data can't give the regime.
        skipped: why, in that case.
    """

    table: Table
    regime: Regime
    folds: tuple[FoldJobs, ...]
    skipped: tuple[str, ...] = ()


def plan(
    tables: Sequence[Table],
    entrants: Sequence[Entrant],
    *,
    regimes: Sequence[Regime],
    seeds: Sequence[int],
    holdout: float = 0.3,
    shown: int = 300,
) -> tuple[Part, ...]:
    """All fits of a run.

    Routers are made with the fold's seed: the one that drew it, or the first for folds that no
    seed draws.

    Raises:
        ConfigError: an unknown regime, no seed, or a share out of range.
    """
    return tuple(
        _part(table, regime, entrants, tuple(seeds), holdout, shown)
        for table in tables
        for regime in regimes
    )


def dealt(parts: Sequence[Part], done: set[str], *, hands: int) -> list[FoldJobs]:
    """What is left to do, longest first; a fold is parted only where processes would idle."""
    left = [
        replace(each, jobs=tuple(job for job in each.jobs if job.key not in done))
        for part in parts
        for each in part.folds
    ]
    left = [each for each in left if each.jobs]
    while left and len(left) < hands:
        largest = max((each for each in left if len(each.jobs) > 1), key=_weight, default=None)
        if largest is None:
            break
        left.remove(largest)
        left += _halves(largest)
    return sorted(left, key=_weight, reverse=True)


def _weight(each: FoldJobs) -> float:
    return each.weight


def _halves(whole: FoldJobs) -> Iterator[FoldJobs]:
    jobs = sorted(whole.jobs, key=lambda job: job.weight, reverse=True)
    yield replace(whole, jobs=tuple(jobs[::2]))
    yield replace(whole, jobs=tuple(jobs[1::2]))


def _part(
    table: Table,
    regime: Regime,
    entrants: Sequence[Entrant],
    seeds: tuple[int, ...],
    holdout: float,
    shown: int,
) -> Part:
    data = table.data
    try:
        folds = folds_of(
            data, regime, seeds=seeds, holdout=holdout, shown=shown, groups=data.groups
        )
    except DataError as error:
        return Part(table, regime, (), (str(error),))
    tasks = len(np.unique(data.tasks)) > 1
    skipped = [
        f"{each.name}: the prompts of {table.name} are not of different tasks"
        for each in entrants
        if each.name == "task" and not tasks
    ]
    able = [each for each in entrants if each.name != "task" or tasks]
    if not able:
        return Part(table, regime, (), tuple(skipped))
    drawn = regime in ("in-distribution", "new-model")
    times = math.ceil(SHUFFLES / len(folds))
    made: list[FoldJobs] = []
    for at, fold in enumerate(folds):
        usable = np.flatnonzero(data.complete[fold.test])
        if not len(usable):
            skipped.append(f"{fold.name}: no test prompt has a score and a cost of every model")
            continue
        seed = seeds[at] if drawn else seeds[0]
        here = _Here(table.digest, regime, fold, seed, len(fold.train))
        jobs = [here.job(each) for each in (*able, *fitted_baselines(able, tasks=tasks))]
        learned = next((each for each in able if each.name not in FITTED), None)
        jobs += [here.job(learned or able[0], shuffled=1 + turn) for turn in range(times)]
        made.append(FoldJobs(table.path, table.name, fold, tuple(jobs)))
    return Part(table, regime, tuple(made), tuple(skipped))


@dataclass(frozen=True, eq=False)
class _Here:
    digest: str
    regime: str
    fold: Fold
    seed: int
    prompts: int

    def job(self, entrant: Entrant, *, shuffled: int = 0) -> Job:
        weight = self.prompts * _WEIGHTS.get(entrant.name, _UNKNOWN)
        name = f"{SHUFFLED} {shuffled}" if shuffled else entrant.name
        return Job(self._key(entrant, shuffled), name, entrant, self.seed, shuffled, weight)

    def _key(self, entrant: Entrant, shuffled: int) -> str:
        told = {
            "version": __version__,
            "data": self.digest,
            "regime": self.regime,
            "fold": self.fold.name,
            "hidden": self.fold.hidden_model,
            "router": entrant.name,
            "symbol": entrant.symbol,
            "source": entrant.digest,
            "params": repr(entrant.make(self.seed).params()),
            "shuffled": shuffled,
        }
        digest = blake2b(json.dumps(told, sort_keys=True).encode(), digest_size=16)
        none = np.empty(0, dtype=np.intp)
        for rows in (self.fold.train, self.fold.test, self.fold.shown):
            part = np.asarray(none if rows is None else rows, dtype="<i8").tobytes()
            digest.update(len(part).to_bytes(8, "little") + part)
        return digest.hexdigest()
