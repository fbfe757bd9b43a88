"""Prompts that are the same question: equal after normalising, or nearly so.

A pair is *near* where either

- the cosine of their n-gram counts (words, pairs and fours of words, runs of four letters) is at
  least the cut-off, .95 unless told otherwise, *and* the n-grams that few other prompts hold are
  mostly the same, or those of the one are nearly all in the other; or
- most runs of 13 words of the shorter one stand in the longer one, runs that many prompts hold
  aside: a question that another prompt quotes.

The second half of the first rule keeps a template's instances apart: they differ in exactly what
few prompts hold. It needs more than ten instances (more than half of the prompts of a small
table) to know a template from ten light edits of one question. Lines that many prompts hold,
such as worked examples, are cut before anything is compared; where that leaves a pair below the
cut-off its whole texts have a second chance, for an edit within the examples is no difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from routewright.data.shingles import (
    Shingles,
    cosines,
    counts,
    normalise,
    shingles,
    without_common_lines,
)

__all__ = ["COSINE", "Matches", "find_duplicates", "match", "normalise", "similarity", "united"]

COSINE = 0.95
SAME_RARE = 0.8
"""Least cosine of what sets two prompts apart; below it they share a template, not a question."""
HALF_RARE, WITHIN_RARE = 0.5, 0.9
"""Or at least this cosine, with nearly all of what sets the one apart within the other."""
SAME_RUNS = 0.8
FEWEST_RUNS = 8  # of 13 words: a text of 20 words has eight
BLOCK = 1_000  # rows compared at one time

Rows = NDArray[np.intp]
Floats = NDArray[np.float64]
Match = Literal["", "exact", "near"]


@dataclass(frozen=True, eq=False)
class Matches:
    """For each of n test prompts its counterpart in training.

    Attributes:
        kind: ``exact``, ``near`` or empty where there is none (n,).
        nearest: the training row (n,), -1 where there is none; the first of equal ones.
        cosine: of the two texts (n,), with or without the lines that many prompts hold, whichever
            is higher; 1 where exact, 0 where there is none.
    """

    kind: NDArray[np.str_]
    nearest: Rows
    cosine: Floats

    @property
    def share(self) -> float:
        """Share of the test prompts that training holds."""
        return float((self.kind != "").mean()) if len(self.kind) else 0.0


def find_duplicates(texts: Sequence[str], *, cosine: float = COSINE) -> Rows:
    """The number of each text's cluster (n,): counted from 0 in order of appearance.

    Clusters join all texts that a chain of exact or near pairs connects. A text of which
    normalising leaves nothing is nobody's duplicate. Takes about a minute for 40,000 texts of 500
    characters, and a gigabyte.

    Raises:
        MissingExtraError: scipy is not installed.
    """
    plain = [normalise(text) for text in texts]
    firsts, member = _distinct(plain)
    cut = without_common_lines([texts[row] for row in firsts])
    same, cut_member = _distinct(cut)
    table = _Table.of([plain[firsts[row]] for row in same], [cut[row] for row in same])
    left, right, _ = _near(table, np.arange(len(same)), np.arange(len(same)), cosine)
    of_cut = united(len(same), left, right)
    return _renumbered(of_cut[cut_member][member])


def match(
    test_texts: Sequence[str], train_texts: Sequence[str], *, cosine: float = COSINE
) -> Matches:
    """Which test texts stand in training, and where.

    Raises:
        MissingExtraError: scipy is not installed.
    """
    n = len(test_texts)
    texts = [*test_texts, *train_texts]
    plain = [normalise(text) for text in texts]
    firsts, member = _distinct(plain)
    empty = len(firsts)  # a number that no text has
    in_train = np.full(empty + 1, -1, dtype=np.intp)
    in_train[member[n:][::-1]] = np.arange(len(train_texts))[::-1]
    nearest = in_train[member[:n]]
    kind = np.where(nearest >= 0, "exact", "").astype(np.str_)
    similar = np.where(nearest >= 0, 1.0, 0.0)

    open_rows = np.unique(member[:n][nearest < 0])
    trained = np.flatnonzero(in_train[:empty] >= 0)
    cut = without_common_lines([texts[row] for row in firsts])
    table = _Table.of([plain[row] for row in firsts], cut)
    left, right, cosine_of = _near(table, open_rows, trained, cosine)
    # Of several counterparts the most similar, and of equals the first: written last, it stays.
    order = np.lexsort((-in_train[right], cosine_of))
    best = np.full(empty, -1, dtype=np.intp)
    best[left[order]] = order
    for row in np.flatnonzero(nearest < 0):
        pair = best[member[row]]
        if pair >= 0:
            kind[row], nearest[row] = "near", in_train[right[pair]]
            similar[row] = cosine_of[pair]
    return Matches(kind, nearest, similar)


def similarity(test_texts: Sequence[str], train_texts: Sequence[str]) -> float:
    """How much like the training texts a test text is: S(B, D), the mean of the best cosines.

    Ong et al. (RouteLLM, arXiv 2406.18665, appendix) with n-gram counts in place of their
    embedding: the figure compares data sets with one another, not with theirs. NaN without texts.

    Raises:
        MissingExtraError: scipy is not installed.
    """
    if not len(test_texts) or not len(train_texts):
        return float("nan")
    n = len(test_texts)
    cut = without_common_lines([*test_texts, *train_texts])
    table = shingles(cut)
    against = table.whole[n:].T.tocsr()
    best = [
        np.asarray((table.whole[rows] @ against).max(axis=1).todense()).ravel()
        for rows in _blocks(np.arange(n), 200)
    ]
    return float(np.minimum(np.concatenate(best), 1.0).mean(dtype=np.float64))


def united(size: int, left: Rows, right: Rows) -> Rows:
    """The least row of each row's cluster (size,): all that a chain of pairs connects.

    Pairs are (left[i], right[i]).
    """
    parent = list(range(size))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for one, other in zip(left.tolist(), right.tolist(), strict=True):
        a, b = root(one), root(other)
        parent[max(a, b)] = min(a, b)
    return np.array([root(row) for row in range(size)], dtype=np.intp)


def _distinct(texts: Sequence[str]) -> tuple[list[int], Rows]:
    """The first row of every different text, and for each row which of them it is.

    A text without content is different from all.
    """
    number: dict[str, int] = {}
    firsts: list[int] = []
    member = np.empty(len(texts), dtype=np.intp)
    for row, text in enumerate(texts):
        at = number.setdefault(text, len(firsts)) if text else len(firsts)
        if at == len(firsts):
            firsts.append(row)
        member[row] = at
    return firsts, member


@dataclass(frozen=True, eq=False)
class _Table:
    """Different texts: normalised, and as shingles of what is left without common lines."""

    texts: Sequence[str]
    cut: NDArray[np.bool_]
    shingles: Shingles

    @classmethod
    def of(cls, texts: list[str], without: list[str]) -> _Table:
        cut = [text != rest for text, rest in zip(texts, without, strict=True)]
        return cls(texts, np.array(cut, dtype=np.bool_), shingles(without))

    def cosines(self, left: Rows, right: Rows, enough: float) -> Floats:
        """Of each pair (k,); where below ``enough``, of the whole texts if that is more."""
        whole = self.shingles.whole
        parts = [
            cosines(whole[left[at]], whole[right[at]])
            for at in _blocks(np.arange(len(left)), 10 * BLOCK)
        ]
        value = np.concatenate([np.empty(0), *parts])
        again = np.flatnonzero((value < enough) & (self.cut[left] | self.cut[right]))
        if len(again):
            rows: Rows = np.union1d(left[again], right[again])
            one, other = np.searchsorted(rows, left[again]), np.searchsorted(rows, right[again])
            full = counts([self.texts[int(row)] for row in rows])
            value[again] = np.maximum(value[again], cosines(full[one], full[other]))
        return value


def _near(table: _Table, left: Rows, right: Rows, cosine: float) -> tuple[Rows, Rows, Floats]:
    """Near pairs, one row of ``left`` and one of ``right`` each, and their cosines."""
    found: list[tuple[Rows, Rows, Floats]] = []
    known = table.shingles
    rare, long = known.rare[right].T.tocsr(), known.long[right].T.tocsr()
    for rows in _blocks(left, BLOCK):
        a, b, value = _pairs(known.rare[rows] @ rare)
        one, other = rows[a], right[b]
        keep = _same_rare(value, known.rare_lengths[one], known.rare_lengths[other])
        keep &= one != other
        one, other = one[keep], other[keep]
        alike = table.cosines(one, other, cosine)
        enough = alike >= cosine - 1e-6  # the sums are of single precision
        found.append((one[enough], other[enough], alike[enough]))

        a, b, value = _pairs(known.long[rows] @ long)
        one, other = rows[a], right[b]
        shorter = np.minimum(known.long_sizes[one], known.long_sizes[other])
        keep = (shorter >= FEWEST_RUNS) & (value >= SAME_RUNS * shorter) & (one != other)
        one, other = one[keep], other[keep]
        found.append((one, other, table.cosines(one, other, 0.0)))
    none = np.empty(0, dtype=np.intp)
    lefts, rights, values = zip((none, none, none.astype(np.float64)), *found, strict=True)
    return np.concatenate(lefts), np.concatenate(rights), np.concatenate(values)


def _same_rare(cosine: Floats, one: Floats, other: Floats) -> NDArray[np.bool_]:
    """Whether what sets two texts apart is the same (k,), given their vectors' lengths."""
    within = cosine * np.maximum(one, other) / np.minimum(one, other)
    return (cosine >= SAME_RARE) | ((cosine >= HALF_RARE) & (within >= WITHIN_RARE))


def _pairs(product: Any) -> tuple[Rows, Rows, Floats]:
    pairs = product.tocoo()
    return pairs.row.astype(np.intp), pairs.col.astype(np.intp), pairs.data.astype(np.float64)


def _blocks(rows: Rows, size: int) -> Iterator[Rows]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _renumbered(clusters: Rows) -> Rows:
    _, first, inverse = np.unique(clusters, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.intp)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse.reshape(-1)]
