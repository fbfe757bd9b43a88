"""One fold's fits in a process of their own: fit, predict, measure, write."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from routewright.bench import fits, tables
from routewright.bench.plan import FoldJobs, Job
from routewright.data.routing_data import MATRICES, RoutingData
from routewright.encoders.memo import Memo, remembering
from routewright.errors import DataError, RoutewrightError
from routewright.routers.base import BaseRouter, Predictions
from routewright.routers.table import column_means
from routewright.routers.worth import best_worth, out_of_fold
from routewright.types import Prompt

TIMED = 50
"""Test prompts that decisions are timed on, one at a time."""

OWN_FOLDS = 5
"""Out-of-fold folds for the package's routers: the stack's own, whose text spaces they share."""

FOREIGN_FOLDS = 2
"""For other routers, which may take hours to fit: two more halves of a fit."""


@dataclass(frozen=True)
class Failure:
    """A fit that came to nothing: its key, and why in one line."""

    key: str
    reason: str


def run(work: FoldJobs, folder: Path) -> tuple[Failure, ...]:
    """Make the fits of one fold, each written as soon as it is done.

    What is there already is passed over.
    """
    missing = tuple(job for job in work.jobs if not fits.path_of(folder, job.key).is_file())
    failures: list[Failure] = []
    for job, made in make(replace(work, jobs=missing), _data(work.path, work.data)):
        if isinstance(made, Failure):
            failures.append(made)
        else:
            fits.write(fits.path_of(folder, job.key), made)
    return tuple(failures)


def make(work: FoldJobs, data: RoutingData) -> Iterator[tuple[Job, fits.Fit | Failure]]:
    """The fits of one fold of these data; a router's exception fails its own fit and no other."""
    memo = _memo()
    memo.forget(texts=False)
    training, testing = work.fold.training(data), work.fold.testing(data)
    for job in work.jobs:
        try:
            yield job, _fitted(job, training, testing, memo)
        except Exception as error:
            yield job, Failure(job.key, reason_of(error))


def reason_of(error: Exception) -> str:
    """An exception in one line."""
    told = " ".join(str(error).split())
    return told if isinstance(error, RoutewrightError) else f"{type(error).__name__}: {told}"


def shuffled(data: RoutingData, seed: int | Sequence[int]) -> RoutingData:
    """The same prompts with outcomes of other prompts: what a router can't learn anything from.

    Groups stand in a random circle and every one takes over the outcomes of the one before it,
    so that what prompts of one group have in common stays together. Whole rows move: costs tell
    nothing about the prompt either.
    """
    rng = np.random.default_rng(seed)
    names, code = np.unique(data.groups, return_inverse=True)
    place = rng.permutation(len(names))[code.reshape(-1)]
    if len(names) == 1:
        names, place = np.arange(len(data)), rng.permutation(len(data))
    source = np.empty(len(data), dtype=np.intp)
    after = (place + 1) % len(names)
    source[np.argsort(place, kind="stable")] = np.argsort(after, kind="stable")
    return replace(data, **{name: getattr(data, name)[source] for name in MATRICES})


@cache
def _memo() -> Memo:
    return Memo()


@lru_cache(maxsize=1)
def _data(path: Path, name: str) -> RoutingData:
    _memo().forget()
    return tables.read(path, name)


def _fitted(job: Job, training: RoutingData, testing: RoutingData, memo: Memo) -> fits.Fit:
    router = job.entrant.make(job.seed)
    with remembering(memo):
        # CPU time, of which work beside it takes nothing; a fit runs in one process.
        saved, started = memo.saved_s, time.process_time()
        router.fit(shuffled(training, [job.seed, job.shuffled]) if job.shuffled else training)
        fit_s = time.process_time() - started + memo.saved_s - saved
        told = router.predict(testing.prompts)
        _refuse_nonsense(told, len(testing), training.models)
        worth = math.inf if job.shuffled else _worth(router, training)
    costs = np.asarray(told.costs, dtype=np.float64)
    if job.shuffled:
        # That a long prompt costs more is known without any outcome, and pays: not null.
        costs = np.tile(column_means(training.costs, pessimist=1), (len(testing), 1))
    p50, p95 = _decision_ms(router, testing.prompts)
    return fits.Fit(
        np.asarray(told.scores, dtype=np.float64),
        costs,
        fits.Facts(
            models=told.models,
            worth_usd=worth,
            fit_s=fit_s,
            decision_ms_p50=p50,
            decision_ms_p95=p95,
            artefact_bytes=_artefact_bytes(router),
            encoder_saw=_encoder_saw(router, testing.prompts),
        ),
        getattr(told, "decision_costs", None),  # a plug-in may know nothing of it
    )


def _refuse_nonsense(told: Predictions, n: int, models: tuple[str, ...]) -> None:
    if told.models != models:
        raise DataError(f"predictions are for models {told.models}, not {models}")
    for name in ("scores", "costs"):
        matrix: NDArray[np.float64] = np.asarray(getattr(told, name))
        if matrix.shape != (n, len(models)):
            raise DataError(f"predicted {name} have shape {matrix.shape}, not {(n, len(models))}")
        if not np.isfinite(matrix).all():
            raise DataError(f"predicted {name} are not all finite")


def _worth(router: BaseRouter, data: RoutingData) -> float | None:
    """The recommended setting, by predictions for training prompts that didn't teach them."""
    if router.recommended_worth_usd_ is not None:
        return router.recommended_worth_usd_
    own = type(router).__module__.startswith("routewright.")
    told = router.out_of_fold_
    try:
        if told is None:
            told = out_of_fold(router, data, folds=OWN_FOLDS if own else FOREIGN_FOLDS)
        return best_worth(told, data)
    except DataError:
        return None  # too few complete prompts, or one group: nothing to pick by


def _decision_ms(router: BaseRouter, prompts: Sequence[Prompt]) -> tuple[float, float]:
    """Median and 95th percentile of a decision's CPU time, with nothing remembered."""
    taken: list[float] = []
    for prompt in prompts[:TIMED]:
        started = time.process_time()
        router.predict([prompt])
        taken.append(1000 * (time.process_time() - started))
    p50, p95 = np.quantile(taken, [0.5, 0.95], method="inverted_cdf").tolist()
    return p50, p95


def _artefact_bytes(router: BaseRouter) -> int | None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "router"
        try:
            router.save(path)
        except Exception:
            return None  # it can route without it
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def _encoder_saw(router: BaseRouter, prompts: Sequence[Prompt]) -> int | None:
    space = getattr(router, "space_", None)
    met = None if space is None else space.met(prompts)
    return None if met is None else int(met.sum())
