"""The spool: rows on this host's disk before they are in the database.

A folder shared by all workers of a host. Each life of a worker, a boot, has there

- ``BOOT.boot``: locked while the worker lives; how many decisions it has numbered, kept up in
  shared memory, so that it is right to the last one even after ``kill -9``;
- ``BOOT-000001.jsonl`` …: checksummed rows in order of writing, each deleted once its rows are in
  the database.

What a dead worker left is found by its free lock and taken over by whoever locks it first.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import struct
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from routewright.data.journal import Journal, checked, salvaged
from routewright.state.rows import BootRow, Row

SEGMENT_BYTES = 4 << 20
_MARK = struct.Struct("<8sdqqd")  # magic, started, last number, 1 once closed, when that was
_MAGIC = b"rwboot2\n"
_LAST = struct.Struct("<qqd")
_LAST_AT = 16
_decode = msgspec.json.Decoder(Row).decode


class Mark:
    """The file of one boot: its lock, and how many decisions it numbered."""

    def __init__(self, path: Path, file: int) -> None:
        self.path = path
        self.boot = path.stem
        self._file = file
        self._map: mmap.mmap | None = None
        self._started = time.time()
        self._clean = False
        self.last_seq = 0

    @classmethod
    def make(cls, folder: Path, boot: str) -> Mark:
        """A new boot's, locked.

        Raises:
            OSError: the folder cannot be written.
        """
        path = folder / f"{boot}.boot"
        fresh = path.with_suffix(".new")  # until it is locked, or it would look like an orphan
        file = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        mark = cls(path, file)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Written, not only made longer: a hole would find out about a full disk by a signal.
            os.write(file, _MARK.pack(_MAGIC, mark._started, 0, 0, mark._started))
            os.fsync(file)
            mark._map = mmap.mmap(file, _MARK.size)
            fresh.rename(path)
        except BaseException:
            os.close(file)
            fresh.unlink(missing_ok=True)
            raise
        return mark

    @classmethod
    def unwritten(cls, folder: Path, boot: str) -> Mark:
        """For a disk that takes no file: what it counts is lost if the worker is killed."""
        return cls(folder / f"{boot}.boot", -1)

    @classmethod
    def orphan(cls, path: Path) -> Mark | None:
        """A dead worker's, locked by us; None where it lives, or another took it."""
        try:
            file = os.open(path, os.O_RDWR)
        except OSError:
            return None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(file), path.stat()):
                return cls(path, file)
        except OSError:
            pass
        os.close(file)
        return None

    def next_seq(self) -> int:
        """The next decision's number, from 1; noted in shared memory before it is given out."""
        self.last_seq += 1
        if self._map is not None:
            _LAST.pack_into(self._map, _LAST_AT, self.last_seq, 0, time.time())
        return self.last_seq

    def end(self) -> None:
        """Say that this life ended well: nothing will be numbered any more."""
        self._clean = True
        if self._map is not None:
            _LAST.pack_into(self._map, _LAST_AT, self.last_seq, 1, time.time())
            self._map.close()
            self._map = None

    def release(self) -> None:
        """Unlock; safe to call twice."""
        if self._map is not None:  # it holds the file, and so the lock, open as well
            self._map.close()
            self._map = None
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def remove(self) -> None:
        """Delete the file, once all that it speaks of is in the database."""
        self.path.unlink(missing_ok=True)
        self.release()

    def told(self) -> BootRow:
        """What the file says; a boot whose file was never finished numbered nothing."""
        if self._file < 0:
            return BootRow(self.boot, self._started, time.time(), self.last_seq, self._clean)
        raw = os.pread(self._file, _MARK.size, 0)
        ended = os.fstat(self._file).st_mtime
        if len(raw) < _MARK.size or not raw.startswith(_MAGIC):
            return BootRow(self.boot, ended, ended, 0, clean=False)
        _, started, last, closed, ended = _MARK.unpack(raw)
        return BootRow(self.boot, started, max(started, ended), last, clean=bool(closed))


class Writer:
    """Appends rows to the segments of one boot."""

    def __init__(self, folder: Path, boot: str) -> None:
        self._folder = folder
        self._boot = boot
        self._number = 0
        self._journal: Journal | None = None

    def append(self, rows: Sequence[Row]) -> None:
        """Write rows with one flush; all are on disk when this returns, or none is kept.

        Raises:
            OSError: the disk is full or failing.
        """
        journal = self._journal
        if journal is not None and journal.size >= SEGMENT_BYTES:
            self.close()
            journal = None
        if journal is None:
            journal = Journal(self._folder / f"{self._boot}-{self._number + 1:06d}.jsonl")
            journal.open()
            self._number += 1
            self._journal = journal
        journal.append_all(rows)

    def close(self) -> None:
        """End the segment; safe to call twice."""
        if self._journal is not None:
            self._journal.close()
            self._journal = None


def segments(folder: Path, boot: str = "*") -> list[Path]:
    """The segments of a boot, or of all, in order of writing."""
    return sorted(folder.glob(f"{boot}-[0-9]*.jsonl"))


def read_segment(
    path: Path, start: int = 0, *, ended: bool = False
) -> Iterator[tuple[Row | None, bytes, int]]:
    """The lines from byte ``start``: each row (None for a damaged line), its line, its end.

    Whole rows in a damaged line come before it. A last line without end is one that is being
    written, and is left out; where nobody writes any more (``ended``) it is torn or damaged.
    """
    with path.open("rb", buffering=1 << 20) as file:
        file.seek(start)
        at = start
        for line in file:
            unfinished = not line.endswith(b"\n")
            if unfinished and not ended:
                return
            at += len(line)
            row = None if unfinished else _row(line)
            if row is None:
                for whole in salvaged(line)[0]:
                    if (found := _row(whole)) is not None:
                        yield found, whole, at
            yield row, line, at


def search(folder: Path, field: str, value: str) -> Row | None:
    """The row on any worker's spool whose ``field`` is this id; None where none is.

    Bytes are compared, not rows: a long outage leaves much to look through.
    """
    wanted = b'"%b":"%b"' % (field.encode(), value.encode())
    for path in segments(folder):
        # One that is shipped meanwhile is gone, and its rows are in the database.
        with contextlib.suppress(FileNotFoundError, ValueError):
            found = _search_segment(path, wanted)
            if found is not None and getattr(found, field, None) == value:
                return found
    return None


def _search_segment(path: Path, wanted: bytes) -> Row | None:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        at = mapped.find(wanted)
        while at >= 0:
            end = mapped.find(b"\n", at) + 1
            row = _row(mapped[mapped.rfind(b"\n", 0, at) + 1 : end]) if end else None
            if row is not None:
                return row
            at = mapped.find(wanted, at + 1)
    return None


def _row(line: bytes) -> Row | None:
    data = checked(line)
    if data is None:
        return None
    try:
        return _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None  # whole but foreign: as good as damaged, and kept aside likewise
