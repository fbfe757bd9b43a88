"""One table on disk, as Parquet, CSV or JSON Lines: reading with good errors, writing whole."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import msgspec

from routewright.data.json_lines import read_json_lines
from routewright.data.wording import decoded, first_line, read_bytes, shown
from routewright.errors import DataError, require

if TYPE_CHECKING:
    import polars as pl

ENDINGS = (".parquet", ".csv", ".jsonl")


def read_frame(path: Path) -> pl.DataFrame:
    """The rows of a table file. Every CSV column comes as text; the caller turns it into numbers.

    Raises:
        DataError: missing, empty, damaged, not UTF-8, of an unknown kind, or without rows.
    """
    readers = {".parquet": _read_parquet, ".csv": _read_csv, ".jsonl": _read_json_lines}
    if path.suffix.lower() not in readers:
        raise DataError(f"{path}: unknown kind of table; use {', '.join(ENDINGS)}")
    frame = readers[path.suffix.lower()](path)
    if not frame.height:
        raise DataError(f"{path}: the table has no rows; add at least one")
    return frame


def write_frames(folder: Path, frames: Mapping[str, pl.DataFrame]) -> None:
    """Write Parquet files into a folder, each replaced as a whole once all are on disk.

    Raises:
        DataError: the folder cannot be made or written.
    """
    written: list[tuple[Path, Path]] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, frame in frames.items():
            temporary = folder / f".{name}.{uuid4().hex}.part"
            written.append((temporary, folder / name))
            content = io.BytesIO()
            frame.write_parquet(content)
            with temporary.open("xb") as file:
                file.write(content.getbuffer())
                file.flush()
                os.fsync(file.fileno())
        for temporary, target in written:
            temporary.replace(target)
    except OSError as error:
        raise DataError(f"{folder}: cannot be written ({error.strerror})") from error
    finally:
        for temporary, _ in written:
            temporary.unlink(missing_ok=True)


def _read_parquet(path: Path) -> pl.DataFrame:
    pl = require("polars", "train")
    content = read_bytes(path)
    try:
        return pl.read_parquet(io.BytesIO(content))
    # A damaged file can also end in a panic, which is not an Exception.
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise DataError(
            f"{path}: not a whole Parquet file ({first_line(error)}); copy or write it again"
        ) from error


def _read_csv(path: Path) -> pl.DataFrame:
    pl = require("polars", "train")
    text = decoded(read_bytes(path), path).rstrip("\r\n")
    _check_csv(text, path)
    try:
        frame: pl.DataFrame = pl.read_csv(io.BytesIO(text.encode()), infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{path}: malformed CSV ({first_line(error)}); write it again") from error
    return frame


def _check_csv(text: str, path: Path) -> None:
    """Refuse rows that polars would fill up or complain of without their number."""
    # To polars a lone carriage return is text, to the csv module the end of a row.
    lines = re.sub(r"\r(?!\n)", " ", text)
    reader = csv.reader(io.StringIO(lines, newline=""), strict=True)
    no_fields: list[str] = []
    try:
        header = next(reader, no_fields)
        if len(set(header)) < len(header):
            twin = next(name for name in header if header.count(name) > 1)
            raise DataError(f"{path}: column {twin!r} appears twice; rename or delete one")
        for fields in reader:
            if fields and len(fields) != len(header):
                raise DataError(
                    f"{path}: line {reader.line_num} has {len(fields)} fields, the header has "
                    f"{len(header)}; quote a text that holds commas or line breaks"
                )
    except csv.Error as error:
        if "field limit" in str(error):
            return  # a prompt beyond the csv module's limit; polars takes it
        raise DataError(
            f"{path}: line {reader.line_num} is malformed CSV ({error}); "
            "quote texts and double the quotes inside them"
        ) from error


def _read_json_lines(path: Path) -> pl.DataFrame:
    pl = require("polars", "train")
    records = read_json_lines(path)
    columns: dict[str, list[Any]] = {}
    for _, record in records:
        for key in record:
            columns.setdefault(key, [])
    for number, record in records:
        for key, values in columns.items():
            values.append(_plain(record.get(key), key, number, path))
    return pl.DataFrame([_series(name, values, records, path) for name, values in columns.items()])


def _series(
    name: str, values: list[Any], records: list[tuple[int, dict[str, Any]]], path: Path
) -> pl.Series:
    pl = require("polars", "train")
    series: pl.Series = pl.Series(name, values, strict=False)
    # What fits no column type becomes null without a word, such as whole numbers of 60 digits.
    for row in series.is_null().arg_true().to_list():
        if values[row] is not None:
            raise DataError(
                f"{path}: line {records[row][0]}: {name} is {shown(values[row])}, which does not "
                "fit among the other values; give texts or numbers of a common size"
            )
    return series


def _plain(value: Any, key: str, number: int, path: Path) -> Any:
    if not isinstance(value, list | dict):
        return value
    if key != "messages":
        raise DataError(f"{path}: line {number}: {key} is nested; give a text or a number")
    return msgspec.json.encode(value).decode()
