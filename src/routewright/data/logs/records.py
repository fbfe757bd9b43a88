"""Rows with named fields, from JSON Lines, JSON, CSV or Parquet: what most logs are exported as."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

import msgspec

from routewright.data.logs.entry import Dropped, Entry, Logged, Reason, UnusableError
from routewright.data.logs.source import (
    MAX_ROW_BYTES,
    Source,
    delimiter_of,
    lines,
    open_bytes,
    plain_suffix,
    start_of,
)
from routewright.data.wording import first_line
from routewright.errors import DataError, require
from routewright.types import json_object

_PARQUET_ROWS = 5_000
_SURROGATE = re.compile("[\ud800-\udfff]")  # what surrogateescape makes of bytes not UTF-8


class Record(NamedTuple):
    """One row: where it stands, and its fields."""

    place: str
    fields: dict[str, Any]


def records(source: Source) -> Iterator[Record | Dropped]:
    """Every row of every file.

    A JSON file may be one object a line, one list, one object, or one with the rows under
    ``data``.

    Raises:
        DataError: a file that is empty, packed badly, or no whole Parquet or JSON list.
    """
    for file in source.files():
        yield from _of_file(file, source.place(file))


def value(cell: object) -> object:
    """A cell with JSON inside, decoded; any other as it is."""
    if isinstance(cell, str) and cell.lstrip()[:1] in ("{", "[", '"'):
        try:
            return msgspec.json.decode(cell)
        except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
            return cell
    return cell


def first(fields: dict[str, Any], *names: str) -> Any:
    """The first of these fields that is filled in, else None."""
    for name in names:
        found = fields.get(name)
        if found not in (None, "", {}, []):
            return found
    return None


def _of_file(file: Path, place: str) -> Iterator[Record | Dropped]:
    start = start_of(file)
    if start.startswith(b"PAR1"):
        return _parquet(file, place)
    opening = start.lstrip()[:1]
    if opening == b"[" or (opening == b"{" and _is_spread(start)):
        return _document(file, place)
    if opening == b"{" or plain_suffix(file) not in (".csv", ".tsv"):
        return _json_lines(file, place)
    return _csv(file, place)


def _is_spread(start: bytes) -> bool:
    """Whether a JSON object goes over many lines, as pretty-printers write it."""
    return start.lstrip().partition(b"\n")[0].rstrip() == b"{"


def _json_lines(file: Path, place: str) -> Iterator[Record | Dropped]:
    decoder = msgspec.json.Decoder()
    for line in lines(file, place):
        if isinstance(line, Dropped):
            yield line
            continue
        where = f"{place}:{line.number}"
        try:
            found = decoder.decode(line.text)
        except (msgspec.DecodeError, RecursionError):
            yield Dropped(where, Reason.BROKEN, "not whole JSON")
            continue
        yield from _unwrapped(found, where)


def _unwrapped(found: object, place: str) -> Iterator[Record | Dropped]:
    fields = json_object(found)
    inner = (fields or {}).get("data")
    if not isinstance(inner, list):
        yield _record(found, place)
        return
    for number, item in enumerate(cast("list[object]", inner), start=1):
        yield _record(item, f"{place} record {number}")


def _record(found: object, place: str) -> Record | Dropped:
    fields = json_object(found)
    if fields is None:
        return Dropped(place, Reason.BROKEN, "JSON but not an object {...}")
    return Record(place, fields)


def _document(file: Path, place: str) -> Iterator[Record | Dropped]:
    with open_bytes(file) as opened:
        content = opened.read().removeprefix(b"\xef\xbb\xbf")
    try:
        if content.lstrip()[:1] == b"{":
            yield from _unwrapped(msgspec.json.decode(content), place)
            return
        # Raw: a list of a million rows is decoded one at a time.
        parts = msgspec.json.decode(content, type=list[msgspec.Raw])
        for number, part in enumerate(parts, start=1):
            yield _record(msgspec.json.decode(part), f"{place} record {number}")
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise DataError(
            f"{file}: not whole JSON ({first_line(error)}); export it again, or as JSON Lines"
        ) from error


def _csv(file: Path, place: str) -> Generator[Record | Dropped]:
    limit = csv.field_size_limit(MAX_ROW_BYTES)
    try:
        with open_bytes(file) as opened:
            text = io.TextIOWrapper(opened, "utf-8-sig", errors="surrogateescape", newline="")
            header = text.readline()
            text.seek(0)
            reader = csv.reader(text, delimiter=delimiter_of(header), strict=True)
            names = [name.strip() for name in next(reader)]
            if len(set(names)) < len(names):
                raise DataError(f"{file}: a column appears twice; rename or delete one")
            while True:
                number = reader.line_num + 1
                try:
                    cells = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    yield Dropped(f"{place}:{number}", Reason.BROKEN, f"malformed CSV ({error})")
                    continue
                if cells:
                    yield _csv_row(names, cells, f"{place}:{number}")
    finally:
        csv.field_size_limit(limit)


def _csv_row(names: list[str], cells: list[str], place: str) -> Record | Dropped:
    if len(cells) != len(names):
        note = f"{len(cells)} fields, the header has {len(names)}"
        return Dropped(place, Reason.BROKEN, note)
    joined = "".join(cells)
    if "\0" in joined:
        return Dropped(place, Reason.BINARY, "holds NUL bytes")
    if not joined.isascii() and _SURROGATE.search(joined):
        return Dropped(place, Reason.ENCODING)
    return Record(place, dict(zip(names, cells, strict=True)))


def parquet_columns(file: Path) -> list[str]:
    """The names of a Parquet file's columns.

    Raises:
        DataError: not a whole Parquet file.
        MissingExtraError: polars is not installed.
    """
    pl = require("polars", "train")
    try:
        return list(pl.scan_parquet(file).collect_schema().names())
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise DataError(
            f"{file}: not a whole Parquet file ({first_line(error)}); copy or write it again"
        ) from error


def _parquet(file: Path, place: str) -> Iterator[Record | Dropped]:
    pl = require("polars", "train")
    parquet_columns(file)
    start = 0
    while True:
        try:
            frame = pl.scan_parquet(file).slice(start, _PARQUET_ROWS).collect()
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
            raise DataError(
                f"{file}: damaged after row {start:,} ({first_line(error)}); copy it again"
            ) from error
        if not frame.height:
            return
        for number, fields in enumerate(frame.iter_rows(named=True), start=start + 1):
            yield Record(f"{place} row {number}", fields)
        start += frame.height


def entries(source: Source, read: Callable[[Record], Logged]) -> Iterator[Entry]:
    """What ``read`` makes of every row; a row that it can't use comes as dropped."""
    for found in records(source):
        if isinstance(found, Dropped):
            yield found
            continue
        try:
            yield read(found)
        except UnusableError as error:
            yield error.at(found.place)
