"""Hashed n-grams → tf-idf → truncated SVD: an encoder without downloads that serves in numpy.

Latent semantic analysis (Deerwester et al., 1990) over words, word pairs and runs of three to
five characters. N-grams are known by a fixed 20-bit hash, never by Python's salted one, so a
text has the same vector in every process.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Self
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from routewright.encoders.memo import each_text
from routewright.encoders.tokens import Remembered, plain_tokens
from routewright.errors import require

Float32 = NDArray[np.float32]
Words64 = NDArray[np.uint64]

HALF_CAP = 4_000
"""Characters read from either end of a text; what lies between is not read."""

_BUCKETS = 1 << 20
# Scripts that put no space between words are read character by character.
_TOKEN = re.compile(
    r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]|[^\W\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]+|[^\w\s]"
)
_DIGIT = re.compile(r"\d")
_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # odd, bits well mixed: 2**64 / golden ratio
_BASE = np.uint64(0x100000001B3)


def normalise(text: str) -> str:
    """The text as training and serving see it: two ends, one space, no case, digits as 0."""
    return _DIGIT.sub("0", " ".join(both_ends_of(text).casefold().split()))


def both_ends_of(text: str) -> str:
    """The text without its middle, where it is long."""
    return text if len(text) <= 2 * HALF_CAP else f"{text[:HALF_CAP]}\n{text[-HALF_CAP:]}"


def _crc(token: str) -> int:
    """Of a token with its digits as 0."""
    return crc32(_DIGIT.sub("0", token).encode("utf-8", "surrogatepass"))


_crcs = Remembered(_crc)


@each_text
def word_buckets(text: str) -> NDArray[np.intp]:
    """Buckets of the word 1- and 2-grams, with repeats."""
    plain = text.isascii()
    tokens = plain_tokens(both_ends_of(text)) if plain else _TOKEN.findall(normalise(text))
    words = np.fromiter(map(_crcs.__getitem__, tokens), dtype=np.uint64, count=len(tokens))
    return np.concatenate([_windows(words, size, salt=size) for size in (1, 2)])


@each_text
def letter_buckets(text: str) -> NDArray[np.intp]:
    """Buckets of the character 3- to 5-grams, with repeats."""
    plain = normalise(text)
    letters = np.frombuffer(f" {plain} ".encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    if not plain:
        letters = letters[:0]
    found = [_windows(letters.astype(np.uint64), size, salt=size + 8) for size in (3, 4, 5)]
    return np.concatenate(found)


def _windows(symbols: Words64, size: int, salt: int) -> NDArray[np.intp]:
    """Bucket of every run of ``size`` symbols: a polynomial hash, mixed, its top 20 bits."""
    count = max(len(symbols) - size + 1, 0)
    value = np.full(count, salt, dtype=np.uint64)
    for shift in range(size):
        value = (value + symbols[shift : shift + count]) * _BASE
    value ^= value >> np.uint64(29)
    value *= _SPREAD
    return (value >> np.uint64(44)).astype(np.intp)


class HashedEncoder:
    """Turns texts into unit vectors; a text without any known n-gram gives a zero row.

    Args:
        dimensions: length of the vectors; fewer where the texts are few.
        letters: read runs of characters too; without, a text is read several times as fast.
        max_features: the n-grams kept, half of them words, by number of texts they stand in.
        min_texts: an n-gram in fewer texts is not kept.
        seed: of the randomised SVD.
    """

    def __init__(
        self,
        dimensions: int = 128,
        letters: bool = True,
        max_features: int = 24_000,
        min_texts: int = 2,
        seed: int = 0,
    ) -> None:
        self.dimensions = dimensions
        self.letters = letters
        self.max_features = max_features
        self.min_texts = min_texts
        self.seed = seed

    def fit(self, texts: Sequence[str]) -> Self:
        """Choose n-grams, weigh them and find the directions in which the texts differ most.

        Raises:
            MissingExtraError: scikit-learn is not installed.
        """
        counted = [self._buckets(text) for text in texts]
        seen = [np.zeros(_BUCKETS, dtype=np.int64) for _ in range(2)]
        for pair in counted:
            for total, buckets in zip(seen, pair, strict=True):
                total[np.unique(buckets)] += 1
        keep = [_most_common(total, self.min_texts, self.max_features // 2) for total in seen]
        n = len(texts)
        # No text needs an n-gram that all share: its weight goes to nought.
        weights = [np.log((1 + n) / (total[kept])) for total, kept in zip(seen, keep, strict=True)]
        self._learn(keep[0], keep[1], np.concatenate(weights).astype(np.float32))
        self.components_ = self._decompose(counted)
        return self

    def encode(self, texts: Sequence[str]) -> Float32:
        """Vectors (n, d), float32, of unit length; each depends on its own text alone."""
        rows = [self._project(*self._weigh(*self._buckets(text))) for text in texts]
        width = self.components_.shape[1]
        return np.array(rows, dtype=np.float32).reshape(len(rows), width)

    def _buckets(self, text: str) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        words = word_buckets(text)
        return words, letter_buckets(text) if self.letters else words[:0]

    def known_words(self) -> dict[str, NDArray[Any]]:
        """The row of each bucket of words, -1 without one, and the rows' weights and directions."""
        return {
            "row_of": self._row_of[0],
            "weights": self.weights_,
            "components": self.components_,
        }

    def state(self) -> dict[str, NDArray[Any]]:
        """The learned arrays by name."""
        return {
            "words": self.words_,
            "letters": self.letters_,
            "weights": self.weights_,
            "components": self.components_,
        }

    @classmethod
    def restore(cls, arrays: dict[str, NDArray[Any]]) -> HashedEncoder:
        """The encoder that gave these arrays.

        Raises:
            ValueError: arrays that no encoder of this kind gives.
        """
        buckets = [arrays["words"], arrays["letters"]]
        count, components = sum(map(len, buckets)), arrays["components"]
        for each in buckets:
            rises = each.ndim == 1 and bool((np.diff(each) > 0).all())
            if each.dtype != np.int32 or not rises or (each.size and not each[0] >= 0):
                raise ValueError("expected n-grams as rising buckets")
        weights = arrays["weights"]
        if {components.dtype, weights.dtype} != {np.dtype(np.float32)} or weights.ndim != 1:
            raise ValueError("expected weights and components in single precision")
        if components.ndim != 2 or {len(weights), len(components)} != {count}:
            raise ValueError(f"expected a weight and a component for each of {count} n-grams")
        encoder = cls(components.shape[1], letters=bool(len(arrays["letters"])))
        encoder._learn(arrays["words"], arrays["letters"], arrays["weights"])
        encoder.components_ = arrays["components"]
        return encoder

    def _learn(
        self, words: NDArray[np.int32], letters: NDArray[np.int32], weights: Float32
    ) -> None:
        self.words_, self.letters_, self.weights_ = words, letters, weights
        self._row_of = [np.full(_BUCKETS, -1, dtype=np.int32) for _ in range(2)]
        self._row_of[0][words] = np.arange(len(words))
        self._row_of[1][letters] = len(words) + np.arange(len(letters))

    def _weigh(
        self, words: NDArray[np.intp], letters: NDArray[np.intp]
    ) -> tuple[NDArray[np.int64], Float32]:
        """Known n-grams of one text and their tf-idf; words and letters weigh the same."""
        rows: list[NDArray[np.int64]] = []
        values: list[Float32] = []
        for table, buckets in zip(self._row_of, (words, letters), strict=True):
            if not len(buckets):
                continue
            known = table[buckets]
            row, count = np.unique(known[known >= 0], return_counts=True)
            value = (1 + np.log(count.astype(np.float32))) * self.weights_[row]
            rows.append(row.astype(np.int64))
            values.append(value / max(float(np.sqrt(value @ value)), 1e-12))
        if not rows:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
        return np.concatenate(rows), np.concatenate(values).astype(np.float32)

    def _project(self, rows: NDArray[np.int64], values: Float32) -> Float32:
        vector = values @ self.components_.take(rows, axis=0)
        length = float(np.sqrt(vector @ vector))
        return vector / np.float32(length) if length > 1e-6 else np.zeros_like(vector)

    def _decompose(self, counted: list[tuple[NDArray[np.intp], NDArray[np.intp]]]) -> Float32:
        sparse: Any = require("scipy.sparse", "train")
        extmath: Any = require("sklearn.utils.extmath", "train")
        weighed = [self._weigh(*pair) for pair in counted]
        ends = np.cumsum([0, *(len(rows) for rows, _ in weighed)])
        matrix: Any = sparse.csr_matrix(
            (
                np.concatenate([v for _, v in weighed]),
                np.concatenate([r for r, _ in weighed]),
                ends,
            ),
            shape=(len(weighed), len(self.weights_)),
        )
        width = min(self.dimensions, *matrix.shape)
        if not width or not matrix.nnz:
            return np.zeros((len(self.weights_), 1), dtype=np.float32)
        _, _, directions = extmath.randomized_svd(
            matrix, n_components=width, n_iter=4, random_state=self.seed
        )
        return np.ascontiguousarray(directions.T, dtype=np.float32)


def _most_common(total: NDArray[np.int64], least: int, limit: int) -> NDArray[np.int32]:
    """The buckets seen in most texts, in order of bucket."""
    order = np.argsort(-total, kind="stable")[:limit]
    return np.sort(order[total[order] >= least]).astype(np.int32)
