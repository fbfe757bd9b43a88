"""What every key has spent, counted on this host's disk: all workers of the host add to it.

A reservation is counted as spent, and corrected when the real cost is known. So what a worker
that was killed had reserved stays spent: its call may have been paid. The file is not flushed,
which a killed process does not need; after a lost host the database tells what was spent.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path

from routewright.write_ahead import use_write_ahead_log

FILE = "budgets.db"  # in the spool's folder
BUSY_S = 1.0
NANO = 1_000_000_000  # amounts are whole billionths of a dollar: sums are exact


class Till:
    """Counts by key and span, such as a day. Calls take some ten microseconds and may block."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._db = sqlite3.connect(
            folder / FILE, timeout=BUSY_S, isolation_level=None, check_same_thread=False
        )
        use_write_ahead_log(self._db, BUSY_S)
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS spent (key TEXT, span TEXT, nano INTEGER, "
            "PRIMARY KEY (key, span)) WITHOUT ROWID"
        )

    def reserve(self, key: str, most: Mapping[str, int], nano: int) -> str:
        """Count an amount in every span, or in none where one of them would pass its most.

        Returns:
            The first span that has no room, "" if the amount was counted.
        """
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for span, limit in most.items():
                spent = self.spent(key, span)
                if spent + nano > limit or spent >= limit:
                    return span
            for span in most:
                self._add(key, span, nano)
        finally:
            self._db.execute("COMMIT")
        return ""

    def add(self, key: str, spans: Mapping[str, int], nano: int) -> None:
        """Correct what was counted by an amount, which may be negative."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for span in spans:
                self._add(key, span, nano)
        finally:
            self._db.execute("COMMIT")

    def raise_to(self, key: str, span: str, nano: int) -> None:
        """At least this was spent."""
        self._db.execute(
            "INSERT INTO spent VALUES (?, ?, ?) ON CONFLICT DO UPDATE "
            "SET nano = max(nano, excluded.nano)",
            (key, span, nano),
        )

    def spent(self, key: str, span: str) -> int:
        """What is counted, in billionths of a dollar."""
        query = "SELECT nano FROM spent WHERE key = ? AND span = ?"
        found = self._db.execute(query, (key, span)).fetchone()
        return int(found[0]) if found else 0

    def close(self) -> None:
        """Close the file; safe to call twice."""
        self._db.close()

    def _add(self, key: str, span: str, nano: int) -> None:
        self._db.execute(
            "INSERT INTO spent VALUES (?, ?, ?) ON CONFLICT DO UPDATE "
            "SET nano = nano + excluded.nano",
            (key, span, nano),
        )
