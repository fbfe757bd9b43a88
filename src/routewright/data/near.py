"""Near duplicates among more texts than ``find_duplicates`` can hold in memory at one time.

Sketches propose, ``find_duplicates`` decides. Two texts are proposed to it together where

- their min-hashes agree in one of 12 bands of 5 (Broder, 1997): two texts that share 85 % of their
  n-grams are missed once in a thousand times, of those that share 60 % six in ten are proposed; or
- they share a run of 13 words, of a quarter of all such runs, that few texts hold: a quote.

What the proposals connect stays together in batches of about 10,000 texts. A batch knows a template
only by the texts in it, and a family of more than a batch is divided, near ones beside each
other: so up to 20,000 texts the answer is that of ``find_duplicates``, and beyond them nearly so.
Time and memory grow with the number of texts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from routewright.data.duplicates import find_duplicates, normalise
from routewright.data.each import Each, here
from routewright.data.shingles import COMMON, sketchable
from routewright.errors import require

WHOLE = 20_000
"""Up to so many texts are compared all with all."""
BATCH = 10_000
BANDS, BAND = 12, 5
RUN_SHARE = np.uint64(4)  # one run in so many is compared

Rows = NDArray[np.intp]
Keys = NDArray[np.uint64]


def near_clusters(texts: Sequence[str], *, whole: int = WHOLE, each: Each = here) -> Rows:
    """The first row of each text's cluster (n,), its own where it has no near duplicate.

    Args:
        texts: read several times, in order and by row; they may be on disk.
        whole: up to so many are compared all with all.
        each: who does the steps that look at one text, or at one batch.

    Raises:
        MissingExtraError: scipy is not installed.
    """
    everything = np.arange(len(texts), dtype=np.intp)
    if len(texts) <= whole:
        return _firsts(everything, list(texts))
    clusters = everything.copy()
    bands, runs, owners = _sketches(texts, _common_lines(texts, each), each)
    batches = _batches(_components(bands, runs, owners), bands[:, 0])
    families = ((rows, [texts[int(row)] for row in rows]) for rows in batches)
    for rows, firsts in each(_compared, families, batch=1):
        clusters[rows] = firsts
    return clusters


def _compared(families: Sequence[tuple[Rows, list[str]]]) -> list[tuple[Rows, Rows]]:
    return [(rows, _firsts(rows, texts)) for rows, texts in families]


def _firsts(rows: Rows, texts: list[str]) -> Rows:
    """The least row of each row's cluster; ``rows`` need not be in order."""
    number = find_duplicates(texts)
    least = np.full(len(rows), np.iinfo(np.intp).max, dtype=np.intp)
    np.minimum.at(least, number, rows)
    return least[number]


def _common_lines(texts: Sequence[str], each: Each) -> NDArray[np.uint32]:
    """Digests of lines that more than a few texts hold, sorted: instructions, worked examples."""
    parts = list(each(_different_lines, texts))
    digests, counts = np.unique(np.concatenate(parts), return_counts=True)
    return digests[counts > COMMON]


def _different_lines(texts: Sequence[str]) -> list[NDArray[np.uint32]]:
    return [np.unique(_line_digests(_lines(text))) for text in texts]


def _lines(text: str) -> list[str]:
    return [line for raw in text.splitlines() if (line := raw.strip())]


def _line_digests(lines: list[str]) -> NDArray[np.uint32]:
    digests = (crc32(line.encode("utf-8", "surrogatepass")) for line in lines)
    return np.fromiter(digests, dtype=np.uint32, count=len(lines))


def _without(text: str, common: NDArray[np.uint32]) -> str:
    """The text less its common lines, or whole where nothing else is in it."""
    lines = _lines(text)
    digests = _line_digests(lines)
    at = np.minimum(np.searchsorted(common, digests), max(len(common) - 1, 0))
    is_common = common[at] == digests if len(common) else np.zeros(len(lines), dtype=np.bool_)
    kept = [line for line, cut in zip(lines, is_common.tolist(), strict=True) if not cut]
    return "\n".join(kept) or text


