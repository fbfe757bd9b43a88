"""Deciding in compiled code, where a compiler was at hand when the package was installed.

Most of what a decision costs in Python is not arithmetic but the way to it: a few hundred small
steps over one prompt. ``native_*.c`` takes them for the stack router: all where the text is ASCII
and the encoder the default or the static one, with that also of most other texts
(``native_bytes``), else those from the vector on. Both ways give the same numbers up to rounding;
tests hold them against each other, and ``compiled`` tries every router before it is used.
"""

from __future__ import annotations

import ctypes
import logging
import math
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from routewright.encoders.concat import ConcatEncoder
from routewright.encoders.hashed import HashedEncoder
from routewright.encoders.space import REACH, View
from routewright.encoders.static import StaticEncoder, TableParts
from routewright.protocols import Encoder
from routewright.routers.native_bytes import as_bytes
from routewright.types import Prompt

if TYPE_CHECKING:
    from routewright.routers.stack import StackRouter

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]
Arrays = dict[str, Any]
"""Fields of C's structures by name: arrays for pointers, None for null, numbers for the rest."""

LIBRARY = Path(__file__).with_name("_native.so")
OFF_ENV = "ROUTEWRIGHT_NATIVE"
MOST_CHARS = 8_000
_VERSION, _SLOT_BYTES, _MOST_CODE = 4, 16, 32_767
_CODED = ("first", "second", "places")  # the large matrices
_CLOSE = 1e-4  # rounding differs, and a gate may be steep
_TRIED = (
    "What is 17 * 3? Answer with the number only.",
    "def f(x):\n    return x == 2  # why?\n```",
    "Translate to French: the cat's \"hat\" isn't here; (A) yes\n(B) no\nAnswer: A\nAnswer: ",
    "",
    "zzz qqq_xx " * 700,
    "Où est “l’été” — 3 × 4 m² ?",
)


def _pointer(kind: Any) -> Any:
    return cast("Any", ctypes.POINTER)(kind)


_F32, _F64, _U8 = (_pointer(kind) for kind in (ctypes.c_float, ctypes.c_double, ctypes.c_uint8))
_I16, _I32, _I64 = (_pointer(kind) for kind in (ctypes.c_int16, ctypes.c_int32, ctypes.c_int64))


class _Table(ctypes.Structure):
    _fields_ = [  # as ctypes wants it
        ("text", _U8),
        ("ends", _I64),
        ("slots", _U8),
        ("mask", ctypes.c_int64),
        ("longest", ctypes.c_int64),
        ("codes", _U8),
        ("scales", _F32),
        ("signs", _I32),
    ]


class _Words(ctypes.Structure):
    _fields_ = [
        ("row_of", _I32),
        ("weights", _F32),
        ("components", _F32),
        ("width", ctypes.c_int64),
    ]


class _Coded(ctypes.Structure):
    _fields_ = [  # as ctypes wants it
        ("codes", _I16),
        ("scales", _F32),
    ]


class _Stack(ctypes.Structure):
    _fields_ = [
        ("table", _Table),
        ("words", _Words),
        *((name, ctypes.c_int64) for name in ("words_at", "table_at", "table_width")),
        ("share", ctypes.c_double),
        *((name, ctypes.c_int64) for name in ("width", "models", "kinds", "networks", "units")),
        *((name, ctypes.c_int64) for name in ("landmarks", "knots")),
        ("mean", _F64),
        ("scale", _F64),
        ("reach", ctypes.c_double),
        *((name, _F64) for name in ("linear", "linear_at_0", "mu", "profiles")),
        *((name, _Coded) for name in ("first", "second", "places")),
        ("exact_places", _F32),
        *((name, _F32) for name in ("third", "first_bias", "second_bias", "third_bias")),
        *((name, _F64) for name in ("near_weights", "near_at_0")),
        ("near_width", ctypes.c_double),
        ("weights", _F64),
        ("gate_low", ctypes.c_double),
        ("gate_high", ctypes.c_double),
        *((name, _F64) for name in ("knot_x", "knot_y", "knot_slope")),
        ("knot_ends", _I64),
        ("scored", _U8),
        *((name, _F64) for name in ("input_size", "input_usd", "output_usd", "fixed_usd")),
        *((name, _F64) for name in ("smear", "cap")),
        ("counts_tokens", _U8),
    ]


