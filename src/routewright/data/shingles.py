"""Texts as sparse counts of their word and character n-grams, and what sets each one apart.

Two prompts of one template share nearly all of their words and yet are two questions. What tells
them apart stands in few prompts: n-grams in at most ``COMMON`` different texts. They are also
what makes comparing all with all cheap, for each leads to a handful of texts at most.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from routewright.errors import require

COMMON = 10
"""What stands in more different texts than this is a template's, or the language's."""

LETTERS = 4
WORDS = (1, 2, 4)
LONG = 13  # words; the overlap that language models are decontaminated by
BUCKETS = 1 << 24
HALF_CAP = 8_000  # characters read from either end of a text

_EDGES = re.compile(
    r"(?<!\S)[\"'“”‘’«»¿¡]+"  # quotes that open a word
    r"|(?:[.,;:?…\"'“”‘’«»]|(?<![\d)])!)+(?!\S)"  # sentence marks that close one; 5! is a number
)
_WORD = re.compile(r"\w+")
_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # odd, bits well mixed: 2**64 / golden ratio
_BASE = np.uint64(0x5851F42D4C957F2D)


def normalise(text: str) -> str:
    """The text without what people change by accident.

    In this order: Unicode form NFKC (full-width letters, ligatures, superscripts and the like
    become plain ones); case folded; every word loses quotes at both edges and the marks
    ``. , ; : ? ! …`` at its end (``!`` stays after a digit or a bracket); words are joined by one
    space. Marks inside a word, brackets and operators stay.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(_EDGES.sub(" ", folded).split())


def without_common_lines(texts: Sequence[str]) -> list[str]:
    """Each text normalised, less the lines that more than a few of the texts hold.

    Instructions and worked examples that a benchmark puts around every question go; a text that
    would lose everything keeps everything.

    Args:
        texts: different ones, as they were given.
    """
    lines = [[line for part in text.splitlines() if (line := normalise(part))] for text in texts]
    seen = Counter(line for own in lines for line in set(own))
    limit = common(len(texts))
    kept = [" ".join(line for line in own if seen[line] <= limit) for own in lines]
    return [cut or " ".join(own) for cut, own in zip(kept, lines, strict=True)]


