"""SQLite's write-ahead log: taken up by all who open a new file at once."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from routewright.write_ahead import use_write_ahead_log


def test_those_who_open_a_new_file_at_once_all_get_it(tmp_path):
    """Left to SQLite, one of two was told that the database is locked, in one of thirty pairs."""

    def take_up(file: Path, start: threading.Barrier, faults: list[Exception]) -> None:
        database = sqlite3.connect(file, timeout=10, isolation_level=None)
        start.wait(10)
        try:
            use_write_ahead_log(database, 10.0)
        except sqlite3.OperationalError as error:
            faults.append(error)
        finally:
            database.close()

    faults: list[Exception] = []
    for number in range(40):
        start = threading.Barrier(3)
        given = (tmp_path / f"{number}.db", start, faults)
        threads = [threading.Thread(target=take_up, args=given) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert faults == []


def test_a_file_that_stays_locked_is_given_up(tmp_path):
    holder = sqlite3.connect(tmp_path / "held.db", isolation_level=None)
    holder.execute("CREATE TABLE any_table (column_of_it)")
    holder.execute("BEGIN EXCLUSIVE")
    waiter = sqlite3.connect(tmp_path / "held.db", timeout=0.01, isolation_level=None)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        use_write_ahead_log(waiter, 0.1)
    holder.close()
    waiter.close()
