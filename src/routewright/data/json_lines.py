"""JSON Lines: one object a line, with the line number in every complaint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from routewright.data.wording import decoded, first_line, read_bytes
from routewright.errors import DataError


def read_json_lines(path: Path) -> list[tuple[int, dict[str, Any]]]:
    """Every object of the file with its line number, from 1; blank lines are passed over.

    Raises:
        DataError: the file is missing or empty, or the line that is not one JSON object in UTF-8.
    """
    decoder = msgspec.json.Decoder(dict[str, Any])
    found: list[tuple[int, dict[str, Any]]] = []
    # Not str.splitlines: JSON text may hold U+2028 and its kin unescaped.
    for number, line in enumerate(decoded(read_bytes(path), path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            found.append((number, decoder.decode(line)))
        except msgspec.ValidationError as error:
            raise DataError(f"{path}: line {number} is JSON but not an object {{...}}") from error
        except (msgspec.DecodeError, RecursionError) as error:
            raise DataError(
                f"{path}: line {number} is not whole JSON ({first_line(error)}); "
                "every line is one object"
            ) from error
    return found