def _sketches(
    texts: Sequence[str], common: NDArray[np.uint32], each: Each
) -> tuple[Keys, Keys, NDArray[np.int32]]:
    """Of each text its bands' keys (n, BANDS), and of all long runs hash and owner (k,)."""
    bands = np.zeros((len(texts), BANDS), dtype=np.uint64)
    runs: list[Keys] = []
    for row, (keys, sampled) in enumerate(each(partial(_sketched, common), texts)):
        # A text without a word is nobody's twin.
        bands[row] = np.uint64(row) if keys is None else keys
        runs.append(sampled)
    counts = np.array([len(sampled) for sampled in runs], dtype=np.int64)
    owners = np.repeat(np.arange(len(texts), dtype=np.int32), counts)
    return bands, np.concatenate(runs), owners


def _sketched(common: NDArray[np.uint32], texts: Sequence[str]) -> list[tuple[Keys | None, Keys]]:
    """Of each text its bands' keys (BANDS,), None without a word, and a sample of its long runs."""
    rng = np.random.default_rng(0)
    factors = rng.integers(1, 1 << 32, BANDS * BAND, dtype=np.uint32) | np.uint32(1)
    shifts = rng.integers(0, 1 << 32, BANDS * BAND, dtype=np.uint32)
    mixers = rng.integers(1, 1 << 63, BAND, dtype=np.uint64) | np.uint64(1)
    told: list[tuple[Keys | None, Keys]] = []
    for text in texts:
        grams, long = sketchable(normalise(_without(text, common)))
        keys = None
        if len(grams):
            least = (grams.astype(np.uint32)[:, None] * factors + shifts).min(axis=0)
            keys = (least.reshape(BANDS, BAND).astype(np.uint64) * mixers).sum(axis=1)
        told.append((keys, long[long % RUN_SHARE == 0]))
    return told


def _components(bands: Keys, runs: Keys, owners: NDArray[np.int32]) -> Rows:
    """The number of the connected component of each text (n,)."""
    sparse: Any = require("scipy.sparse", "train")
    graphs: Any = require("scipy.sparse.csgraph", "train")
    n = len(bands)
    left: list[Rows] = []
    right: list[Rows] = []
    for band in range(BANDS):
        order = np.argsort(bands[:, band], kind="stable")
        same = bands[order[1:], band] == bands[order[:-1], band]
        left.append(order[:-1][same])
        right.append(order[1:][same])
    order = np.argsort(runs, kind="stable")
    _, starts, sizes = np.unique(runs[order], return_index=True, return_counts=True)
    few = np.repeat((sizes >= 2) & (sizes <= COMMON), sizes)
    within = np.ones(len(runs), dtype=np.bool_)
    within[starts] = False
    linked = np.flatnonzero(few & within)
    left.append(owners[order[linked - 1]].astype(np.intp))
    right.append(owners[order[linked]].astype(np.intp))
    pairs = np.concatenate(left), np.concatenate(right)
    graph: Any = sparse.coo_matrix((np.ones(len(pairs[0]), dtype=np.bool_), pairs), shape=(n, n))
    return np.asarray(graphs.connected_components(graph, directed=False)[1], dtype=np.intp)


def _batches(components: Rows, keys: Keys) -> Iterator[Rows]:
    """Rows that have a candidate, components whole where they fit into a batch."""
    sizes = np.bincount(components)
    rows = np.flatnonzero(sizes[components] > 1)
    rows = rows[np.lexsort((rows, keys[rows], components[rows]))]
    ends = np.flatnonzero(np.diff(components[rows], append=-1)) + 1
    start = 0
    while start < len(rows):
        after = int(np.searchsorted(ends, start + BATCH, side="right"))
        end = int(ends[after - 1]) if after and ends[after - 1] > start else start + BATCH
        yield rows[start:end]
        start = min(end, len(rows))
