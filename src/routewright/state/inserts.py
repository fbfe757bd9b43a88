"""Rows into their tables, many to a statement where that spares the other threads.

Python's sqlite3 lets go of the interpreter's lock for every statement and has to win it back from
the thread that answers requests, which costs both more than the statement itself. So SQLite gets as
many rows a statement as there are. What is there already is left as it is: a row that comes a
second time, after a crash between commit and note, changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect

Row = dict[str, Any]

_TOGETHER = (512, 64, 8, 1)  # rows of a statement: few sizes, so that each is prepared once


class Insert(Protocol):
    """Puts rows of one table in."""

    def __call__(self, connection: sa.Connection, rows: Sequence[Row]) -> None:
        """Within the connection's transaction; raises as the driver does."""
        ...


def make_insert(table: sa.Table, dialect: Dialect) -> Insert:
    """How rows get into a table; those whose primary key is there are left out."""
    if dialect.name == "sqlite":
        return _Together(table, dialect)
    statement: Any = postgresql.insert(table).on_conflict_do_nothing(
        index_elements=list(table.primary_key)
    )

    def insert(connection: sa.Connection, rows: Sequence[Row]) -> None:
        connection.execute(statement, list(rows))

    return insert


class _Together:
    """Many rows a statement, each value made by its column's type as SQLAlchemy makes it."""

    def __init__(self, table: sa.Table, dialect: Dialect) -> None:
        made = [column.type.dialect_impl(dialect) for column in table.columns]
        self._columns: list[tuple[str, Callable[[Any], Any] | None]] = [
            (column.name, kind.bind_processor(dialect))
            for column, kind in zip(table.columns, made, strict=True)
        ]
        one = sqlite.insert(table).on_conflict_do_nothing(index_elements=list(table.primary_key))
        head, values, tail = str(one.compile(dialect=dialect)).partition(
            f"({', '.join('?' * len(self._columns))})"
        )
        self._statements = {
            count: f"{head}{', '.join([values] * count)}{tail}" for count in _TOGETHER
        }

    def __call__(self, connection: sa.Connection, rows: Sequence[Row]) -> None:
        for part in _parts(rows):
            values = tuple(
                row[name] if make is None else make(row[name])
                for row in part
                for name, make in self._columns
            )
            connection.exec_driver_sql(self._statements[len(part)], values)


def _parts(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    at = 0
    for count in _TOGETHER:
        while len(rows) - at >= count:
            yield rows[at : at + count]
            at += count
