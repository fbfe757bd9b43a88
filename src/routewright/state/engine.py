"""A database URL → an engine with our settings. What it says of itself never has a password."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import ArgumentError

from routewright.config import Secret
from routewright.errors import ConfigError, require
from routewright.write_ahead import use_write_ahead_log

BUSY_S = 5.0  # how long SQLite waits for another writer
READS = "routewright_reads"  # execution option of a connection that will not write
STATEMENT_S = 30  # after which PostgreSQL gives a statement up; nobody waits for it but us
_EXAMPLES = "sqlite:///routewright.db or postgresql+psycopg://user@host/database"


def make_engine(url: Secret, folder: Path) -> sa.Engine:
    """An engine for a URL; a relative SQLite path is relative to ``folder``. Connects nowhere.

    Raises:
        ConfigError: not a URL, or a database that is not supported.
        MissingExtraError: the driver is not installed.
    """
    try:
        parsed = sa.make_url(url.reveal())
    except (ArgumentError, ValueError):
        raise ConfigError(f"gateway.state.url is no database URL; write {_EXAMPLES}") from None
    kind = parsed.get_backend_name()
    if kind == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise ConfigError("gateway.state.url names no file; write sqlite:///routewright.db")
        return _sqlite(folder / Path(parsed.database).expanduser())
    if kind == "postgresql":
        require("psycopg", "postgres")
        return _postgresql(parsed.set(drivername="postgresql+psycopg"))
    raise ConfigError(f"gateway.state.url: {kind} is not supported; write {_EXAMPLES}")


def _sqlite(path: Path) -> sa.Engine:
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        hide_parameters=True,  # what went wrong is told without the values that were being written
        connect_args={"timeout": BUSY_S, "isolation_level": None, "check_same_thread": False},
    )

    def connected(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        # A write-ahead log lets others read while we write. Every commit is flushed, since what
        # is committed leaves the spool; deleted text is overwritten, not only forgotten.
        use_write_ahead_log(connection, BUSY_S)
        for pragma in ("synchronous = FULL", "secure_delete = ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    def begun(connection: sa.Connection) -> None:
        # Python's sqlite3 would begin late and leave DDL out; a writer is announced at once, so
        # that it waits for its turn instead of failing half-way.
        reads = connection.get_execution_options().get(READS, False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)
    return engine


def _postgresql(url: sa.URL) -> sa.Engine:
    return sa.create_engine(
        url,
        hide_parameters=True,
        pool_size=2,
        max_overflow=2,
        pool_timeout=5,
        connect_args={
            "connect_timeout": 3,
            "tcp_user_timeout": 10_000,  # ms: a host that has vanished is noticed
            "application_name": "routewright",
            "options": f"-c statement_timeout={STATEMENT_S * 1000} -c timezone=UTC",
        },
    )
