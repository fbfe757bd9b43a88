"""Deciding in compiled code, where a compiler was at hand when the package was installed.

Most of what a decision costs in Python is not arithmetic but the way to it: a few hundred small
steps over one prompt. ``native_*.c`` takes them for the stack router: all where the encoder is the
default or the static one and the text has few different characters (``native_bytes``), else those
from the vector on. Both ways give the same numbers up to rounding;
tests hold them against each other, and ``compiled`` tries every router before it is used.
"""

from __future__ import annotations

import ctypes
import logging
import math
import os
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from routewright.encoders.concat import ConcatEncoder
from routewright.encoders.hashed import HashedEncoder
from routewright.encoders.space import View
from routewright.encoders.static import StaticEncoder, TableParts
from routewright.protocols import Encoder
from routewright.routers.native_bytes import MOST_CHARS, Sending, as_bytes
from routewright.routers.native_layout import (
    F32,
    F64,
    I32,
    PACKED,
    U8,
    Arrays,
    Packed,
    Stack,
    Table,
    Words,
    filled,
    laid_out,
    packed,
    pointer,
)
from routewright.types import Prompt

if TYPE_CHECKING:
    from routewright.routers.stack import StackRouter

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]
LIBRARY = Path(__file__).with_name("_native.so")
OFF_ENV = "ROUTEWRIGHT_NATIVE"
_VERSION, _SLOT_BYTES = 6, 16
_CLOSE = 1e-4  # rounding differs, and a gate may be steep
_TRIED = (
    "What is 17 * 3? Answer with the number only.",
    "def f(x):\n    return x == 2  # why?\n```",
    "Translate to French: the cat's \"hat\" isn't here; (A) yes\n(B) no\nAnswer: A\nAnswer: ",
    "",
    "zzz qqq_xx " * 700,
    "Où est “l’été” — 3 × 4 m² ?",
)


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
    found.features.argtypes = (ctypes.c_char_p, *text, F64)
    found.text_rows.argtypes = (pointer(Table), *text, ctypes.c_char_p, I32)
    found.list_pieces.argtypes = (pointer(Table), U8, ctypes.c_int64)
    found.list_pieces.restype = None
    sent = (ctypes.c_char_p, ctypes.c_char_p)
    found.expected.argtypes = (pointer(Stack), ctypes.c_int64, *sent, F64)
    three = (ctypes.c_double,) * 3
    found.decided.argtypes = (pointer(Stack), F64, F32, *three, F64)
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
        self.struct, self._held = filled(Table, self.fields)
        library().list_pieces(ctypes.byref(self.struct), self.struct.slots, len(listed))

    def text_rows(self, text: str) -> list[int]:
        """Rows of a text's pieces and signs, in order; of one that Python has to read none."""
        told, written = (ctypes.c_int32 * MOST_CHARS)(), as_bytes(text)
        if written is None:
            return []
        charset = None if written.plain else written.told
        sent = (written.text, len(written.text), charset, told)
        return list(told[: library().text_rows(ctypes.byref(self.struct), *sent)])


@cache
def vocabulary() -> Vocabulary:
    """That of the table which comes with the package."""
    return Vocabulary(StaticEncoder("static").fit(()).table)


def features(text: str) -> list[float] | None:
    """``FEATURES`` of a text of at most ``MOST_CHARS``; None of one that Python has to read."""
    told, written = (ctypes.c_double * 24)(), as_bytes(text)
    if written is None:
        return None
    library().features(written.text, written.told, len(text), told)
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
        self._parts = parts or _NOTHING  # holds what its own structures point at
        made = {name: filled(Packed, packed(fields[name])) for name in PACKED}
        structs = {name: struct for name, (struct, _) in made.items()}
        self._struct, held = filled(Stack, fields | self._parts | structs)
        self._held = held, made
        self._at = ctypes.byref(self._struct)
        self._room: Any = ctypes.c_double * (2 * self._models)
        self._expected: Callable[..., int] = library().expected
        self._decided: Callable[..., int] = library().decided

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        """Nothing: addresses mean nothing in another process, which compiles for itself."""
        return type(None), ()

    def expected(self, prompts: Sequence[Prompt]) -> list[tuple[Floats, Floats] | None]:
        """Scores (m,) and costs (m,) of each; None for a text that Python has to read.

        They are the same to the last bit, whichever prompts are asked about together.
        """
        sending = Sending()
        reads = self._reads
        places = [place for place, prompt in enumerate(prompts) if reads and sending.add(prompt)]
        told: list[tuple[Floats, Floats] | None] = [None] * len(prompts)
        if places:
            each, models = 2 * self._models, self._models
            room: Any = (ctypes.c_double * (each * len(places)))()
            if self._expected(self._at, len(places), *sending.sent(), room):
                return told
            found: Floats = np.frombuffer(room, dtype=np.float64)
            for number, place in enumerate(places):
                at = number * each
                told[place] = found[at : at + models], found[at + models : at + each]
        return told

    def seen(self, view: View) -> tuple[Floats, Floats] | None:
        """Scores (m,) and costs (m,) of the view's one prompt; None without memory."""
        told = self._room()
        form = np.ascontiguousarray(view.features[0])
        vector = np.ascontiguousarray(view.embeddings[0])
        failed = self._decided(
            self._at,
            form.ctypes.data_as(F64),
            vector.ctypes.data_as(F32),
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
    "table": Table(),
    "words": Words(),
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
            made, held = filled(Words, {**part.known_words(), "width": width})
            found |= {"words": made, "words_at": at, "held": held}
            at += width
        else:
            return None
    return found


def _limit(prompt: Prompt) -> float:
    return math.inf if prompt.max_tokens is None else float(prompt.max_tokens)


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
        for told in (made.expected([prompt])[0], made.seen(view)):
            if told is not None and not all(map(_alike, told, wanted)):
                logger.warning("compiled decisions differ from plain ones, which are taken")
                return None
    return made


def _alike(told: Floats, wanted: Floats) -> bool:
    return bool(np.allclose(told, wanted, rtol=_CLOSE, atol=_CLOSE * float(np.abs(wanted).max())))