_KINDS = {
    _F32: np.float32,
    _F64: np.float64,
    _U8: np.uint8,
    _I16: np.int16,
    _I32: np.int32,
    _I64: np.int64,
}


@cache
def library() -> Any:
    """The compiled code, None where it was not built, is of another version, or is switched off.

    ``ROUTEWRIGHT_NATIVE=0`` in the environment switches it off.
    """
    if os.environ.get(OFF_ENV, "1") == "0" or not LIBRARY.exists():
        return None
    try:
        # Its calls keep the interpreter's lock: they are over before anybody could have used it.
        found = ctypes.PyDLL(str(LIBRARY))
        found.version.restype = ctypes.c_int64
        if found.version() != _VERSION:
            raise OSError("it is of another version")
    except (OSError, AttributeError) as error:
        logger.warning("%s: %s; decisions take longer: install again", LIBRARY.name, error)
        return None
    text = (ctypes.c_char_p, ctypes.c_int64)
    found.features.argtypes = (ctypes.c_char_p, *text, _F64)
    found.text_rows.argtypes = (_pointer(_Table), *text, _I32)
    found.list_pieces.argtypes = (_pointer(_Table), _U8, ctypes.c_int64)
    found.list_pieces.restype = None
    texts = (ctypes.c_char_p, ctypes.c_char_p, *text, ctypes.c_int64)
    found.expected.argtypes = (_pointer(_Stack), *texts, ctypes.c_double, _F64)
    three = (ctypes.c_double,) * 3
    found.decided.argtypes = (_pointer(_Stack), _F64, _F32, *three, _F64)
    for name in ("features", "text_rows", "expected", "decided"):
        getattr(found, name).restype = ctypes.c_int64
    return found


