"""The database: rows in, each once, whatever is repeated; and the few questions asked of it."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from routewright.config import Secret
from routewright.errors import StoreAwayError
from routewright.state import tables
from routewright.state.engine import READS, make_engine
from routewright.state.inserts import make_insert
from routewright.state.rows import BootRow, ContentRow, DecisionRow, FeedbackRow, OutcomeRow, Row
from routewright.state.schema import migrate

_TABLES: dict[type[Row], sa.Table] = {
    DecisionRow: tables.decisions,
    OutcomeRow: tables.outcomes,
    FeedbackRow: tables.feedback,
    ContentRow: tables.content,
}
_RETRYABLE = ("08", "53", "57", "58", "40", "55", "25006")  # SQLSTATE: away, full, busy, read-only
_SWEEP_ROWS = 500


class Store:
    """Decisions, outcomes and feedback in a SQLite file or in PostgreSQL. Safe among threads.

    Args:
        url: where; a password in it is never printed.
        folder: what a relative SQLite path is relative to.

    Raises:
        ConfigError: the URL cannot be used.
        MissingExtraError: the driver is not installed.
    """

    def __init__(self, url: Secret, folder: Path = Path()) -> None:
        self._engine = make_engine(url, folder)
        self._lock = threading.Lock()
        self._ready = False
        self._inserts = {
            kind: make_insert(kind, table, self._engine.dialect) for kind, table in _TABLES.items()
        }
        dialect = sqlite if self._engine.dialect.name == "sqlite" else postgresql
        self._insert_boot = dialect.insert(tables.boots).on_conflict_do_nothing(
            index_elements=["id"]
        )

    @property
    def name(self) -> str:
        """Where it is, without password."""
        return self._engine.url.render_as_string(hide_password=True)

    def prepare(self) -> None:
        """Migrate if needed; cheap once that is done. Every other method calls it.

        Raises:
            StoreAwayError: the database cannot be reached now.
            ConfigError: its schema is newer than this program.
        """
        if self._ready:
            return
        with self._lock:
            if not self._ready:
                with self._away_told(), self._engine.begin() as connection:
                    migrate(connection)
                self._ready = True

    def write(self, rows: Sequence[Row]) -> list[tuple[Row, str]]:
        """Keep rows, all in one transaction; those that are already there are left as they are.

        Returns:
            Rows that the database can never take, each with the reason.

        Raises:
            StoreAwayError: nothing is kept; try again later.
        """
        try:
            self._write(rows)
        except StoreAwayError:
            raise
        # One row that cannot be, for whatever reason, must not hold up those behind it.
        except (SQLAlchemyError, ValueError, OverflowError, TypeError) as error:
            if len(rows) == 1:
                return [(rows[0], _said(error))]
            half = len(rows) // 2
            return self.write(rows[:half]) + self.write(rows[half:])
        return []

    def end_boot(self, boot: BootRow) -> int:
        """Note how a worker's life ended; its decisions without outcome become ``unknown``.

        Returns:
            How many those were.

        Raises:
            StoreAwayError: nothing is noted; try again later.
        """
        d, o = tables.decisions.c, tables.outcomes.c
        orphans = (
            sa.select(d.id, sa.literal(boot.ended, tables.Moment()), sa.literal("unknown"))
            .add_columns(d.model, sa.literal("[]"), sa.literal("{}"), d.degraded, sa.false())
            .select_from(tables.decisions.outerjoin(tables.outcomes, d.id == o.decision_id))
            .where(d.boot == boot.id, o.decision_id.is_(None))
        )
        columns = [
            "decision_id",
            "at",
            "state",
            "model",
            "attempts",
            "skipped",
            "degraded",
            "estimated",
        ]
        with self.begin() as connection:
            connection.execute(self._insert_boot, msgspec.to_builtins(boot))
            insert = sa.insert(tables.outcomes).from_select(columns, orphans)
            return connection.execute(insert.execution_options(preserve_rowcount=True)).rowcount

    def key_of(self, decision_id: str) -> str | None:
        """The id of the API key that a decision was made for; None where there is none such.

        Raises:
            StoreAwayError: the database cannot be asked now.
        """
        table = tables.decisions.c
        with self._read() as connection:
            found = connection.execute(sa.select(table.key_id).where(table.id == decision_id))
            return found.scalar()

    def feedback(self, id_: str) -> FeedbackRow | None:
        """The feedback of that id.

        Raises:
            StoreAwayError: the database cannot be asked now.
        """
        with self._read() as connection:
            query = sa.select(tables.feedback).where(tables.feedback.c.id == id_)
            found = connection.execute(query).mappings().first()
            return None if found is None else FeedbackRow(**found)

    def select(self, query: sa.Executable) -> Iterator[dict[str, Any]]:
        """The rows of a query as dicts, fetched a thousand at a time.

        Raises:
            StoreAwayError: the database cannot be asked now.
        """
        with self._read() as connection:
            streamed = connection.execution_options(yield_per=1000).execute(query)
            for row in streamed.mappings():
                yield dict(row)

    def sweep_content(self, *, days: float, most_bytes: int, now: float | None = None) -> int:
        """Delete prompts and answers beyond an age or a total size, oldest first.

        Works in short transactions, and leaves none of the text behind in SQLite's files.

        Returns:
            How many were deleted.

        Raises:
            StoreAwayError: the rest is deleted next time.
        """
        c = tables.content.c
        oldest = (time.time() if now is None else now) - days * 86400
        old = sa.select(c.decision_id).where(c.at < oldest).order_by(c.at).limit(_SWEEP_ROWS)
        deleted = self._delete(old)
        while (excess := self._content_bytes() - most_bytes) > 0:
            deleted += self._delete_oldest(excess)
        if deleted:
            self._scrub()
        return deleted

    def close(self) -> None:
        """Let go of connections; safe to call twice."""
        self._engine.dispose()

    def _write(self, rows: Iterable[Row]) -> None:
        batches: dict[type[Row], list[Row]] = {}
        for row in rows:
            batches.setdefault(type(row), []).append(row)
        with self.begin() as connection:
            for kind, batch in batches.items():
                self._inserts[kind](connection, batch)

    def _content_bytes(self) -> int:
        with self._read() as connection:
            return int(
                connection.execute(sa.select(sa.func.sum(tables.content.c.size_bytes))).scalar()
                or 0
            )

    def _delete_oldest(self, excess: int) -> int:
        c = tables.content.c
        query = sa.select(c.decision_id, c.size_bytes).order_by(c.at).limit(_SWEEP_ROWS)
        with self.begin() as connection:
            ids: list[str] = []
            for id_, size in connection.execute(query):
                ids.append(id_)
                excess -= size
                if excess <= 0:
                    break
            connection.execute(sa.delete(tables.content).where(c.decision_id.in_(ids)))
        return len(ids)

    def _delete(self, ids: sa.Select[Any]) -> int:
        total = 0
        while True:
            with self.begin() as connection:
                delete = sa.delete(tables.content).where(tables.content.c.decision_id.in_(ids))
                done = connection.execute(delete).rowcount
            total += done
            if done < _SWEEP_ROWS:
                return total

    def _scrub(self) -> None:
        """Empty SQLite's write-ahead log: deleted pages are still in it as they were."""
        if self._engine.dialect.name != "sqlite":
            return
        with self._away_told(), contextlib.closing(self._engine.raw_connection()) as raw:
            raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextlib.contextmanager
    def begin(self) -> Generator[sa.Connection]:
        """A transaction that writes; committed where nothing is raised."""
        self.prepare()
        with self._away_told(), self._engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def _read(self) -> Generator[sa.Connection]:
        """A connection that takes no writer's turn."""
        self.prepare()
        with self._away_told(), self._engine.connect() as connection:
            yield connection.execution_options(**{READS: True})

    @contextlib.contextmanager
    def _away_told(self) -> Generator[None]:
        try:
            yield
        except PoolTimeout as error:
            raise StoreAwayError(f"{self.name}: no connection is free") from error
        except DBAPIError as error:
            if not _is_away(error):
                raise
            raise StoreAwayError(f"{self.name}: {_said(error)}") from error


def _is_away(error: DBAPIError) -> bool:
    """Whether the same statement may go through later."""
    original = error.orig
    if error.connection_invalidated:
        return True
    if isinstance(original, sqlite3.Error):
        return isinstance(original, sqlite3.OperationalError) or type(original) is (
            sqlite3.DatabaseError
        )
    state = getattr(original, "sqlstate", None)
    return state is None or str(state).startswith(_RETRYABLE)


def _said(error: Exception) -> str:
    """The first line of what the driver said: without statement and values."""
    original = getattr(error, "orig", None) or error
    return (str(original).strip() or type(original).__name__).splitlines()[0][:300]