def common(texts: int) -> int:
    """In how many of so many texts something may stand and still set them apart."""
    return min(COMMON, max(3, texts // 2))


@dataclass(frozen=True, eq=False)
class Shingles:
    """Texts as rows of sparse matrices (scipy CSR, float32).

    Attributes:
        whole: damped counts of all n-grams, of unit length.
        rare: of the n-grams in few texts alone, of unit length; those in one text count for the
            length but have no column.
        rare_lengths: the lengths that ``rare`` had before (n,).
        long: 1 for each run of 13 words that few texts hold.
        long_sizes: how many such runs each text has (n,), those in one text included.
    """

    whole: Any
    rare: Any
    rare_lengths: NDArray[np.float64]
    long: Any
    long_sizes: NDArray[np.intp]


def shingles(texts: Sequence[str]) -> Shingles:
    """Count the n-grams of normalised texts.

    Raises:
        MissingExtraError: scipy is not installed.
    """
    limit = common(len(texts))
    grams, runs = zip(*(_hashes(text) for text in texts), strict=True) if texts else ((), ())
    whole, df = _matrix(grams, damped=True)
    rare = _columns(whole, df <= limit)
    lengths = np.sqrt(cosines(rare, rare))
    rare = _scaled(_columns(rare, df >= 2), lengths)
    whole = _scaled(whole, np.sqrt(cosines(whole, whole)))
    long, df = _matrix(runs, damped=False)
    long = _columns(long, df <= limit)
    sizes = np.diff(long.indptr).astype(np.intp)
    return Shingles(whole, rare, lengths, _columns(long, df >= 2), sizes)


def counts(texts: Sequence[str]) -> Any:
    """What ``Shingles.whole`` is, of normalised texts, alone.

    Raises:
        MissingExtraError: scipy is not installed.
    """
    whole, _ = _matrix([_hashes(text)[0] for text in texts], damped=True)
    return _scaled(whole, np.sqrt(cosines(whole, whole)))


def cosines(left: Any, right: Any) -> NDArray[np.float64]:
    """Row by row the inner product of two sparse matrices of one shape (k,)."""
    return np.asarray(left.multiply(right).sum(axis=1, dtype=np.float64)).ravel()


def sketchable(text: str) -> tuple[NDArray[np.int32], NDArray[np.uint64]]:
    """Buckets of one normalised text's n-grams, each once, and 64-bit hashes of its long runs."""
    letters, words = _symbols(text)
    return np.unique(_grams(letters, words)), np.unique(_mixed(words, LONG, salt=LONG))


def _hashes(text: str) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Buckets of the word and letter n-grams of one text, with repeats, and of its long runs."""
    letters, words = _symbols(text)
    return _grams(letters, words), _windows(words, LONG, salt=LONG)


def _symbols(text: str) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """A text's letters and words as numbers."""
    if len(text) > 2 * HALF_CAP:
        text = f"{text[:HALF_CAP]} {text[-HALF_CAP:]}"
    letters = np.frombuffer(f" {text} ".encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    tokens = [crc32(word.encode("utf-8", "surrogatepass")) for word in _WORD.findall(text)]
    return letters.astype(np.uint64)[: None if text else 0], np.array(tokens, dtype=np.uint64)


def _grams(letters: NDArray[np.uint64], words: NDArray[np.uint64]) -> NDArray[np.int32]:
    parts = [_windows(letters, LETTERS, salt=99)]
    return np.concatenate([*parts, *(_windows(words, size, salt=size) for size in WORDS)])


def _windows(symbols: NDArray[np.uint64], size: int, salt: int) -> NDArray[np.int32]:
    """The bucket of every run of ``size`` symbols: the top bits of its hash."""
    return (_mixed(symbols, size, salt) >> np.uint64(40)).astype(np.int32)


def _mixed(symbols: NDArray[np.uint64], size: int, salt: int) -> NDArray[np.uint64]:
    """A hash of every run of ``size`` symbols: a polynomial, mixed."""
    count = max(len(symbols) - size + 1, 0)
    value = np.full(count, salt, dtype=np.uint64)
    for shift in range(size):
        value = (value + symbols[shift : shift + count]) * _BASE
    value ^= value >> np.uint64(31)
    value *= _SPREAD
    return value


def _matrix(rows: Sequence[NDArray[np.int32]], *, damped: bool) -> tuple[Any, NDArray[np.int64]]:
    """Counts per bucket, 1 + log(count) or 1, and in how many rows each bucket stands."""
    sparse: Any = require("scipy.sparse", "train")
    columns: list[NDArray[np.int32]] = []
    values: list[NDArray[np.float32]] = []
    for row in rows:
        buckets, counts = np.unique(row, return_counts=True)
        columns.append(buckets)
        values.append(
            1 + np.log(counts, dtype=np.float32)
            if damped
            else np.ones_like(counts, dtype=np.float32)
        )
    ends = np.cumsum([0, *(len(row) for row in columns)])
    empty = np.empty(0, dtype=np.int32)
    indices = np.concatenate([empty, *columns])
    data = np.concatenate([empty.astype(np.float32), *values])
    matrix: Any = sparse.csr_matrix((data, indices, ends), shape=(len(rows), BUCKETS))
    return matrix, np.bincount(indices, minlength=BUCKETS)


def _columns(matrix: Any, keep: NDArray[np.bool_]) -> Any:
    """The matrix with all other columns emptied."""
    sparse: Any = require("scipy.sparse", "train")
    kept = keep[matrix.indices]
    ends = np.concatenate([[0], np.cumsum(kept)])[matrix.indptr]
    return sparse.csr_matrix((matrix.data[kept], matrix.indices[kept], ends), shape=matrix.shape)


def _scaled(matrix: Any, length: NDArray[np.float64]) -> Any:
    """The rows divided by their lengths, in place."""
    scale = np.where(length > 0, length, 1).astype(np.float32)
    matrix.data /= np.repeat(scale, np.diff(matrix.indptr))
    return matrix
