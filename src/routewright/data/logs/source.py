"""The files of a log: found, glanced at, and read row by row without holding them whole."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, NamedTuple, cast

from routewright.data.logs.entry import Dropped, Reason
from routewright.data.wording import missing
from routewright.errors import DataError

MAX_ROW_BYTES = 64 << 20
"""A longer row is dropped: an OTLP line holds many calls, a prompt at most 8 MB."""

_ENDINGS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".txt", ".db", ".log")
_GLANCE_BYTES = 65_536
_KEY = re.compile(r'"([A-Za-z0-9_.]{1,60})"\s*:')

Kind = Literal["sqlite", "parquet", "json", "csv", "text"]


@dataclass(frozen=True)
class Source:
    """A log to read: one file, or a folder of them in order of their names.

    ``column`` names the column of a table that holds the prompt, where it isn't a known one.
    """

    path: Path
    column: str = ""

    def files(self) -> list[Path]:
        """The files, hidden ones left out.

        Raises:
            DataError: there are none.
        """
        if not self.path.exists():
            raise missing(self.path)
        if not self.path.is_dir():
            return [self.path]
        found = [
            file
            for file in sorted(self.path.rglob("*"))
            if file.is_file()
            and plain_suffix(file) in _ENDINGS
            and not any(part.startswith(".") for part in file.relative_to(self.path).parts)
        ]
        if not found:
            raise DataError(f"{self.path}: no files that end in {', '.join(_ENDINGS)}, or in .gz")
        return found

    def place(self, file: Path) -> str:
        """How a file is named in reports: by its name, within the folder if one was given."""
        return str(file.relative_to(self.path)) if self.path.is_dir() else file.name


class Line(NamedTuple):
    """One line of text; ``number`` counts from 1."""

    number: int
    text: str


@dataclass(frozen=True)
class Glance:
    """What a first look at a file tells: its kind, and names of fields at its start."""

    kind: Kind
    keys: frozenset[str]
    paragraphs: bool = False


def plain_suffix(path: Path) -> str:
    """The ending that says the kind: of ``x.jsonl.gz`` it is ``.jsonl``."""
    name = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    return name.suffix.lower()


def open_bytes(path: Path) -> IO[bytes]:
    """The file's bytes, unpacked where its name ends in .gz.

    Raises:
        DataError: it can't be read.
    """
    try:
        packed = path.suffix.lower() == ".gz"
        return cast("IO[bytes]", gzip.open(path, "rb")) if packed else path.open("rb")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error


def start_of(path: Path) -> bytes:
    """The first 64 KB, without a byte order mark.

    Raises:
        DataError: the file is empty, damaged, or UTF-16.
    """
    try:
        with open_bytes(path) as file:
            start = file.read(_GLANCE_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be unpacked ({error}); copy the file again") from error
    if not start.strip():
        raise DataError(f"{path}: the file is empty; export it again")
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{path}: is UTF-16; save it as UTF-8")
    return start.removeprefix(b"\xef\xbb\xbf")


def glance(path: Path) -> Glance:
    """Recognise the kind of a file without reading it all.

    Raises:
        DataError: no kind that is understood, such as an image.
    """
    start = start_of(path)
    if start.startswith(b"SQLite format 3\0"):
        return Glance("sqlite", frozenset())
    if start.startswith(b"PAR1"):
        return Glance("parquet", frozenset(_parquet_columns(path)))
    if _is_binary(start):
        raise DataError(
            f"{path}: is binary, and neither SQLite nor Parquet; give the export itself"
        )
    text = start.decode("utf-8", "replace")
    if text.lstrip()[:1] in ("{", "["):
        return Glance("json", frozenset(_KEY.findall(text)))
    header = text.splitlines()[0]
    names = [name.strip().strip('"') for name in header.split(delimiter_of(header))]
    if plain_suffix(path) in (".csv", ".tsv"):
        return Glance("csv", frozenset(names))
    return Glance(
        "text", frozenset(), paragraphs=bool(re.search(r"\S.*\n.*\S.*\r?\n\s*\r?\n\s*\S", text))
    )


def _is_binary(start: bytes) -> bool:
    """Whether the first line is no text; further down it is the line that is damaged."""
    line = start[:4096].partition(b"\n")[0]
    if line.lstrip()[:1] in (b"{", b"["):
        return False
    try:
        line.decode()
    except UnicodeDecodeError as error:
        return len(line) < 4096 or error.start < len(line) - 4  # else a letter cut in two
    return b"\0" in line or line.startswith(b"%PDF")


def delimiter_of(header: str) -> str:
    """What separates the names of a table's first line: the most frequent of , ; and tab."""
    return max(",;\t", key=header.count)


def lines(path: Path, place: str) -> Iterator[Line | Dropped]:
    """The lines of a text file without their ends; blank ones are passed over.

    A line that is not UTF-8, holds NUL bytes or is too long comes as dropped.
    """
    start_of(path)
    with open_bytes(path) as file:
        number = 0
        while True:
            number += 1
            try:
                raw = file.readline(MAX_ROW_BYTES + 1)
                if len(raw) > MAX_ROW_BYTES and not raw.endswith(b"\n"):
                    _skip_line(file)
                    yield Dropped(f"{place}:{number}", Reason.TOO_LARGE, "over 64 MB")
                    continue
            except (OSError, EOFError, zlib.error):
                yield Dropped(f"{place}:{number}", Reason.BROKEN, "the packed file ends early")
                return
            if not raw:
                return
            line = _text(raw, f"{place}:{number}", number)
            if isinstance(line, Dropped) or line.text.strip():
                yield line


def _text(raw: bytes, place: str, number: int) -> Line | Dropped:
    if b"\0" in raw:
        return Dropped(place, Reason.BINARY, "holds NUL bytes")
    if number == 1:
        raw = raw.removeprefix(b"\xef\xbb\xbf")
    try:
        return Line(number, raw.rstrip(b"\r\n").decode())
    except UnicodeDecodeError:
        return Dropped(place, Reason.ENCODING)


def _skip_line(file: IO[bytes]) -> None:
    while True:
        raw = file.readline(MAX_ROW_BYTES)
        if not raw or raw.endswith(b"\n"):
            return


def _parquet_columns(path: Path) -> list[str]:
    from routewright.data.logs.records import parquet_columns

    return parquet_columns(path)
