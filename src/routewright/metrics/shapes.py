"""What goes into a metric: arrays of one shape without NaN, or an error that names the array."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


def vectors(**given: ArrayLike) -> tuple[Floats, ...]:
    """The arrays, each (n,), n at least 1, in the order given.

    Raises:
        ValueError: one isn't a vector, is empty, holds NaN or has another length than the first.
    """
    arrays = _arrays(given, "(n,)", 1)
    return tuple(arrays)


def matrices(**given: ArrayLike) -> tuple[Floats, ...]:
    """The arrays, each (n, m), n and m at least 1, in the order given.

    Raises:
        ValueError: one isn't a matrix, is empty, holds NaN or has another shape than the first.
    """
    return tuple(_arrays(given, "(n, m)", 2))


def choice(chosen: ArrayLike, rows: int, columns: int, name: str = "chosen") -> Ints:
    """A column for each prompt (n,).

    Raises:
        ValueError: another number of prompts than ``rows``, or a column out of 0..columns-1.
    """
    taken = np.asarray(chosen)
    if taken.shape != (rows,) or not np.issubdtype(taken.dtype, np.integer):
        raise ValueError(f"{name} must hold a column for each of the {rows} prompts")
    if rows and (taken.min() < 0 or taken.max() >= columns):
        raise ValueError(f"{name} must hold columns from 0 to {columns - 1}")
    return taken.astype(np.intp)


def share(name: str, value: float) -> float:
    """A number from 0 to 1.

    Raises:
        ValueError: it isn't one; percentages are refused, not guessed.
    """
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be a share from 0 to 1, not {value}")
    return float(value)


def _arrays(given: dict[str, ArrayLike], shape: str, dimensions: int) -> list[Floats]:
    arrays = [np.asarray(array, dtype=np.float64) for array in given.values()]
    for name, array in zip(given, arrays, strict=True):
        if array.ndim != dimensions or not array.size:
            raise ValueError(f"{name} must have shape {shape} and hold something: {array.shape}")
        if array.shape != arrays[0].shape:
            first = next(iter(given))
            raise ValueError(f"{name} has shape {array.shape}, {first} has {arrays[0].shape}")
        if np.isnan(array).any():
            raise ValueError(f"{name} holds NaN: keep complete prompts only")
    return arrays
