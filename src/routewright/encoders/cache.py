"""Vectors of texts seen before: the latest in memory, all of a batch's also on disk.

The disk holds one SQLite file, ``encodings.sqlite`` in ``$ROUTEWRIGHT_CACHE`` (the empty string
disables it) or in the user's cache folder. A key is a hash of the encoder's fingerprint and the
text; a value is the vector's float32 bytes. No text is kept, but a vector says much about one: the
file is its owner's alone. The cache only saves time. Where it can't be read or written, the
vectors are computed, and the log says why.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from routewright.write_ahead import use_write_ahead_log

Float32 = NDArray[np.float32]
Make = Callable[[Sequence[str]], Float32]

CAP_BYTES = 1 << 30
"""Size beyond which the oldest tenth goes."""

RECENT = 8_192
"""Vectors remembered in memory."""

CHUNK = 256
"""Texts after which what was made is written: an hour's work cut short is not lost."""

logger = logging.getLogger(__name__)

_TABLE = """
CREATE TABLE IF NOT EXISTS encodings (
  age INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, vector BLOB NOT NULL
)
"""
_WAIT_S = 10.0  # for another process that writes
_AT_ONCE = 500  # keys in one query


class DiskCache:
    """Vectors on disk, shared by processes.

    Every call opens the file anew: that costs a batch nothing that counts, and nothing is
    shared between threads or with a forked child.

    Args:
        path: the SQLite file; made where it is missing.
        cap_bytes: size beyond which the oldest go.
    """

    def __init__(self, path: Path, cap_bytes: int = CAP_BYTES) -> None:
        self.path = path
        self.cap_bytes = cap_bytes

    def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """What is known of these keys."""
        found: dict[bytes, bytes] = {}

        def read(database: sqlite3.Connection) -> None:
            for start in range(0, len(keys), _AT_ONCE):
                some = keys[start : start + _AT_ONCE]
                marks = ",".join("?" * len(some))
                query = f"SELECT key, vector FROM encodings WHERE key IN ({marks})"  # noqa: S608  # marks alone
                found.update(database.execute(query, some).fetchall())

        self._with_database(read)
        return found

    def put(self, vectors: Mapping[bytes, bytes]) -> None:
        """Keep vectors; a key that is there already stays as it is."""

        def write(database: sqlite3.Connection) -> None:
            database.execute("BEGIN IMMEDIATE")
            database.executemany(
                "INSERT OR IGNORE INTO encodings (key, vector) VALUES (?, ?)", vectors.items()
            )
            self._make_room(database)
            database.execute("COMMIT")

        self._with_database(write)

    def _make_room(self, database: sqlite3.Connection) -> None:
        while _used_bytes(database) > self.cap_bytes:
            first, last = database.execute("SELECT min(age), max(age) FROM encodings").fetchone()
            if first is None:
                return
            oldest = first + (last - first) // 10
            database.execute("DELETE FROM encodings WHERE age <= ?", (oldest,))

    def _with_database(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """Do one piece of work on a connection of its own; trouble with the disk is only told.

        A damaged file is moved aside, so that the next call starts a fresh one.
        """
        try:
            with closing(self._connect()) as database:
                work(database)
        except sqlite3.OperationalError as error:  # locked for long, disk full, read-only
            logger.warning("%s: not used this time: %s", self.path, error)
        except sqlite3.DatabaseError as error:
            self._move_aside(error)
        except OSError as error:
            logger.warning("%s: not used this time: %s", self.path, error.strerror or error)

    def _connect(self) -> sqlite3.Connection:
        if not self.path.exists():
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        database = sqlite3.connect(self.path, timeout=_WAIT_S, isolation_level=None)
        try:
            use_write_ahead_log(database, _WAIT_S)
            database.execute("PRAGMA synchronous=NORMAL")  # a crash may lose the last rows, no more
            database.execute(_TABLE)
        except BaseException:
            database.close()
            raise
        return database

    def _move_aside(self, error: Exception) -> None:
        aside = self.path.with_name(f"{self.path.name}.damaged-{time.time_ns()}")
        logger.warning("%s: damaged (%s); moved to %s and begun anew", self.path, error, aside.name)
        for ending in ("", "-wal", "-shm"):
            part = Path(f"{self.path}{ending}")
            try:
                part.rename(f"{aside}{ending}")
            except OSError:  # another process was quicker, or there is no such part
                continue


def cache_file() -> Path | None:
    """Where vectors are kept on disk; None where that is disabled."""
    given = os.environ.get("ROUTEWRIGHT_CACHE")
    if given is not None:
        return Path(given) / "encodings.sqlite" if given else None
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "routewright" / "encodings.sqlite"


def cached_rows(fingerprint: bytes, dimensions: int, texts: Sequence[str], make: Make) -> Float32:
    """Vectors (n, d) of different texts; only those never seen are made.

    The disk is asked where two or more are missing in memory: a single decision never waits for
    a file that others write.
    """
    keys = [_key(fingerprint, text) for text in texts]
    found = _recent.get(keys)
    path = cache_file()
    missing = [key for key in keys if key not in found]
    disk = DiskCache(path) if path and len(missing) > 1 else None
    if disk is not None:
        known = {k: v for k, v in disk.get(missing).items() if len(v) == 4 * dimensions}
        _recent.put(known)
        found |= known
    left = [(key, text) for key, text in zip(keys, texts, strict=True) if key not in found]
    for start in range(0, len(left), CHUNK):
        chunk = left[start : start + CHUNK]
        rows = make([text for _, text in chunk])
        made = {key: row.tobytes() for (key, _), row in zip(chunk, rows, strict=True)}
        _recent.put(made)
        if disk is not None:
            disk.put(made)
        found |= made
    packed = b"".join(found[key] for key in keys)
    return np.frombuffer(packed, dtype=np.float32).reshape(len(keys), dimensions)


class _Recent:
    """The latest vectors in memory, the least recently asked for goes first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[bytes, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        with self._lock:
            found = {key: self._kept[key] for key in keys if key in self._kept}
            for key in found:
                self._kept.move_to_end(key)
        return found

    def put(self, vectors: Mapping[bytes, bytes]) -> None:
        with self._lock:
            self._kept.update(vectors)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()


_recent = _Recent(RECENT)


def forget_recent() -> None:
    """Empty the memory, not the disk: for a measurement or a test."""
    _recent.clear()


def _key(fingerprint: bytes, text: str) -> bytes:
    return blake2b(fingerprint + text.encode(), digest_size=20).digest()


def _used_bytes(database: sqlite3.Connection) -> int:
    pages, free, size = (
        database.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size
