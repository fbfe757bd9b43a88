"""CPU time to rank 64 models for one prompt over 55,000 votes x 256 dimensions, two ways.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/ranking_speed.py

``sw-ranking`` is the package's way. The plain way is what RouteLLM's program does: all
similarities, weights, then scikit-learn's logistic regression without intercept or penalty,
tolerance 1e-8, over two rows for every vote (so that a tie can be one win for each), ±ln 10 in two
of 64 columns. ``lean`` is the least that can be made of it: the table of rows made once beforehand,
two rows for ties alone, scikit-learn's own tolerance of 1e-4. All run in this process on the same
queries, and the first two must agree. Bars: 15 ms, and 10 times less than the plain way.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from routewright.metrics.bradley_terry import bradley_terry
from routewright.routers.comparisons import Pairs, beats, rates, vote_map
from routewright.routers.ranking import Ranking

Floats = NDArray[np.float64]
Float32 = NDArray[np.float32]
VOTES, DIMENSIONS, MODELS = 55_000, 256, 64
QUERIES, PLAIN_QUERIES = 40, 4
MILLISECONDS, RATIO, APART = 15.0, 10.0, 0.002
GAMMAS = (10.0, 1e4)


def votes(seed: int = 0) -> tuple[Float32, NDArray[np.intp], NDArray[np.intp], Floats, Float32]:
    """Prompts of 40 kinds, each vote by the strengths of its kind, a third of them ties."""
    rng = np.random.default_rng(seed)
    kinds = rng.integers(0, 40, VOTES + QUERIES)
    centres = rng.normal(size=(40, DIMENSIONS))
    places = centres[kinds] + rng.normal(size=(len(kinds), DIMENSIONS))
    places /= np.linalg.norm(places, axis=1, keepdims=True)
    strengths = np.linspace(-1, 1, MODELS) + rng.normal(0, 0.5, (40, MODELS))
    first = rng.integers(0, MODELS, VOTES)
    second = (first + rng.integers(1, MODELS, VOTES)) % MODELS
    lead = strengths[kinds[:VOTES], first] - strengths[kinds[:VOTES], second]
    won = (rng.random(VOTES) < 1 / (1 + np.exp(-lead))).astype(np.float64)
    won[rng.random(VOTES) < 1 / 3] = 0.5
    vectors = places.astype(np.float32)
    return vectors[:VOTES], first, second, won, vectors[VOTES:]


def cpu_ms(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    found = work()
    return 1000 * (time.process_time() - start), found


def design(one: NDArray[np.intp], two: NDArray[np.intp]) -> Floats:
    """A row for every vote, with ln 10 for one model and -ln 10 for the other."""
    entries, row = np.zeros((len(one), MODELS)), np.arange(len(one))
    entries[row, one], entries[row, two] = np.log(10), -np.log(10)
    return entries


def fitted(entries: Floats, won: NDArray[np.bool_], weights: Floats, tol: float) -> Floats:
    """Win rates (m, m) by logistic regression."""
    model: Any = LogisticRegression(fit_intercept=False, C=np.inf, tol=tol)
    model.fit(entries, won, sample_weight=weights)
    return beats(np.log(10) * model.coef_[0])


def main() -> None:
    vectors, first, second, won, queries = votes()
    rows = np.arange(VOTES)
    pairs = Pairs(rows, first * MODELS + second, won)
    everything = pairs.wins(np.ones(VOTES), MODELS)
    strengths = bradley_terry(everything)
    field = np.ones(MODELS, dtype=np.bool_)
    as_scores = vote_map(field, np.full(MODELS, 0.5))

    twice = np.concatenate([rows, rows])
    won_twice = np.concatenate([won > 0, won == 1])
    lean = np.concatenate([rows, np.flatnonzero(won == 0.5)])
    lean_rows = design(first[lean], second[lean])
    lean_won = won_twice[: len(lean)].copy()
    lean_won[VOTES:] = False
    lean_share = np.where(won[lean] == 0.5, 0.5, 1.0)

    print(f"{VOTES:,} votes x {DIMENSIONS} dimensions, {MODELS} models, CPU ms for one prompt")
    print(
        f"{'gamma':>7}  {'sw-ranking':>10}  {'slowest':>7}  {'plain':>5}  {'ratio':>5}  {'lean':>5}"
    )
    missed = False
    for gamma in GAMMAS:
        ranking = Ranking(np.ascontiguousarray(vectors.T), vectors[:0, 0], strengths, gamma)

        def ours(query: Float32, ranking: Ranking = ranking) -> tuple[Floats, Floats]:
            chance = ranking.chances(ranking.weights(ranking.similar(query)), pairs)
            return as_scores.scores(rates(chance, field)), chance

        def weights(query: Float32, gamma: float = gamma) -> Floats:
            similar = vectors @ query
            return gamma ** (1 + (similar / similar.max()).astype(np.float64))

        def plain(query: Float32) -> Floats:
            entries = design(first[twice], second[twice])
            return fitted(entries, won_twice, weights(query)[twice], tol=1e-8)

        def leanest(query: Float32) -> Floats:
            return fitted(lean_rows, lean_won, weights(query)[lean] * lean_share, tol=1e-4)

        ours(queries[0])
        fast = [cpu_ms(lambda q=q: ours(q)) for q in queries]
        slow = [cpu_ms(lambda q=q: plain(q)) for q in queries[:PLAIN_QUERIES]]
        least = [cpu_ms(lambda q=q: leanest(q)) for q in queries[:PLAIN_QUERIES]]
        apart = max(
            float(np.abs(one[1] - other).max())
            for (_, one), (_, other) in zip(fast[:PLAIN_QUERIES], slow, strict=True)
        )
        mine, other, third = (
            float(np.median([took for took, _ in times])) for times in (fast, slow, least)
        )
        worst = max(took for took, _ in fast)
        print(
            f"{gamma:7.0e}  {mine:10.1f}  {worst:7.1f}  {other:5.0f}  {other / mine:5.0f}"
            f"  {third:5.0f}"
        )
        missed |= mine > MILLISECONDS or other < RATIO * mine or apart > APART
    print(f"bars: {MILLISECONDS:.0f} ms, ratio {RATIO:.0f}; win rates of the two agree to {APART}")
    if missed:
        sys.exit("missed")


if __name__ == "__main__":
    main()
