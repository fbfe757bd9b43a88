"""An append-only file of checksummed rows: what was written before a crash is read after it.

Each line is the CRC-32 of its JSON in eight hexadecimal digits, a space, and the JSON. Rows are
on disk when ``append`` or ``append_all`` returns. A crash can leave a torn tail, a line without
its end, which is cut off when the journal is next opened for writing. Damage anywhere else is an
error that names the line, because a row that was paid for must not vanish in silence; ``repair``
moves such lines to a file beside the journal.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Self, TypeVar

import msgspec

from routewright.errors import DamagedError, DataError
from routewright.types import JsonObject

T = TypeVar("T")

_READ_BYTES = 1 << 20
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
_BEGIN = re.compile(rb"[0-9a-f]{8} \{")
_MOST_BEGINS = 32


class Journal:
    """One journal file, opened for writing by one process at a time.

    Args:
        path: the file.
        reserve_bytes: disk space to hold back in a file beside it while it is open. When the disk
            is full the reserve is given up, so that what is under way can still be written;
            ``full`` says that this has happened and that it is time to stop.
        check: look for damage when it is opened; not needed where all rows are read right after.
    """

    def __init__(self, path: str | Path, *, reserve_bytes: int = 0, check: bool = True) -> None:
        self.path = Path(path)
        self.check = check
        self.full = False
        self.torn_bytes = 0  # that ``open`` has cut off
        self._reserve_bytes = reserve_bytes
        self._file: int | None = None
        self._size = 0

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> None:
        """Lock the file for writing and cut off a torn tail.

        Raises:
            DataError: another process is writing it, or the disk has no room for the reserve.
            DamagedError: it is damaged before its end.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = _locked(self.path)
        try:
            self._size = _whole_bytes(file)
            if self.check:
                deque(_lines(self.path), maxlen=0)
            self.torn_bytes = os.fstat(file).st_size - self._size
            os.ftruncate(file, self._size)
            self._hold_reserve()
        except BaseException:
            os.close(file)
            raise
        self._file = file

    def append(self, row: JsonObject) -> None:
        """Write one row; it is on disk when this returns."""
        self.append_all([row])

    def append_all(self, rows: Sequence[JsonObject | msgspec.Struct]) -> None:
        """Write rows with one flush; all are on disk when this returns, or none is kept.

        Raises:
            OSError: the disk is full or failing.
        """
        if self._file is None:
            raise RuntimeError("open the journal before appending to it")
        data = b"".join(map(_line, rows))
        try:
            self._write(self._file, data)
        except OSError as error:
            if error.errno not in _NO_SPACE or not self._give_up_reserve():
                raise
            self._write(self._file, data)

    def rows(self) -> list[dict[str, Any]]:
        """Every whole row in order of writing; a torn tail is left out.

        Raises:
            DamagedError: a line is damaged.
        """
        return [row for _, row in self.read(dict[str, Any])]

    def read(self, kind: type[T]) -> Iterator[tuple[int, T]]:
        """Every whole row as a ``kind``, with its line number from 1, one at a time.

        Raises:
            DamagedError: a line is damaged.
            DataError: a row is JSON but no ``kind``.
        """
        decode = msgspec.json.Decoder(kind).decode
        if not self.path.exists():
            return
        for number, data in _lines(self.path):
            try:
                yield number, decode(data)
            except msgspec.ValidationError as error:
                raise DataError(
                    f"{self.path}: line {number} is not what belongs here ({error})"
                ) from error
            except msgspec.DecodeError as error:
                raise _damaged(self.path, number) from error

    def repair(self) -> list[int]:
        """Move damaged lines to ``NAME.damaged`` and return their numbers, from 1.

        Of two rows with damage where one ends and the next begins, both are kept.

        Raises:
            DataError: another process is writing it.
        """
        if not self.path.exists():
            return []
        file = _locked(self.path)
        try:
            damaged: list[tuple[int, bytes]] = []
            mended = self.path.with_name(self.path.name + ".tmp")
            with self.path.open("rb") as lines, mended.open("wb") as kept:
                for number, line in enumerate(lines, start=1):
                    if not line.endswith(b"\n") or checked(line) is not None:
                        kept.write(line)
                        continue
                    whole, rest = salvaged(line)
                    kept.writelines(whole)
                    damaged.append((number, rest or line))
                _flush(kept.fileno())
            if not damaged:
                mended.unlink()
                return []
            # Aside first: a crash between the two leaves a line twice, never nowhere.
            aside = self.path.with_name(self.path.name + ".damaged")
            with aside.open("ab") as store:
                store.writelines(line for _, line in damaged)
                _flush(store.fileno())
            mended.replace(self.path)
            return [number for number, _ in damaged]
        finally:
            os.close(file)

    @property
    def size(self) -> int:
        """Bytes of whole rows, as far as this process has seen."""
        return self._size

    def close(self) -> None:
        """Unlock the file and let go of the reserve; safe to call twice."""
        if self._file is not None:
            self._drop_reserve()
            os.close(self._file)
            self._file = None

    def _write(self, file: int, data: bytes) -> None:
        at = self._size
        try:
            rest = memoryview(data)
            while rest:
                written = os.pwrite(file, rest, at)
                rest, at = rest[written:], at + written
            _flush(file)
        except BaseException:
            # Half a row in the middle would damage the file for good.
            with contextlib.suppress(OSError):
                os.ftruncate(file, self._size)
            raise
        self._size = at

    @property
    def _reserve(self) -> Path:
        return self.path.with_name(self.path.name + ".reserve")

    def _hold_reserve(self) -> None:
        if not self._reserve_bytes:
            return
        try:
            with self._reserve.open("wb") as held:
                os.posix_fallocate(held.fileno(), 0, self._reserve_bytes)
        except OSError as error:
            self._drop_reserve()
            raise DataError(
                f"{self.path}: the disk has no {self._reserve_bytes / 1e6:.1f} MB left "
                f"({error.strerror}); make room and run again"
            ) from error

    def _give_up_reserve(self) -> bool:
        """Whether there was a reserve to give up."""
        if not self._reserve_bytes or self.full:
            return False
        self.full = True
        self._drop_reserve()
        return True

    def _drop_reserve(self) -> None:
        if self._reserve_bytes:
            self._reserve.unlink(missing_ok=True)