class Vocabulary:
    """A static table for C: pieces, codes, scales, and the rows of signs."""

    def __init__(self, table: TableParts) -> None:
        listed = table.pieces.split(b"\n")
        ends = np.cumsum([len(piece) for piece in listed], dtype=np.int64)
        count = 1 << (len(listed) * 3 // 2).bit_length()
        self.rows = len(listed)
        self.fields: Arrays = {
            "text": np.frombuffer(b"".join(listed), dtype=np.uint8),
            "ends": ends,
            "slots": np.zeros(count * _SLOT_BYTES, dtype=np.uint8),
            "mask": count - 1,
            "longest": max(map(len, listed)),
            "codes": table.codes,
            "scales": table.scales,
            "signs": table.signs,
        }
        self.struct, self._held = _filled(_Table, self.fields)
        library().list_pieces(ctypes.byref(self.struct), self.struct.slots, len(listed))

    def text_rows(self, text: str) -> list[int]:
        """Rows of a text's pieces and signs, in order; of one that Python has to read none."""
        told, written = (ctypes.c_int32 * MOST_CHARS)(), as_bytes(text)
        read = written.read if written is not None else b""
        return list(told[: library().text_rows(ctypes.byref(self.struct), read, len(read), told)])


@cache
def vocabulary() -> Vocabulary:
    """That of the table which comes with the package."""
    return Vocabulary(StaticEncoder("static").fit(()).table)


def features(text: str) -> list[float] | None:
    """``FEATURES`` of a text of at most ``MOST_CHARS``; None of one that Python has to read."""
    told, written = (ctypes.c_double * 24)(), as_bytes(text)
    if written is None:
        return None
    library().features(written.text, written.kinds, len(text), told)
    return list(told)


class Compiled:
    """One stack router's numbers, laid out for C; frozen from then on.

    Args:
        fields: from ``laid_out``.
        encoder: what makes vectors; some C has too.
    """

    def __init__(self, fields: Arrays, encoder: Encoder | None) -> None:
        self._models = int(fields["models"])
        parts = _parts(encoder)
        self._reads = parts is not None
        self._reads_all = parts is not None and not parts["words"].width
        self._parts = parts or _NOTHING  # holds what its own structures point at
        made = {name: _filled(_Coded, _coded(fields[name])) for name in _CODED}
        structs = {name: struct for name, (struct, _) in made.items()}
        self._struct, held = _filled(_Stack, fields | self._parts | structs)
        self._held = held, made
        self._at = ctypes.byref(self._struct)
        self._room: Any = ctypes.c_double * (2 * self._models)
        self._expected: Callable[..., int] = library().expected
        self._decided: Callable[..., int] = library().decided

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        """Nothing: addresses mean nothing in another process, which compiles for itself."""
        return type(None), ()

    def expected(self, prompt: Prompt) -> tuple[Floats, Floats] | None:
        """Scores (m,) and costs (m,); None for a text that Python has to read."""
        text = prompt.text
        written = None
        if self._reads and len(text) <= MOST_CHARS and (self._reads_all or text.isascii()):
            written = as_bytes(text)
        told = self._room()
        if written is None or self._expected(
            self._at, *written, len(written.read), len(text), _limit(prompt), told
        ):
            return None
        return self._apart(told)

    def seen(self, view: View) -> tuple[Floats, Floats] | None:
        """Scores (m,) and costs (m,) of the view's one prompt; None without memory."""
        told = self._room()
        form = np.ascontiguousarray(view.features[0])
        vector = np.ascontiguousarray(view.embeddings[0])
        failed = self._decided(
            self._at,
            form.ctypes.data_as(_F64),
            vector.ctypes.data_as(_F32),
            float(view.chars[0]),
            float(view.wide_chars[0]),
            _limit(view.prompts[0]),
            told,
        )
        return None if failed else self._apart(told)

    def _apart(self, told: Any) -> tuple[Floats, Floats]:
        both: Floats = np.frombuffer(told, dtype=np.float64)
        return both[: self._models], both[self._models :]


_NOTHING: Arrays = {
    "table": _Table(),
    "words": _Words(),
    "words_at": 0,
    "table_at": 0,
    "table_width": 0,
    "share": 1.0,
}


def _parts(encoder: Encoder | None) -> Arrays | None:
    """An encoder's fields of ``Stack``; None where C does not have all of it."""
    listed = encoder.parts if isinstance(encoder, ConcatEncoder) else (encoder,) if encoder else ()
    found: Arrays = _NOTHING | {"share": 1 / math.sqrt(max(len(listed), 1))}
    at = 0
    for part in listed:
        if type(part) is StaticEncoder and not found["table_width"]:
            words = vocabulary()
            found |= {"table": words.struct, "table_at": at, "table_width": part.dimensions_}
            at += part.dimensions_
        elif type(part) is HashedEncoder and not part.letters and not found["words"].width:
            width = part.components_.shape[1]
            made, held = _filled(_Words, {**part.known_words(), "width": width})
            found |= {"words": made, "words_at": at, "held": held}
            at += width
        else:
            return None
    return found


def _coded(matrix: NDArray[np.float32]) -> Arrays:
    """A matrix (..., columns) as C's ``Coded``: rows of 16-bit numbers by a scale each."""
    rows = np.asarray(matrix, dtype=np.float64).reshape(-1, matrix.shape[-1])
    scales = np.abs(rows).max(axis=1) / _MOST_CODE
    codes = np.rint(rows / np.where(scales > 0, scales, 1.0)[:, None])
    return {"codes": codes.astype(np.int16), "scales": scales}


def _limit(prompt: Prompt) -> float:
    return math.inf if prompt.max_tokens is None else float(prompt.max_tokens)


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
        "linear": np.hstack([members.ridge.coef, members.profiles.slopes, volume.coef]),
        "linear_at_0": np.hstack(
            [members.ridge.intercept, members.profiles.offsets, volume.intercept]
        ),
        "mu": members.mu,
        "profiles": members.profiles.means,
        "first": first,
        "first_bias": first_bias,
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


def compiled(router: StackRouter) -> Compiled | None:
    """A fitted router in compiled form; None where there is none, and with a warning where the
    compiled form does not say what the router says."""
    fields = laid_out(router) if library() is not None else None
    if fields is None:
        return None
    made = Compiled(fields, router.space_.encoder_)
    for text in _TRIED:
        prompt = Prompt.from_text("", text)
        view = router.space_.view([prompt])
        wanted = router.plainly(view)
        for told in (made.expected(prompt), made.seen(view)):
            if told is not None and not all(map(_alike, told, wanted)):
                logger.warning("compiled decisions differ from plain ones, which are taken")
                return None
    return made


def _alike(told: Floats, wanted: Floats) -> bool:
    return bool(np.allclose(told, wanted, rtol=_CLOSE, atol=_CLOSE * float(np.abs(wanted).max())))


def _filled(kind: Any, fields: Arrays) -> tuple[Any, list[NDArray[Any]]]:
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
