"""SQLite's write-ahead log, taken up by several processes at once."""

from __future__ import annotations

import sqlite3
import time


def use_write_ahead_log(database: sqlite3.Connection, wait_s: float) -> None:
    """Let readers and one writer not wait for each other; the file remembers it.

    Two processes that make a new file at once may find it locked here, and SQLite's own waiting
    does not cover that.

    Args:
        database: open, with no transaction begun.
        wait_s: seconds after which a file that is still locked is given up.

    Raises:
        sqlite3.OperationalError: it is locked for longer, or cannot be written.
    """
    until = time.monotonic() + wait_s
    while True:
        try:
            if database.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                database.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return
