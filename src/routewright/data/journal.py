"""An append-only file of checksummed rows: what was written before a crash is read after it.

Each line is the CRC-32 of its JSON in eight hexadecimal digits, a space, and the JSON. A row is
on disk when ``append`` returns. A crash can leave one torn line, and only at the end: it is cut
off when the journal is next opened for writing. Damage anywhere else is an error that names the
line, because a row that was paid for must not vanish in silence.
"""

from __future__ import annotations

import fcntl
import os
import zlib
from pathlib import Path
from typing import Any, Self

import msgspec

from routewright.errors import DataError
from routewright.types import JsonObject, json_object


class Journal:
    """One journal file, opened for writing by one process at a time."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._file: int | None = None

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> None:
        """Lock the file for writing and cut off a torn last line.

        Raises:
            DataError: another process is writing it, or it is damaged before its end.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(file)
            raise DataError(
                f"{self.path}: another process is writing it; wait for it or choose another folder"
            ) from error
        try:
            _, whole = _read(self.path)
            os.ftruncate(file, whole)
            os.lseek(file, whole, os.SEEK_SET)
        except BaseException:
            os.close(file)
            raise
        self._file = file

    def append(self, row: JsonObject) -> None:
        """Write one row; it is on disk when this returns."""
        if self._file is None:
            raise RuntimeError("open the journal before appending to it")
        data = msgspec.json.encode(row)
        line = b"%08x %s\n" % (zlib.crc32(data), data)
        while line:
            line = line[os.write(self._file, line) :]
        os.fsync(self._file)

    def rows(self) -> list[dict[str, Any]]:
        """Every whole row in order of writing; a torn last line is left out.

        Raises:
            DataError: a line before the last is damaged.
        """
        return _read(self.path)[0] if self.path.exists() else []

    def close(self) -> None:
        """Unlock the file; safe to call twice."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _read(path: Path) -> tuple[list[dict[str, Any]], int]:
    """The whole rows, and the length in bytes of the file's whole part."""
    rows: list[dict[str, Any]] = []
    whole = 0
    data = path.read_bytes()
    lines = data.split(b"\n")
    # What follows the last newline was never finished, however it looks.
    for number, line in enumerate(lines[:-1], start=1):
        row = _decode(line)
        if row is None:
            if number == len(lines) - 1 and lines[-1] == b"":
                break  # the last line: a torn write that happened to end in a newline byte
            raise DataError(
                f"{path}: line {number} is damaged (its checksum does not match); "
                "move the file away, or delete that line to ask for its answer again"
            )
        rows.append(row)
        whole += len(line) + 1
    return rows, whole


def _decode(line: bytes) -> dict[str, Any] | None:
    checksum, _, data = line.partition(b" ")
    if checksum != b"%08x" % zlib.crc32(data):
        return None
    try:
        return json_object(msgspec.json.decode(data))
    except msgspec.DecodeError:
        return None
