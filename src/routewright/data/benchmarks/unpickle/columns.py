"""The columns of an unpickled frame, as JSON. Run inside the worker, with the standard library."""

from __future__ import annotations

import base64
import math
import sys
from array import array
from typing import TYPE_CHECKING, Any, cast

# The worker runs as a script: its siblings are found by folder, not by package.
if TYPE_CHECKING:
    from routewright.data.benchmarks.unpickle.inert import (
        CODES,
        Array,
        Block,
        BrokenError,
        Frame,
        Index,
        Kind,
        Manager,
        Range,
        Slice,
    )
else:
    from inert import CODES, Array, Block, BrokenError, Frame, Index, Kind, Manager, Range, Slice

DESCRIBED_CHARS = 120


def columns_of(frame: object) -> tuple[int, list[tuple[str, Any]]]:
    """The number of rows, and each column's name with its values, in the frame's order."""
    if not isinstance(frame, Frame):
        raise BrokenError(f"it holds {described(frame)}, not a pandas DataFrame")
    state = as_dict(frame.state)
    manager = state.get("_mgr") or state.get("_data")
    if not isinstance(manager, Manager):
        raise BrokenError("a DataFrame without its blocks")
    blocks, axes = parts_of(manager)
    if len(axes) != 2:
        raise BrokenError(f"a table of {len(axes)} dimensions")
    names, n = [str(name) for name in labels(axes[0])], length(axes[1])
    found: dict[int, Any] = {}
    for values, placement in blocks:
        for at, column in zip(places(placement, len(names)), rows(values, n), strict=True):
            found[at] = column
    if len(found) != len(names):
        raise BrokenError(f"{len(names)} names for {len(found)} columns")
    return n, [(name, found[at]) for at, name in enumerate(names)]


def parts_of(manager: Manager) -> tuple[list[tuple[Any, Any]], list[Any]]:
    """The blocks as (values, placement), and the axes: names of columns, names of rows."""
    if manager.args:  # pandas 1.3 and later: (blocks, axes)
        blocks, axes = manager.args[:2]
        return [(b.args[0], b.args[1]) for b in blocks if isinstance(b, Block)], list(axes)
    # Before: (axes, values, items, {"0.14.1": {"axes": ..., "blocks": [{...}]}})
    newest = as_dict(as_dict(as_tuple(manager.state)[3])["0.14.1"])
    older = [as_dict(block) for block in newest["blocks"]]
    return [(block["values"], block["mgr_locs"]) for block in older], list(newest["axes"])


def labels(axis: object) -> list[Any]:
    """The names along an axis."""
    kind, known = index_of(axis)
    if kind is Range:
        return list(range(known["start"], known["stop"], known["step"]))
    return list(rows(known["data"], None)[0])


def length(axis: object) -> int:
    """How many names an axis has; a range is not written out."""
    kind, known = index_of(axis)
    if kind is Range:
        return len(range(known["start"], known["stop"], known["step"]))
    return len(labels(axis))


def index_of(axis: object) -> tuple[Any, dict[str, Any]]:
    """The kind of an axis and what describes it."""
    if not isinstance(axis, Index) or len(axis.args) != 2:
        raise BrokenError("an axis that is no plain index")
    return axis.args[0], as_dict(axis.args[1])


def places(placement: object, count: int) -> list[int]:
    """Which columns a block holds."""
    if isinstance(placement, Slice):
        found = list(range(*slice(*placement.args).indices(count)))
    else:
        found = list(rows(placement, None)[0])
    if any(type(at) is not int or not 0 <= at < count for at in found):
        raise BrokenError("a block of columns that the table doesn't have")
    return found


def rows(values: object, n: int | None) -> list[Any]:
    """The rows of an array of one or two dimensions, each a list or an array.array."""
    if not isinstance(values, Array):
        raise BrokenError(f"{described(values)} where an array of numbers or texts is due")
    _, given, kind, fortran, data = as_tuple(values.state)
    shape = as_tuple(given)
    if not isinstance(kind, Kind) or len(shape) not in (1, 2):
        raise BrokenError("an array of unknown shape")
    count, width = (1, shape[0]) if len(shape) == 1 else shape
    objects = kind.code.startswith("O")
    flat: Any = as_list(data) if objects else numbers(data, kind)
    if len(flat) != count * width or (n is not None and width != n):
        raise BrokenError(f"an array of {len(flat)} values where {count} x {n or width} are due")
    # Numbers stand in memory order, objects in the order of the indices, whatever the flag says.
    if fortran and not objects:
        return [flat[at::count] for at in range(count)]
    return [flat[at * width : (at + 1) * width] for at in range(count)]


