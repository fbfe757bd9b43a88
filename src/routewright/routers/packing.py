"""Learned values ↔ named arrays: what an artefact holds is plain data, and is checked as such.

    @dataclass(frozen=True, eq=False)
    class Ridge:
        coef: Annotated[Floats, Holds("f m")]
        sigma: Annotated[Floats, Holds("m", low=0)]
        alpha: Annotated[float, Holds(low=0)]

A field's type says which type its array has; ``Holds`` says the rest. Nothing of it is looked at
when a router is fitted, everything when it is read back from a disk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]
T = TypeVar("T")

_SLACK = 1e-9  # a mean of scores may pass their bounds by its last bits
_NUMBERS = {float: "fiu", int: "iu", bool: "b"}


@dataclass(frozen=True)
class Holds:
    """What an array must be to be believed.

    Attributes:
        axes: one word an axis: a name, which has one size wherever it stands among the fields of
            a dataclass, or a number, which is the size; none for a single number.
        low: the least value allowed.
        high: the largest.
    """

    axes: str = ""
    low: float = -np.inf
    high: float = np.inf


def pack(prefix: str, value: Any) -> Arrays:
    """The fields of a dataclass of arrays and numbers, as arrays under ``prefix.``."""
    return {f"{prefix}.{f.name}": np.asarray(getattr(value, f.name)) for f in fields(value)}


def unpack(prefix: str, kind: type[T], arrays: Mapping[str, NDArray[Any]]) -> T:
    """The dataclass that ``pack`` took apart.

    Raises:
        KeyError: an array is missing.
        ValueError: an array has another type or shape, or values out of bounds.
    """
    hints = get_type_hints(kind, include_extras=True)
    sizes: dict[str, int] = {}
    found: dict[str, Any] = {}
    for field in fields(kind):  # pyright: ignore[reportArgumentType]  # T is always a dataclass
        name = f"{prefix}.{field.name}"
        hint, holds = hints[field.name], None
        if get_origin(hint) is Annotated:
            hint, *notes = get_args(hint)
            holds = next((note for note in notes if isinstance(note, Holds)), None)
        array = arrays[name]
        _expect_type(name, array, hint)
        if holds is not None:
            _expect_holds(name, array, holds, sizes)
        found[field.name] = array if array.ndim else array.item()
    return kind(**found)


def expect(
    name: str, array: NDArray[Any], holds: Holds, dtype: type[np.generic] = np.float64
) -> NDArray[Any]:
    """The array, if it is what it must be: for what stands in no dataclass.

    Raises:
        ValueError: another type or shape, or values out of bounds.
    """
    if array.dtype != np.dtype(dtype):
        raise ValueError(f"{name} holds {array.dtype}, not {np.dtype(dtype)}")
    _expect_holds(name, array, holds, {})
    return array


def _expect_holds(name: str, array: NDArray[Any], holds: Holds, known: dict[str, int]) -> None:
    """Check shape and bounds; ``known`` remembers the sizes of named axes."""
    axes = holds.axes.split()
    fits = array.ndim == len(axes) and all(
        size == (int(axis) if axis.isdecimal() else known.setdefault(axis, size))
        for axis, size in zip(axes, array.shape, strict=True)
    )
    if not fits:
        told = ", ".join(f"{axis}={known[axis]}" if axis in known else axis for axis in axes)
        raise ValueError(f"{name} has shape {array.shape}, not ({told})")
    if array.size and (array.min() < holds.low - _SLACK or array.max() > holds.high + _SLACK):
        raise ValueError(f"{name} has values outside [{holds.low:g}, {holds.high:g}]")


def expect_simplex(name: str, weights: NDArray[Any], size: int) -> NDArray[Any]:
    """Weights (size,) of 0 or more that sum to 1.

    Raises:
        ValueError: they aren't.
    """
    expect(name, weights, Holds(str(size), low=0, high=1))
    if abs(float(weights.sum()) - 1) > 1e-6:
        raise ValueError(f"{name} sum to {float(weights.sum()):g}, not 1")
    return weights


def under(prefix: str, arrays: Arrays) -> Arrays:
    """The arrays whose names start with ``prefix.``, named without it."""
    start = f"{prefix}."
    return {name.removeprefix(start): a for name, a in arrays.items() if name.startswith(start)}


def _expect_type(name: str, array: NDArray[Any], hint: Any) -> None:
    if hint in _NUMBERS:
        if array.ndim or array.dtype.kind not in _NUMBERS[hint]:
            raise ValueError(f"{name} is {array.dtype}{list(array.shape)}, not one {hint.__name__}")
        return
    wanted = next((a for part in get_args(hint) for a in get_args(part) if _is_scalar(a)), None)
    if wanted is not None and array.dtype != np.dtype(wanted):
        raise ValueError(f"{name} holds {array.dtype}, not {np.dtype(wanted)}")


def _is_scalar(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, np.generic)
