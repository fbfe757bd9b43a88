"""JSON of other people's making: typed, with the file, record and field in every complaint."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from routewright.data.wording import first_line, read_bytes
from routewright.errors import DataError

Record = TypeVar("Record")

# Python's own JSON writer puts these where no JSON reader expects them.
_NO_NUMBER = re.compile(rb'"([^"\\\n]{1,60})"\s*:\s*(NaN|-?Infinity)\b')
_ITEM = re.compile(r"\[(\d+)\]")


def read_json(path: Path, kind: type[Record]) -> Record:
    """The JSON of a file as the given type.

    Raises:
        DataError: the file is missing, empty, cut off, or holds something else; the record and
            field where they are known.
    """
    return decoded_json(read_bytes(path), kind, str(path))


def decoded_json(
    content: bytes, kind: type[Record], place: str, *, is_line: bool = False
) -> Record:
    """JSON as the given type; ``place`` names the file, or the line of it where ``is_line``.

    Raises:
        DataError: as ``read_json``.
    """
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.ValidationError as error:
        raise DataError(f"{place}: {_located(str(error))}") from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        odd = _NO_NUMBER.search(content)
        if odd:
            number = content.count(b"\n", 0, odd.start()) + 1
            line = "" if is_line else f"line {number}: "
            field, value = odd[1].decode("utf-8", "replace"), odd[2].decode()
            raise DataError(
                f"{place}: {line}{field} is {value}, which JSON can't hold; write null"
            ) from error
        raise DataError(
            f"{place}: not whole JSON ({first_line(error)}); copy the file again"
        ) from error


def read_lines(path: Path, kind: type[Record]) -> Iterator[tuple[str, Record]]:
    """The objects of a JSON Lines file, each with its place; blank lines are passed over.

    Raises:
        DataError: as ``read_json``, with the number of the line.
    """
    for number, line in enumerate(read_bytes(path).split(b"\n"), start=1):
        if line.strip():
            place = f"{path}: line {number}"
            yield place, decoded_json(line, kind, place, is_line=True)


def first_keys(path: Path) -> set[str]:
    """Names at the start of a file of JSON objects, without reading it all; none elsewhere."""
    try:
        with path.open("rb") as file:
            start = file.read(65_536)
    except OSError:
        return set()
    found = re.match(rb"\s*\[?\s*(?=\{)", start)
    if not found:
        return set()
    return {key.decode() for key in re.findall(rb'"([A-Za-z0-9_ ]{1,40})"\s*:', start)}


def _located(message: str) -> str:
    """msgspec's ``Expected `str`, got `int` - at `$[3].score``` as record 4, score."""
    what, _, where = message.partition(" - at `$")
    where = where.rstrip("`")
    item = _ITEM.search(where)
    record = f"record {int(item[1]) + 1}" if item else ""
    field = _ITEM.sub("", where).strip(".").removeprefix("records").strip(".")
    named = ", ".join(part for part in (record, field) if part)
    return f"{named}: {what}; correct it" if named else f"{what}; correct it"
