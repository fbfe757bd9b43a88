"""Rows into their tables, many to a statement where that spares the other threads.

Python's sqlite3 lets go of the interpreter's lock for every statement and has to win it back from
the thread that answers requests, which costs both more than the statement itself. So SQLite gets as
many rows a statement as there are. What is there already is left as it is: a row that comes a
second time, after a crash between commit and note, changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from typing import Any, Protocol

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect

from routewright.state.rows import Row

_TOGETHER = (512, 64, 8, 1)  # rows of a statement: few sizes, so that each is prepared once


class Insert(Protocol):
    """Puts rows of one table in."""

    def __call__(self, connection: sa.Connection, rows: Sequence[Row]) -> None:
        """Within the connection's transaction; raises as the driver does."""
        ...


def make_insert(kind: type[Row], table: sa.Table, dialect: Dialect) -> Insert:
    """How rows of a kind get into their table; those whose primary key is there are left out."""
    values = _Values(kind, table)
    if dialect.name == "sqlite":
        return _Together(values, table, dialect)
    names = [column.name for column in table.columns]
    statement: Any = postgresql.insert(table).on_conflict_do_nothing(
        index_elements=list(table.primary_key)
    )

    def insert(connection: sa.Connection, rows: Sequence[Row]) -> None:
        told = [dict(zip(names, values.of(row), strict=True)) for row in rows]
        connection.execute(statement, told)

    return insert


class _Values:
    """A row's values in the order of its table's columns."""

    def __init__(self, kind: type[Row], table: sa.Table) -> None:
        names = [column.name for column in table.columns]
        types = {field.name: field.type for field in msgspec.structs.fields(kind)}
        self._get = attrgetter(*names)
        self._raw = [at for at, name in enumerate(names) if types.get(name) is msgspec.Raw]
        texts = [isinstance(column.type, sa.Text) for column in table.columns]
        self._texts = [at for at, is_text in enumerate(texts) if is_text and at not in self._raw]

    def of(self, row: Row) -> list[Any]:
        """The values; a NUL, which PostgreSQL takes in no text, is written as JSON does."""
        values = list(self._get(row))
        for at in self._raw:
            values[at] = bytes(values[at]).decode()
        for at in self._texts:
            value = values[at]
            if value and "\0" in value:
                values[at] = value.replace("\0", "\\u0000")
        return values


class _Together:
    """Many rows a statement, each value made by its column's type as SQLAlchemy makes it."""

    def __init__(self, values: _Values, table: sa.Table, dialect: Dialect) -> None:
        self._values = values
        processors = [c.type.dialect_impl(dialect).bind_processor(dialect) for c in table.columns]
        self._make: list[tuple[int, Callable[[Any], Any]]] = [
            (at, make) for at, make in enumerate(processors) if make is not None
        ]
        one = sqlite.insert(table).on_conflict_do_nothing(index_elements=list(table.primary_key))
        marks = f"({', '.join('?' * len(processors))})"
        head, _, tail = str(one.compile(dialect=dialect)).partition(marks)
        self._statements = {
            count: f"{head}{', '.join([marks] * count)}{tail}" for count in _TOGETHER
        }

    def __call__(self, connection: sa.Connection, rows: Sequence[Row]) -> None:
        for part in _parts(rows):
            told: list[Any] = []
            for row in part:
                values = self._values.of(row)
                for at, make in self._make:
                    values[at] = make(values[at])
                told += values
            connection.exec_driver_sql(self._statements[len(part)], tuple(told))


def _parts(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    at = 0
    for count in _TOGETHER:
        while len(rows) - at >= count:
            yield rows[at : at + count]
            at += count
