"""The thread that takes rows from the spool to the database, for as long as that takes."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from routewright.errors import ConfigError, StoreAwayError
from routewright.state.rows import Row
from routewright.state.spool import Mark, read_segment, segments
from routewright.state.store import Store

logger = logging.getLogger(__name__)

EVERY_S = 0.5
ADOPT_EVERY_S = 5.0
SWEEP_EVERY_S = 600.0
LONGEST_PAUSE_S = 5.0
MOST_ROWS = 1000  # in one transaction


class Shipper:
    """Ships one worker's spool, and that of workers that died.

    ``away`` says why the database takes no rows now, "" while it does. ``damaged`` counts lines
    that were not as they were written, ``rejected`` rows that the database can never take; both
    are kept in files beside the spool.

    Args:
        folder: the spool.
        mark: this worker's.
        store: the database.
        sweep: deletes what is kept for a time only; called every ten minutes.
    """

    def __init__(
        self, folder: Path, mark: Mark, store: Store, sweep: Callable[[], object] = lambda: None
    ) -> None:
        self.away = ""
        self.shipped = self.damaged = self.rejected = 0
        self._folder = folder
        self._mark = mark
        self._store = store
        self._sweep = sweep
        self._offsets: dict[Path, int] = {}
        self._adopted: list[Mark] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shipper", daemon=True)
        self._adopt_at = self._sweep_at = 0.0

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self, patience_s: float) -> None:
        """Ship what is left, and note that this worker ended; what is late waits for the next.

        Call it when the worker writes no more.
        """
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(patience_s)
        for mark in self._adopted:
            mark.release()

    def _run(self) -> None:
        pause = EVERY_S
        while not self._stop.wait(pause):
            pause = EVERY_S if self._try(self._round) else min(2 * pause, LONGEST_PAUSE_S)
        self._try(self._last_round)

    def _try(self, work: Callable[[], None]) -> bool:
        """Whether the database took all; what it says when it does not is logged once."""
        try:
            work()
        except (StoreAwayError, ConfigError) as error:
            if not self.away:
                logger.warning("rows stay on the spool for now: %s", error)
            self.away = str(error)
        # Nothing that goes wrong here may end the thread: rows would pile up for good.
        except Exception as error:
            if not self.away:
                logger.exception("rows stay on the spool for now")
            self.away = f"{type(error).__name__}: {error}"
        else:
            if self.away:
                logger.warning("the database takes rows again")
            self.away = ""
            return True
        return False

    def _round(self) -> None:
        self._store.prepare()
        self._ship(self._mark.boot, ended=False)
        now = time.monotonic()
        if now >= self._adopt_at:
            self._adopt()
            self._adopt_at = now + ADOPT_EVERY_S
        if now >= self._sweep_at:
            self._sweep()
            self._sweep_at = now + SWEEP_EVERY_S

    def _last_round(self) -> None:
        self._ship(self._mark.boot, ended=True)
        self._store.end_boot(self._mark.told())
        self._mark.remove()

    def _adopt(self) -> None:
        """Ship what dead workers left, and say of each how far it had counted."""
        for path in self._folder.glob("*.boot"):
            mark = None if path == self._mark.path else Mark.orphan(path)
            if mark is not None:
                self._adopted.append(mark)
        while self._adopted:
            mark = self._adopted[0]
            self._ship(mark.boot, ended=True)
            told = mark.told()
            unknown = self._store.end_boot(told)
            if not told.clean:
                logger.warning(
                    "worker %s died: %d decisions numbered, %d without a known outcome",
                    told.id,
                    told.last_seq,
                    unknown,
                )
            mark.remove()
            self._adopted.pop(0)
        # A full disk may have kept a worker from leaving more than its rows.
        for path in segments(self._folder):
            boot = path.name.rpartition("-")[0]
            if boot != self._mark.boot and not (self._folder / f"{boot}.boot").exists():
                self._ship(boot, ended=True)

    def _ship(self, boot: str, *, ended: bool) -> None:
        """Ship what is new in a boot's segments, and delete those that nobody writes any more."""
        found = segments(self._folder, boot)
        for path in found:
            # Another worker may have found it ownerless, too, and shipped it.
            with contextlib.suppress(FileNotFoundError):
                over = ended or path != found[-1]
                self._ship_segment(path, ended=over)
                if over:
                    path.unlink()
                    self._offsets.pop(path, None)

    def _ship_segment(self, path: Path, *, ended: bool) -> None:
        start = self._offsets.get(path, 0)
        if path.stat().st_size == start:
            return
        rows: list[Row] = []
        bad: list[bytes] = []
        at = start
        for row, line, at in read_segment(path, start, ended=ended):
            if row is None:
                bad.append(line)
            else:
                rows.append(row)
            if len(rows) >= MOST_ROWS:
                self._hand_over(path, rows, bad, at)
                rows, bad = [], []
        self._hand_over(path, rows, bad, at)

    def _hand_over(self, path: Path, rows: list[Row], bad: list[bytes], at: int) -> None:
        rejected = self._store.write(rows) if rows else []
        self.shipped += len(rows) - len(rejected)
        if bad:
            self.damaged += len(bad)
            self._aside(path.with_name(f"{path.name}.damaged"), bad)
            logger.error("%s: %d damaged lines were moved aside", path, len(bad))
        if rejected:
            self.rejected += len(rejected)
            lines = [msgspec.json.encode(row) + b"\n" for row, _ in rejected]
            self._aside(self._folder / "rejected.jsonl", lines)
            logger.error("%d rows were refused by the database: %s", len(rejected), rejected[0][1])
        self._offsets[path] = at

    def _aside(self, path: Path, lines: list[bytes]) -> None:
        try:
            with path.open("ab") as file:
                file.writelines(lines)
        except OSError:
            logger.exception("%s: cannot be written", path)
