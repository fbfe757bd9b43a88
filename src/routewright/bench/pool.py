"""Fits in several processes: none outlives the run, and none starts more threads than one."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import wait as wait_for
from pathlib import Path
from typing import Protocol

from routewright.bench import fits
from routewright.bench.fit import Failure, run
from routewright.bench.plan import FoldJobs
from routewright.errors import RoutewrightError

LOOK_S = 0.5
"""Seconds between two looks at what has been written."""

_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


def processors() -> int:
    """How many processors this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


class Hands(Protocol):
    """Whoever makes fits."""

    @property
    def count(self) -> int:
        """How many are made at one time."""
        ...

    def fit_all(
        self, work: Sequence[FoldJobs], folder: Path, advance: Callable[[str], None]
    ) -> tuple[Failure, ...]:
        """Make all fits; a function is told each one that was written or failed.

        Raises:
            RoutewrightError: a process died; what was written stays.
        """
        ...


@dataclass(frozen=True)
class Processes:
    """As many processes of this machine."""

    count: int

    def fit_all(
        self, work: Sequence[FoldJobs], folder: Path, advance: Callable[[str], None]
    ) -> tuple[Failure, ...]:
        """See ``Hands``."""
        return _fit_all(work, folder, self.count, advance)


def note_of(work: Sequence[FoldJobs]) -> dict[str, str]:
    """Data and router of each fit, by its key."""
    return {job.key: f"{each.data} {job.name}" for each in work for job in each.jobs}


def _fit_all(
    work: Sequence[FoldJobs], folder: Path, processes: int, advance: Callable[[str], None]
) -> tuple[Failure, ...]:
    if not work:
        return ()
    waiting = note_of(work)
    failures: list[Failure] = []

    def look() -> None:
        for key in (waiting.keys() & fits.keys_in(folder)) | {each.key for each in failures}:
            note = waiting.pop(key, None)
            if note is not None:
                advance(note)

    with _one_thread_each():
        # Spawned: a forked child would inherit locks and threads of numerical libraries.
        executor = ProcessPoolExecutor(
            max_workers=min(processes, len(work)),
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_prepare,
        )
        try:
            open_: set[Future[tuple[Failure, ...]]]
            open_ = {executor.submit(run, each, folder) for each in work}
            while open_:
                done, open_ = wait(open_, timeout=LOOK_S, return_when=FIRST_COMPLETED)
                for future in done:
                    failures += future.result()
                look()
        except BrokenProcessPool as error:
            raise RoutewrightError(
                "a process died while fitting, perhaps for want of memory; run the same command "
                "again to go on where it stopped, with a smaller --jobs"
            ) from error
        finally:
            executor.shutdown(wait=True, cancel_futures=True)
    return tuple(sorted(failures, key=lambda each: each.key))


@contextmanager
def _one_thread_each() -> Generator[None]:
    """Let processes that start within the block use one thread for linear algebra."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _prepare() -> None:
    """Set a worker up: end with the run, and leave standard output to the run's own words."""
    os.dup2(sys.stderr.fileno(), 1)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    # A run that is killed can't tell its workers; they would wait for work for ever.
    wait_for([sentinel])
    os._exit(1)
