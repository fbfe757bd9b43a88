"""A static embedding: every piece of a word has a vector, and a text is their mean.

It comes with the package, reads a prompt of 200 words in a tenth of a millisecond and knows
which words mean alike, which n-grams of a few hundred prompts don't tell. The table was distilled
from all-MiniLM-L6-v2 (Apache-2.0) by ``tools/static_table.py``.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load

from routewright.encoders.frozen import FrozenEncoder, fingerprint_of
from routewright.encoders.tokens import Remembered, plain_words
from routewright.encoders.wordpiece import pieces, words

Float32 = NDArray[np.float32]

TABLE = Path(__file__).with_name("static.safetensors")
DIMENSIONS = 256

_SIGNS = string.punctuation.replace("_", "")  # that one may stand within a word
_ZERO = np.float32(8)  # the code of nought
_RULES = 1  # counted up when words are cut otherwise: the same table then gives other vectors


class StaticEncoder(FrozenEncoder):
    """Unit vectors (n, 256); words of other scripts than Latin have none.

    Args:
        name: as ``encoders.make`` takes it.
    """

    cached: ClassVar[bool] = False  # reading a text costs less than looking it up

    @property
    def table(self) -> TableParts:
        """What the table consists of, for whoever reads it without this class."""
        return self._table.parts

    def _open(self) -> tuple[bytes, int]:
        self._table = _table()
        return fingerprint_of("static", _RULES, self._table.digest), DIMENSIONS

    def _vectors(self, texts: Sequence[str]) -> Sequence[NDArray[Any]]:
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> Float32:
        # The sum points where the mean does.
        return self._table.sum_of(text)


class TableParts(NamedTuple):
    """A static embedding's table.

    Attributes:
        pieces: of words, one a line.
        codes: of each piece (rows, d / 2), two in a byte, the first in its upper half; 8 is nought.
        scales: of each row's codes (rows,).
        signs: the row of each ASCII character that is a sign (128,), -1 for the others.
    """

    pieces: bytes
    codes: NDArray[np.uint8]
    scales: Float32
    signs: NDArray[np.intp]


class _Table:
    """The table: a code for each number of each row, a scale for each row.

    Codes have four bits and stand two in a byte in the file. A text's sum is taken on the codes,
    so that nothing becomes a float but what the text needs.
    """

    def __init__(self, packed: bytes) -> None:
        arrays = load(packed)
        self.digest = sha256(packed).hexdigest()
        self._packed = halves = np.ascontiguousarray(arrays["codes"], dtype=np.uint8)
        codes = np.stack([halves >> 4, halves & 15], axis=-1).reshape(len(halves), -1)
        self._codes = codes.astype(np.uint8, copy=False)
        self._scales = arrays["scales"].astype(np.float32)
        self._pieces = arrays["pieces"].tobytes()
        listed = self._pieces.decode().split("\n")
        row_of = {piece: row for row, piece in enumerate(listed)}

        def rows(word: str) -> bytes:
            found = [row for token in words(word) for row in pieces(token, row_of)]
            return np.array(found, dtype=np.intp).tobytes()

        self._rows = Remembered(rows)
        row_of_sign = {ord(each): row_of[each] for each in _SIGNS if each in row_of}
        self._no_sign = bytes(set(range(256)) - row_of_sign.keys())
        self._sign_rows = np.array([row_of_sign.get(at, 0) for at in range(128)], dtype=np.intp)

    @property
    def parts(self) -> TableParts:
        """What it consists of."""
        unsigned = np.frombuffer(self._no_sign, dtype=np.uint8)
        signs = self._sign_rows.copy()
        signs[unsigned[unsigned < len(signs)]] = -1
        return TableParts(self._pieces, self._packed, self._scales, signs)

    def sum_of(self, text: str) -> Float32:
        """Sum of the vectors of a text's pieces of words (256,)."""
        plain = text.isascii()
        found = map(self._rows.__getitem__, plain_words(text) if plain else words(text))
        # Joined as bytes: a list of rows would be turned into an array number by number.
        rows = np.frombuffer(b"".join(found), dtype=np.intp)
        if plain:
            signs = text.encode().translate(None, self._no_sign)
            rows = np.concatenate([rows, self._sign_rows[np.frombuffer(signs, dtype=np.uint8)]])
        scales = self._scales.take(rows)
        codes = self._codes.take(rows, axis=0).astype(np.float32)
        return scales @ codes - _ZERO * scales.sum()


@cache
def _table() -> _Table:
    return _Table(TABLE.read_bytes())
