"""How a fault in data is put into words: one line, with the nearest right name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

from routewright.errors import DataError

SHOWN_CHARS = 60


def shown(value: object) -> str:
    """The value as Python writes it, on one line and cut to a length that reads well."""
    text = repr(value)
    return text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1] + "…"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is spelt most like this one, if any is near."""
    spelt = {option.strip().casefold(): option for option in known}
    near = difflib.get_close_matches(name.strip().casefold(), spelt, n=1, cutoff=0.6)
    return spelt[near[0]] if near else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``; did you mean 'score'?`` where a known name is near, else nothing."""
    near = nearest(name, known)
    return f"; did you mean {shown(near)}?" if near else ""


def first_line(error: BaseException) -> str:
    """What a library said, cut to one line."""
    return shown(str(error).strip().partition("\n")[0]).strip("'\"") or type(error).__name__


def read_bytes(path: Path) -> bytes:
    """The whole file.

    Raises:
        DataError: there is no such file, it cannot be read, or it is empty.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise missing(path) from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    if not content.strip():
        raise DataError(f"{path}: the file is empty; write it again")
    return content


def missing(path: Path) -> DataError:
    """The error for a path where nothing is, naming a neighbour with a similar name."""
    folder = path.parent
    try:
        neighbours = [entry.name for entry in folder.iterdir()]
    except OSError:
        return DataError(f"{path}: no such file or folder, nor is there a folder {folder}")
    hint = did_you_mean(path.name, neighbours) or "; check the path"
    return DataError(f"{path}: no such file or folder{hint}")


def decoded(content: bytes, path: Path) -> str:
    """The text of a UTF-8 file, without its byte order mark.

    Raises:
        DataError: the line with the first byte that is not UTF-8.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # Count in the object: with a byte order mark, the codec's offset leaves the mark out.
        line = error.object[: error.start].count(b"\n") + 1
        raise DataError(f"{path}: line {line} is not UTF-8; save the file as UTF-8") from error