def numbers(data: object, kind: Kind) -> array[Any]:
    """Numbers from their bytes."""
    if kind.code not in CODES or not isinstance(data, bytes | bytearray):
        raise BrokenError(f"an array of type {described(kind.code)}; numbers and texts are read")
    flat: array[Any] = array(CODES[kind.code])
    if flat.itemsize != int(kind.code[1:]) or len(data) % flat.itemsize:
        raise BrokenError(f"an array of {kind.code} with {len(data)} bytes")
    flat.frombytes(data)
    if kind.swapped:
        flat.byteswap()
    return flat


def packed(name: str, values: Any) -> dict[str, Any]:
    """A column as JSON: numbers as little-endian float64 in base64, texts as they are."""
    if isinstance(values, array):
        return {"column": name, "numbers": base64_of(cast("array[Any]", values))}
    cells = as_list(values)
    kinds: set[type] = {type(cell) for cell in cells if not is_missing(cell)}
    if kinds <= {str} or (kinds <= {str, list} and all(is_plain(cell) for cell in cells)):
        return {"column": name, **texts_of(cells)}
    if kinds <= {float, int, bool}:
        doubles = array("d", [math.nan if cell is None else cell for cell in cells])
        return {"column": name, "numbers": base64_of(doubles)}
    return {"column": name, "other": " and ".join(sorted(kind.__name__ for kind in kinds))}


def texts_of(cells: list[Any]) -> dict[str, Any]:
    """Texts; where most repeat, each of them once and the numbers of those in the cells."""
    known: dict[str | None, int] = {}
    codes = array("i", [known.setdefault(text(cell), len(known)) for cell in cells])
    if 2 * len(known) > len(cells):
        return {"texts": [text(cell) for cell in cells]}
    if sys.byteorder == "big":
        codes.byteswap()
    return {"texts": list(known), "codes": base64.b64encode(codes).decode()}


def is_missing(cell: object) -> bool:
    """Whether a cell is empty: None, or the NaN that pandas writes among texts."""
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


def is_plain(cell: object) -> bool:
    """Whether a cell is a text, nothing, or a list of texts."""
    return type(cell) is not list or all(type(item) is str for item in as_list(cast("Any", cell)))


def text(cell: object) -> str | None:
    """A cell as text; a list of texts as Python writes it; half a surrogate pair as ?."""
    if is_missing(cell):
        return None
    whole = cell if isinstance(cell, str) else repr(cell)
    return whole if whole.isascii() else whole.encode("utf-8", "replace").decode()


def base64_of(values: array[Any]) -> str:
    """The numbers as float64."""
    doubles = array("d", values)
    if sys.byteorder == "big":
        doubles.byteswap()
    return base64.b64encode(doubles).decode()


def as_tuple(value: object) -> tuple[Any, ...]:
    """The value, which is due to be a tuple."""
    if not isinstance(value, tuple):
        raise BrokenError(f"{described(value)} where a tuple is due")
    return cast("tuple[Any, ...]", value)


def as_list(value: object) -> list[Any]:
    """The value, which is due to be a list."""
    if not isinstance(value, list):
        raise BrokenError(f"{described(value)} where a list is due")
    return cast("list[Any]", value)


def as_dict(value: object) -> dict[Any, Any]:
    """The value, which is due to be a dict."""
    if not isinstance(value, dict):
        raise BrokenError(f"{described(value)} where a dict is due")
    return cast("dict[Any, Any]", value)


def described(value: object) -> str:
    """The name of a value's type, or a text, short enough for one line."""
    return repr(value)[:DESCRIBED_CHARS] if isinstance(value, str) else f"a {type(value).__name__}"
