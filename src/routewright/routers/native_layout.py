"""A fitted stack router's numbers as C has them: its structures, and its matrices in 16 bits."""

from __future__ import annotations

import ctypes
import math
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from routewright.encoders.space import REACH

if TYPE_CHECKING:
    from routewright.routers.stack import StackRouter

Arrays = dict[str, Any]
"""Fields of C's structures by name: arrays for pointers, None for null, numbers for the rest."""

PACKED = ("first", "second", "places")  # the large matrices
_COLUMNS, _MOST_CODE = 32, 32_767  # of a block; of a packed matrix


def pointer(kind: Any) -> Any:
    """A pointer to a C type."""
    return cast("Any", ctypes.POINTER)(kind)


F32, F64, U8 = (pointer(kind) for kind in (ctypes.c_float, ctypes.c_double, ctypes.c_uint8))
I16, I32, I64 = (pointer(kind) for kind in (ctypes.c_int16, ctypes.c_int32, ctypes.c_int64))


class Table(ctypes.Structure):
    """A static embedding's table."""

    _fields_ = [  # as ctypes wants it
        ("text", U8),
        ("ends", I64),
        ("slots", U8),
        ("mask", ctypes.c_int64),
        ("longest", ctypes.c_int64),
        ("codes", U8),
        ("scales", F32),
        ("signs", I32),
    ]


class Words(ctypes.Structure):
    """N-grams of words, their weights and directions."""

    _fields_ = [
        ("row_of", I32),
        ("weights", F32),
        ("components", F32),
        ("width", ctypes.c_int64),
    ]


class Packed(ctypes.Structure):
    """A matrix in 16 bits."""

    _fields_ = [  # as ctypes wants it
        ("codes", I16),
        ("scales", F32),
        *((name, ctypes.c_int64) for name in ("pairs", "blocks", "shift")),
    ]


class Stack(ctypes.Structure):
    """A stack router."""

    _fields_ = [
        ("table", Table),
        ("words", Words),
        *((name, ctypes.c_int64) for name in ("words_at", "table_at", "table_width")),
        ("share", ctypes.c_double),
        *((name, ctypes.c_int64) for name in ("width", "models", "kinds", "networks", "units")),
        *((name, ctypes.c_int64) for name in ("landmarks", "knots")),
        ("mean", F64),
        ("scale", F64),
        ("reach", ctypes.c_double),
        ("kinds_of", F32),
        ("kinds_at_0", F64),
        ("mu", F64),
        ("profiles", F32),
        *((name, Packed) for name in ("first", "second", "places")),
        ("exact_places", F32),
        *((name, F32) for name in ("third", "first_bias", "second_bias", "third_bias")),
        ("near_weights", F32),
        ("near_at_0", F64),
        ("near_width", ctypes.c_double),
        ("weights", F64),
        ("gate_low", ctypes.c_double),
        ("gate_high", ctypes.c_double),
        *((name, F64) for name in ("knot_x", "knot_y", "knot_slope")),
        ("knot_ends", I64),
        ("scored", U8),
        *((name, F64) for name in ("input_size", "input_usd", "output_usd", "fixed_usd")),
        *((name, F64) for name in ("smear", "cap")),
        ("counts_tokens", U8),
    ]


_KINDS = {
    F32: np.float32,
    F64: np.float64,
    U8: np.uint8,
    I16: np.int16,
    I32: np.int32,
    I64: np.int64,
}


def laid_out(router: StackRouter) -> Arrays | None:
    """A fitted router's numbers as C's ``Stack`` has them; None for networks of another shape."""
    members, prices, volume = router.members_, router.cost_model_.prices_, router.cost_model_.ridge_
    calibration, space, sizes = router.calibration_, router.space_, members.mlp.sizes.tolist()
    if len(sizes) != 4 or sizes[1] != sizes[2]:
        return None
    (first, first_bias), (second, second_bias), (third, third_bias) = members.mlp.layers
    models, kinds = len(members.mu), len(members.profiles.offsets)
    touched = not calibration.untouched
    return {
        "width": len(members.ridge.coef) - len(space.mean_),
        "models": models,
        "kinds": kinds,
        "networks": len(members.mlp.values),
        "units": sizes[1],
        "landmarks": len(members.kernel.landmarks),
        "knots": len(calibration.x) if touched else 0,
        "mean": space.mean_,
        "scale": space.scale_,
        "reach": REACH,
        "mu": members.mu,
        "profiles": members.profiles.means,
        "first": np.hstack([first, members.ridge.coef, volume.coef]),
        "first_bias": np.hstack([first_bias, members.ridge.intercept, volume.intercept]),
        "kinds_of": members.profiles.slopes,
        "kinds_at_0": members.profiles.offsets,
        "second": second,
        "second_bias": second_bias,
        "third": third,
        "third_bias": third_bias,
        "places": members.kernel.landmarks.T,
        "exact_places": members.kernel.landmarks.T if router.gate_[1] > router.gate_[0] else None,
        "near_weights": members.kernel.weights,
        "near_at_0": members.kernel.intercept,
        "near_width": members.kernel.width,
        "weights": router.weights_,
        "gate_low": float(router.gate_[0]),
        "gate_high": float(router.gate_[1]),
        "knot_x": calibration.x,
        "knot_y": calibration.y,
        "knot_slope": calibration.slopes,
        "knot_ends": calibration.ends,
        "scored": router.scored_ if any(router.scored_.tolist()) else np.ones(models),
        "input_size": prices.input_size,
        "input_usd": prices.input_usd,
        "output_usd": prices.output_usd,
        "fixed_usd": prices.fixed_usd,
        "smear": prices.smear,
        "cap": prices.cap,
        "counts_tokens": prices.counts_tokens,
    }


def packed(matrix: NDArray[np.float32]) -> Arrays:
    """A matrix (rows, columns), or several (n, rows, columns), as C's ``Packed``."""
    several = np.asarray(matrix, dtype=np.float64)
    several = several.reshape(-1, *several.shape[-2:])
    count, rows, columns = several.shape
    pairs, blocks = -(-rows // 2), -(-columns // _COLUMNS)
    padded = np.zeros((count, 2 * pairs, blocks * _COLUMNS))
    padded[:, :rows, :columns] = several
    scales = np.abs(padded).max(axis=1) / _MOST_CODE
    codes = np.rint(padded / np.where(scales > 0, scales, 1.0)[:, None])
    cut = codes.astype(np.int16).reshape(count, pairs, 2, blocks, _COLUMNS)
    shift = math.ceil(math.log2(max(pairs, 1)))
    return {
        "codes": cut.transpose(0, 3, 1, 4, 2),
        "scales": scales,
        "pairs": pairs,
        "blocks": blocks,
        "shift": shift,
    }


def filled(kind: Any, fields: Arrays) -> tuple[Any, list[NDArray[Any]]]:
    """The structure, and the arrays that its pointers point into."""
    made = kind()
    held: list[NDArray[Any]] = []
    for name, given in kind._fields_:
        value: Any = fields[name]
        if value is None:
            continue
        if given in _KINDS:
            array = np.ascontiguousarray(value, dtype=_KINDS[given])
            held.append(array)
            value = array.ctypes.data_as(given)
        setattr(made, name, value)
    return made, held
