"""A whole run: data sets and routers in, a leaderboard out, resumable at any moment."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from routewright import __version__
from routewright.bench import fits
from routewright.bench.entrants import entrants
from routewright.bench.plan import Part, dealt, plan
from routewright.bench.pool import Hands, Processes, processors
from routewright.bench.results import Leaderboard, Regime
from routewright.bench.standings import corrected, section
from routewright.bench.table import render_text
from routewright.bench.tables import prepare
from routewright.data.regimes import REGIMES
from routewright.data.regimes import seeds as first_seeds
from routewright.data.routing_data import RoutingData
from routewright.errors import ConfigError, DataError, MissingExtraError
from routewright.metrics.bootstrap import REPLICATES

TABLES = "data"
JSON = "leaderboard.json"
TEXT = "leaderboard.txt"
REPORT = "report.html"

Advance = Callable[[str], None]


class Watch(Protocol):
    """Shows how far a stage is: gives a function that is told each step that is done."""

    def __call__(self, verb: str, *, total: int, done: int) -> AbstractContextManager[Advance]:
        """Open the stage ``verb`` of ``total`` steps, ``done`` of which stand already."""
        ...


@dataclass(frozen=True)
class Run:
    """What a run did.

    Attributes:
        board: the leaderboard, as it was written.
        found: fits that stood on disk.
        fitted: fits that were made.
        failed: reason by key of those that came to nothing; the next run tries them again.
        report: the HTML page; None without the extra ``report``.
    """

    board: Leaderboard
    found: int
    fitted: int
    failed: dict[str, str]
    report: Path | None


def bench(
    data: Sequence[str | Path | RoutingData],
    routers: str | Sequence[str] = "all",
    *,
    out: str | Path,
    files: Sequence[str] = (),
    models: Sequence[str] | None = None,
    regimes: Sequence[str] | None = None,
    seeds: int = 5,
    holdout: float = 0.3,
    shown: int = 300,
    replicates: int = REPLICATES,
    jobs: int | None = None,
    hands: Hands | None = None,
    watch: Watch | None = None,
) -> Run:
    """Compare routers on data sets, and write ``leaderboard.json``, ``.txt`` and ``report.html``.

    What was fitted stands in ``out/fits`` and isn't fitted again: a run that was killed goes on
    where it stopped, and a router that is added is the only one to be fitted. Fits run in
    processes that are spawned, so a script calls this under ``if __name__ == "__main__"``.

    Args:
        data: routing data, or where to load it from; see ``RoutingData.load``.
        routers: names, or ``all``.
        out: the folder of the run.
        files: ``path/to/file.py:Class`` of routers that aren't registered; the files are run.
        models: only these models.
        regimes: of ``data.regimes.REGIMES``; by default all that the data allow.
        seeds: how many.
        holdout: share of the prompts to test on, where the regime leaves it open.
        shown: outcomes of a new model that are known.
        replicates: of the bootstrap.
        jobs: processes; by default as many as there are processors.
        hands: instead of processes of this machine, such as a cluster's workers.
        watch: shows the progress.

    Raises:
        ConfigError: an unknown name or an impossible argument.
        DataError: data that cannot be read, or that allow none of the regimes.
        UnknownModelError: data without one of ``models``.
        RoutewrightError: a process died.
    """
    if replicates < 1 or (jobs is not None and jobs < 1):
        raise ConfigError(f"replicates and jobs must be 1 or more, not {replicates} and {jobs}")
    named = entrants(routers, files)
    drawn = first_seeds(seeds)
    folder = Path(out)
    tables = prepare(data, folder / TABLES, models=models)
    parts = plan(
        tables, named, regimes=_regimes(regimes), seeds=drawn, holdout=holdout, shown=shown
    )
    if not any(part.folds for part in parts):
        raise DataError("; ".join(reason for part in parts for reason in part.skipped))
    open_stage: Watch = watch or _unwatched
    failed, found = _fit(
        parts, folder / fits.FOLDER, hands or Processes(jobs or processors()), open_stage
    )
    total = sum(len(part.folds) for part in parts)
    with open_stage("measuring", total=total, done=0) as advance:
        sections = [
            section(
                part,
                folder / fits.FOLDER,
                failed,
                routers=[each.name for each in named],
                replicates=replicates,
                advance=advance,
            )
            for part in parts
        ]
    done, claims = corrected(sections)
    board = Leaderboard(
        version=__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seeds=drawn,
        replicates=replicates,
        routers=tuple(each.name for each in named),
        claims=claims,
        sections=done,
    )
    wanted = sum(len(each.jobs) for part in parts for each in part.folds)
    return Run(board, found, wanted - found - len(failed), failed, _write(board, folder))


def _regimes(asked: Sequence[str] | None) -> tuple[Regime, ...]:
    known: dict[str, Regime] = {each: each for each in REGIMES}  # pyright: ignore[reportAssignmentType] - the names are those of the type
    unknown = [each for each in asked or () if each not in known]
    if unknown:
        raise ConfigError(f"no regime {unknown[0]!r}; there are {', '.join(REGIMES)}")
    return tuple(known[each] for each in dict.fromkeys(asked or REGIMES))


def _fit(
    parts: Sequence[Part], folder: Path, hands: Hands, watch: Watch
) -> tuple[dict[str, str], int]:
    """Make what is missing; give what failed, and how many fits stood there already."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{folder}: {error.strerror or error}; name another --out") from error
    wanted = {job.key for part in parts for each in part.folds for job in each.jobs}
    done = wanted & fits.keys_in(folder)
    work = dealt(parts, done, hands=hands.count)
    if not work:
        return {}, len(done)
    with watch("fitting", total=len(wanted), done=len(done)) as advance:
        failures = hands.fit_all(work, folder, advance)
    return {each.key: each.reason for each in failures}, len(done)


def _write(board: Leaderboard, folder: Path) -> Path | None:
    _replace(folder / JSON, json.dumps(board.to_dict(), indent=1, allow_nan=False) + "\n")
    _replace(folder / TEXT, render_text(board))
    from routewright.bench.page.report import write_report

    try:
        return write_report(board, folder / REPORT)
    except MissingExtraError:
        return None


def _replace(path: Path, text: str) -> None:
    handle, fresh = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    Path(fresh).chmod(0o644)
    Path(fresh).replace(path)


def _unwatched(verb: str, *, total: int, done: int) -> AbstractContextManager[Advance]:
    del verb, total, done
    return nullcontext(_ignore)


def _ignore(note: str) -> None:
    del note
