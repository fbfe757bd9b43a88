"""A subset of prompts in the proportions of the whole."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routewright.data.each import Each, here
from routewright.errors import require
from routewright.protocols import Encoder

CLUSTERS = 100
_FITTED = 20_000
"""The clusters are found on so many prompts; all are then put into the nearest."""
_AT_A_TIME = 2_000

Rows = NDArray[np.intp]


def representative(
    texts: Sequence[str],
    languages: Sequence[str],
    size: int,
    encoder: Encoder,
    *,
    seed: int = 0,
    each: Each = here,
) -> Rows:
    """Rows of a sample in which every cluster has its share of the prompts, in order (size,).

    k-means over the encoder's vectors, at most 100 clusters; prompts for which the encoder has no
    vector, such as other scripts to ``static``, are clusters by language. Shares are rounded by
    largest remainder, and rows within a cluster drawn at random.

    Args:
        texts: read once or twice; they may be on disk.
        languages: of each text.
        size: how many to draw; all where there are no more.
        encoder: not yet fitted.
        seed: the same seed draws the same rows.
        each: who encodes, once the clusters are known.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    if size >= len(texts):
        return np.arange(len(texts), dtype=np.intp)
    rng = np.random.default_rng(seed)
    strata = _strata(texts, languages, encoder, min(CLUSTERS, size), rng, seed, each)
    drawn = [
        rng.choice(np.flatnonzero(strata == stratum), count, replace=False)
        for stratum, count in enumerate(shares(np.bincount(strata), size))
        if count
    ]
    return np.sort(np.concatenate(drawn)).astype(np.intp)


def shares(counts: NDArray[np.intp], size: int) -> NDArray[np.intp]:
    """``size`` divided in proportion to counts, by largest remainder; the first of equal ones."""
    exact = counts * (size / counts.sum())
    whole = np.floor(exact + 1e-9).astype(np.intp)
    left = size - int(whole.sum())
    whole[np.argsort(whole - exact, kind="stable")[:left]] += 1
    return whole


def _strata(
    texts: Sequence[str],
    languages: Sequence[str],
    encoder: Encoder,
    clusters: int,
    rng: np.random.Generator,
    seed: int,
    each: Each,
) -> Rows:
    fitted = np.sort(rng.choice(len(texts), min(_FITTED, len(texts)), replace=False))
    some = [texts[int(row)] for row in fitted]
    encoder = encoder.fit(some)
    centres = _centres(encoder.encode(some), clusters, seed)
    known = {language: number for number, language in enumerate(sorted(set(languages)))}
    own = np.array([len(centres) + known[language] for language in languages], dtype=np.intp)
    found = each(partial(_nearest, encoder, centres), texts, batch=_AT_A_TIME)
    nearest = np.fromiter(found, dtype=np.intp, count=len(texts))
    return np.where(nearest >= 0, nearest, own)


def _nearest(encoder: Encoder, centres: NDArray[np.float32], texts: Sequence[str]) -> list[int]:
    """The nearest centre of each text, -1 where the encoder has no vector for it."""
    vectors = encoder.encode(texts)
    # |v - c|² less |v|², halved.
    nearest = (0.5 * (centres**2).sum(axis=1) - vectors @ centres.T).argmin(axis=1)
    return np.where(vectors.any(axis=1), nearest, -1).tolist()


def _centres(vectors: NDArray[np.float32], clusters: int, seed: int) -> NDArray[np.float32]:
    cluster: Any = require("sklearn.cluster", "train")
    threads: Any = require("threadpoolctl", "train")
    some = vectors[vectors.any(axis=1)]
    different = len(np.unique(some, axis=0))
    if not different:
        return np.zeros((1, vectors.shape[1]), dtype=np.float32)
    with threads.threadpool_limits(1):  # threads add up in another order each time
        fitted: Any = cluster.MiniBatchKMeans(
            n_clusters=min(clusters, different), batch_size=2_048, n_init=1, random_state=seed
        ).fit(some)
    return np.asarray(fitted.cluster_centers_, dtype=np.float32)
