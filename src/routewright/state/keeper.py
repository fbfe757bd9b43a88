"""One worker's way to the database: its spool, the shipper behind it, and questions to both."""

from __future__ import annotations

import contextlib
import errno
import logging
from collections.abc import Sequence
from pathlib import Path

from routewright.errors import ConfigError, StoreAwayError
from routewright.state.rows import DecisionRow, FeedbackRow, Row
from routewright.state.shipper import Shipper
from routewright.state.spool import Mark, Writer, search, segments
from routewright.state.store import Store

logger = logging.getLogger(__name__)

RECENT = 4096  # decisions whose key is known without asking anybody
PATIENCE_S = 5.0  # how long the end of a worker waits for the database
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


class Keeper:
    """Keeps rows: on disk at once, in the database when it takes them.

    Args:
        store: the database.
        folder: the spool, shared by the workers of this host.
        boot: the id of this life of this worker, never used before.
        content_days: after how many days prompts and answers are deleted, where any are kept.
        content_bytes: how much of them is kept at most.
    """

    def __init__(
        self,
        store: Store,
        folder: Path,
        boot: str,
        *,
        content_days: float = 30.0,
        content_bytes: int = 500_000_000,
    ) -> None:
        self.boot = boot
        self.store = store
        self.folder = folder
        self.shipper: Shipper | None = None
        self._mark: Mark | None = None
        self._writer = Writer(folder, boot)
        self._recent: dict[str, str] = {}
        self._limits = (content_days, content_bytes)

    def open(self) -> None:
        """Make the spool and begin to ship. The database may be away, the disk full.

        Raises:
            ConfigError: the spool's folder cannot be used, or the database's schema is newer.
        """
        if self._mark is not None:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            mark = Mark.make(self.folder, self.boot)
        except OSError as error:
            if error.errno not in _FULL:
                raise ConfigError(
                    f"gateway.state.spool {self.folder}: {error.strerror}; "
                    "name a folder that can be written"
                ) from error
            logger.error("%s: %s; decisions may be lost", self.folder, error.strerror)
            mark = Mark.unwritten(self.folder, self.boot)
        away = ""
        try:
            self.store.prepare()
        except StoreAwayError as error:
            away = str(error)
            logger.warning("rows stay on the spool for now: %s", away)
        except ConfigError:
            mark.remove()
            raise
        self._mark = mark
        days, most_bytes = self._limits
        self.shipper = Shipper(
            self.folder,
            mark,
            self.store,
            lambda: self.store.sweep_content(days=days, most_bytes=most_bytes),
        )
        self.shipper.away = away
        self.shipper.start()

    def next_seq(self) -> int:
        """The number of this worker's next decision, from 1."""
        return self._mark.next_seq() if self._mark is not None else 0

    def append(self, rows: Sequence[Row]) -> None:
        """Keep rows; they are on disk when this returns, or none is.

        Raises:
            OSError: the disk is full or failing.
        """
        try:
            self._writer.append(rows)
        except OSError as error:
            self._without_spool(rows, error)
        for row in rows:
            if type(row) is DecisionRow:
                self._recent[row.id] = row.key_id
        while len(self._recent) > RECENT:
            del self._recent[next(iter(self._recent))]

    def _without_spool(self, rows: Sequence[Row], error: OSError) -> None:
        """Straight to the database, where the disk takes nothing and that does."""
        if not self._reachable:
            raise error
        try:
            rejected = self.store.write(rows)
        except StoreAwayError:
            raise error from None
        if rejected:
            raise ValueError(rejected[0][1])

    def key_of(self, decision_id: str) -> str | None:
        """The id of the API key a decision was made for; None where there is no such decision.

        Raises:
            StoreAwayError: it is not on this host, and the database cannot be asked now.
        """
        known = self._recent.get(decision_id)
        if known is not None:
            return known
        if self._reachable and (known := self.store.key_of(decision_id)) is not None:
            return known
        row = search(self.folder, "id", decision_id)
        if isinstance(row, DecisionRow):
            return row.key_id
        # It may have been shipped between the two looks.
        self._refuse_if_away()
        return self.store.key_of(decision_id)

    def feedback(self, id_: str) -> FeedbackRow | None:
        """The feedback of that id; None where there is none, as far as can be known now."""
        try:
            if self._reachable and (known := self.store.feedback(id_)) is not None:
                return known
            row = search(self.folder, "id", id_)
            if isinstance(row, FeedbackRow):
                return row
            return self.store.feedback(id_) if self._reachable else None
        except StoreAwayError:
            return None

    def close(self, patience_s: float = PATIENCE_S) -> None:
        """Ship what is left within a time; safe to call twice."""
        mark, self._mark = self._mark, None
        if mark is None or self.shipper is None:
            return
        self._writer.close()
        mark.end()
        self.shipper.close(patience_s)
        mark.release()
        self.store.close()

    @property
    def away(self) -> bool:
        """Whether the database takes no rows now."""
        return not self._reachable

    @property
    def content_full(self) -> bool:
        """Whether the spool alone holds as much as may be kept of prompts and answers."""
        return self.spool_bytes > self._limits[1]

    @property
    def spool_bytes(self) -> int:
        """What all workers of this host have on the spool."""
        size = 0
        for path in segments(self.folder):
            with contextlib.suppress(FileNotFoundError):  # shipped between the two looks
                size += path.stat().st_size
        return size

    @property
    def _reachable(self) -> bool:
        return self.shipper is not None and not self.shipper.away

    def _refuse_if_away(self) -> None:
        if not self._reachable:
            away = self.shipper.away if self.shipper is not None else "it is closed"
            raise StoreAwayError(f"the decision cannot be looked up now: {away}")