def _locked(path: Path) -> int:
    """The file, open and locked against every other writer."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # A repair may have put another file in its place between the two calls.
            if os.path.samestat(os.fstat(file), path.stat()):
                return file
        except BlockingIOError as error:
            os.close(file)
            raise DataError(
                f"{path}: another process is writing it; wait for it or choose another folder"
            ) from error
        except FileNotFoundError:
            pass
        os.close(file)


def _flush(file: int) -> None:
    os.fsync(file)


def _line(row: JsonObject | msgspec.Struct) -> bytes:
    data = msgspec.json.encode(row)
    return b"%08x %s\n" % (zlib.crc32(data), data)


def _whole_bytes(file: int) -> int:
    """Where the last line that has an end ends."""
    end = os.fstat(file).st_size
    while end:
        start = max(end - _READ_BYTES, 0)
        found = os.pread(file, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The number and the JSON of every line that has an end."""
    with path.open("rb", buffering=_READ_BYTES) as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return  # never finished, however it looks
            data = checked(line)
            if data is None:
                raise _damaged(path, number)
            yield number, data


def checked(line: bytes) -> bytes | None:
    """The JSON of a line with its end, None where its checksum does not match."""
    data = line[9:-1]
    return data if line[:9] == b"%08x " % zlib.crc32(data) else None


def salvaged(line: bytes) -> tuple[list[bytes], bytes]:
    """The whole rows in a damaged line, each with its end, and what is left of it.

    A damaged end of a line makes one line of two rows, both of which are as they were written. In
    place of the last one's end, which may be missing, there may be another byte.
    """
    whole: list[bytes] = []
    rest = bytearray()
    at = 0
    found = islice(_BEGIN.finditer(line), _MOST_BEGINS)  # a text may hold many that are none
    starts = [one.start() for one in found]
    for begin in starts:
        if begin < at:
            continue
        ends = [start - 1 for start in starts if start - 1 > begin]
        ends += [len(line) - 1, len(line)]
        for end in ends:
            row = line[begin:end] + b"\n"
            if checked(row) is not None:
                whole.append(row)
                rest += line[at:begin]
                at = end + 1
                break
    return whole, bytes(rest + line[at:])


def _damaged(path: Path, number: int) -> DamagedError:
    return DamagedError(
        f"{path}: line {number} is damaged (its checksum does not match); "
        "move the file away, or delete that line to ask for its answer again"
    )
