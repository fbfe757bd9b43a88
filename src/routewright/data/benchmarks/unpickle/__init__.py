"""A pickled data frame as a table, read by another process that runs none of it.

The project reads and writes no pickles of its own. RouterBench is published as nothing else,
so its file goes, unopened, to the standard input of ``worker.py``: ``python -I -S`` with
an empty environment in a fresh directory, limits on CPU, memory and time, and a list of the few
names that a frame of numbers and texts needs. What comes back is JSON. Needs a POSIX system.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import msgspec
import numpy as np

from routewright.data.wording import missing, shown
from routewright.errors import DataError, UsageError, require

if TYPE_CHECKING:
    import polars as pl

GIB = 1 << 30
_WORKER = Path(__file__).with_name("worker.py")
_WAY_OUT = "save the table as Parquet where it was made"


@dataclass(frozen=True)
class Pickled:
    """The columns of numbers and texts, and of each other column what it holds."""

    frame: pl.DataFrame
    others: dict[str, str]


@dataclass(frozen=True)
class Limits:
    """What reading a pickle may cost: wall and CPU time in seconds, memory in bytes."""

    time_s: int
    memory_bytes: int

    @classmethod
    def for_size(cls, size_bytes: int) -> Limits:
        """A minute, and more by size: texts can take four times their bytes in memory."""
        return cls(60 + size_bytes // 2_000_000, GIB + 6 * size_bytes)


class _Line(msgspec.Struct):
    rows: int | None = None
    column: str | None = None
    texts: list[str | None] | None = None
    codes: str | None = None
    numbers: str | None = None
    other: str | None = None
    refused: str | None = None
    broken: str | None = None
    exhausted: str | None = None


def read_pickle(
    path: Path, *, without: Sequence[str] = (), limits: Limits | None = None
) -> Pickled:
    """The columns of a pickled pandas DataFrame that hold numbers or texts; NaN becomes null.

    Args:
        path: a pickle of protocol 2 to 5 from pandas 1 or 2.
        without: endings of names of columns that are left out.
        limits: what it may cost; by default by the size of the file.

    Raises:
        DataError: the pickle names anything but a frame's parts, is damaged, holds no such
            frame, or costs too much to read.
        UsageError: this system can't confine the reading process (it is not POSIX).
        MissingExtraError: polars is not installed.
    """
    pl = require("polars", "train")
    if os.name != "posix":
        raise UsageError(f"{path}: reading a pickle needs a POSIX system; convert it to Parquet")
    limits = limits or Limits.for_size(_size_bytes(path))
    with tempfile.TemporaryFile() as output:
        late, code = _spawn(path, output, without, limits)
        output.seek(0)
        columns, n = _columns(output, path, f"more than {limits.time_s} s" if late else "", code)
    series: dict[str, Any] = {}
    others: dict[str, str] = {}
    for line in columns:
        name = line.column or ""
        if name in series or name in others:
            raise DataError(f"{path}: column {shown(name)} appears twice; rename one")
        if line.other is not None:
            others[name] = line.other
            continue
        if line.texts is not None:
            series[name] = pl.Series(name, line.texts, dtype=pl.String)
            if line.codes is not None:
                series[name] = series[name].gather(_numbers(line.codes, "<i4", name, path))
        else:
            values = _numbers(line.numbers or "", "<f8", name, path)
            series[name] = pl.Series(name, values).fill_nan(None)
        if len(series[name]) != n:
            raise DataError(f"{path}: column {shown(name)} has {len(series[name])} of {n} rows")
    if not n or not series:
        raise DataError(f"{path}: the table has no rows of numbers or texts")
    return Pickled(pl.DataFrame(list(series.values())), others)


def _size_bytes(path: Path) -> int:
    try:
        with path.open("rb") as file:
            start = file.read(4)
            size_bytes = file.seek(0, os.SEEK_END)
    except FileNotFoundError:
        raise missing(path) from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    if not size_bytes:
        raise DataError(f"{path}: the file is empty; copy it again")
    if start[:2] == b"\x1f\x8b" or start[:2] == b"PK" or start[:3] == b"BZh":
        raise DataError(f"{path}: the file is compressed; unpack it first")
    if start.startswith((b"vers", b"<htm", b"<!DO")):
        raise DataError(
            f"{path}: not the data but a pointer or page in its place; download the file itself"
        )
    return size_bytes


def _spawn(
    path: Path, output: IO[bytes], without: Sequence[str], limits: Limits
) -> tuple[bool, int]:
    """Run the worker; whether it had to be killed for being late, and its exit code."""
    arguments = [str(limits.time_s), str(limits.memory_bytes), *without]
    with path.open("rb") as pickled, tempfile.TemporaryDirectory(prefix="routewright-") as folder:
        worker = subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", str(_WORKER), *arguments],
            stdin=pickled,
            stdout=output,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env={},
            start_new_session=True,
        )
        late = False
        try:
            worker.wait(timeout=limits.time_s)
        except subprocess.TimeoutExpired:
            late = True
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()
        return late, worker.returncode


def _columns(output: IO[bytes], path: Path, late: str, code: int) -> tuple[list[_Line], int]:
    columns: list[_Line] = []
    n: int | None = None
    for row in output:
        try:
            line = msgspec.json.decode(row, type=_Line)
        except msgspec.DecodeError:
            break
        _complain(line, path)
        if line.rows is not None:
            n = line.rows
        elif line.column is not None:
            columns.append(line)
    if late or code == -signal.SIGXCPU:
        raise DataError(f"{path}: reading it takes {late or 'too long'}; {_WAY_OUT}")
    if code != 0 or n is None:
        end = f"signal {-code}" if code < 0 else f"exit code {code}"
        raise DataError(f"{path}: its reader ended early ({end}); {_WAY_OUT}")
    return columns, n


def _complain(line: _Line, path: Path) -> None:
    if line.refused is not None:
        raise DataError(
            f"{path}: refused: the pickle names {line.refused}, which is no part of a table of "
            f"numbers and texts; a pickle can carry a program, so nothing else is read. If you "
            f"trust it, {_WAY_OUT}"
        )
    if line.exhausted is not None:
        raise DataError(f"{path}: reading it takes {line.exhausted}; {_WAY_OUT}")
    if line.broken is not None:
        raise DataError(
            f"{path}: no pickled table that can be read ({_one_line(line.broken)}); copy it again, "
            f"or {_WAY_OUT}"
        )


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _numbers(packed: str, kind: str, column: str, path: Path) -> Any:
    try:
        return np.frombuffer(base64.b64decode(packed, validate=True), dtype=kind)
    except (binascii.Error, ValueError) as error:
        raise DataError(f"{path}: column {shown(column)} was not read whole") from error
