"""Learned values ↔ named arrays: what an artefact holds is plain data."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]
T = TypeVar("T")


def pack(prefix: str, value: Any) -> Arrays:
    """The fields of a dataclass of arrays and numbers, as arrays under ``prefix.``."""
    return {f"{prefix}.{f.name}": np.asarray(getattr(value, f.name)) for f in fields(value)}


def unpack(prefix: str, kind: type[T], arrays: Arrays) -> T:
    """The dataclass that ``pack`` took apart.

    A field with a default may be missing: the artefact is older than the field.

    Raises:
        KeyError: an array is missing.
    """
    found: dict[str, Any] = {}
    for field in fields(kind):  # pyright: ignore[reportArgumentType]  # T is always a dataclass
        if field.default is not MISSING and f"{prefix}.{field.name}" not in arrays:
            continue
        array = arrays[f"{prefix}.{field.name}"]
        found[field.name] = array if array.ndim else array.item()
    return kind(**found)


def under(prefix: str, arrays: Arrays) -> Arrays:
    """The arrays whose names start with ``prefix.``, named without it."""
    start = f"{prefix}."
    return {name.removeprefix(start): a for name, a in arrays.items() if name.startswith(start)}
