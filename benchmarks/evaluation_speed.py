"""How fast the evaluation is: RouterBench's size, beside a plain loop, and as prompts grow.

    python benchmarks/evaluation_speed.py            # all three, about five minutes
    python benchmarks/evaluation_speed.py size loop  # some of them

``size`` evaluates ten routers' given predictions on 36,497 prompts x 11 models: 200 settings of the
knob each, 2,000 bootstrap replicates of AIQ and its differences. Limits: 30 s, 2 GB, two cores.
``loop`` gives the same figures twice, by the package and by the straightforward loop over prompts
in Python, and fails where they differ. Bar: 50 times faster. ``growth`` goes up to 1,000,000 rows.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from routewright.data import RoutingData
from routewright.evaluation import evaluate
from routewright.metrics import Draws, aiq, sweep
from routewright.policy import worth_grid
from routewright.routers import Predictions
from routewright.types import Prompt

Floats = NDArray[np.float64]
RATIO, SECONDS, GIGABYTES = 50, 30, 2


def outcomes(n: int, m: int, seed: int = 0) -> tuple[Floats, Floats, Floats]:
    """Chances of being right, outcomes and costs of n prompts and m models, none like another."""
    rng = np.random.default_rng(seed)
    skill = np.linspace(-1, 1, m)
    odds = 1 / (1 + np.exp(-skill - rng.normal(size=(n, 1)) - 0.5 * rng.normal(size=(n, m))))
    prices = np.geomspace(5e-5, 3e-3, m)
    costs = prices * rng.lognormal(0, 0.7, size=(n, 1)) * rng.lognormal(0, 0.3, size=(n, m))
    return odds, (rng.random((n, m)) < odds).astype(np.float64), costs


def table(scores: Floats, costs: Floats) -> RoutingData:
    prompts = tuple(Prompt.from_text(f"p{i}", f"prompt {i}") for i in range(len(scores)))
    return RoutingData(prompts, tuple(f"m{j}" for j in range(scores.shape[1])), scores, costs)


def predictions(data: RoutingData, odds: Floats, noise: float, seed: int) -> Predictions:
    rng = np.random.default_rng(seed)
    told = np.clip(odds + noise * rng.normal(size=odds.shape), 0, 1)
    return Predictions(
        data.models, told, np.tile(data.costs.mean(axis=0), (len(odds), 1)), np.zeros_like(odds)
    )


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def size() -> None:
    odds, scores, costs = outcomes(36_497, 11)
    data = table(scores, costs)
    routers = {f"router {k}": predictions(data, odds, 0.1 * k, k) for k in range(10)}
    means = (scores.mean(axis=0), costs.mean(axis=0))
    took = timed(lambda: evaluate(routers, data, train_means=means, replicates=2_000))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"size: 36,497 prompts x 11 models, 10 routers, 200 settings, 2,000 replicates: "
        f"{took:.1f} s (limit {SECONDS}), {peak:.2f} GB at most (limit {GIGABYTES})"
    )
    if took > SECONDS or peak > GIGABYTES:
        raise SystemExit("over the limit")


def loop() -> None:
    n, m, settings, replicates = 10_000, 11, 100, 100
    odds, scores, costs = outcomes(n, m)
    data = table(scores, costs)
    told = predictions(data, odds, 0.2, 1)
    worth = worth_grid(told.scores, told.costs, settings - 2)
    draws = Draws.over(data.groups, replicates=replicates)
    weights = np.concatenate(list(draws.weights()))
    low, high = float(costs.mean(axis=0).min()), float(costs.mean(axis=0).max())
    cheap = float(scores.mean(axis=0)[costs.mean(axis=0).argmin()])
    found: dict[str, list[float]] = {}

    def package() -> None:
        chosen = sweep(told.scores, told.costs, scores, costs, worth_usd=worth).chosen
        rows = np.arange(n)
        means = draws.means(
            np.concatenate([scores[rows, chosen], costs[rows, chosen]]).T.copy()
        ).reshape(1 + replicates, 2, -1)
        found["package"] = [
            aiq(np.column_stack([c, q]), low, high, cheapest_score=cheap) for q, c in means
        ]

    def plain() -> None:
        q, c, s, d = (x.tolist() for x in (told.scores, told.costs, scores, costs))
        points: list[list[tuple[float, float]]] = [[] for _ in range(1 + replicates)]
        drawn = weights.tolist()
        for each in worth.tolist():
            got: list[float] = []
            paid: list[float] = []
            for i in range(n):
                best = max(range(m), key=lambda j: (value(q[i][j], c[i][j], each), -c[i][j], -j))
                got.append(s[i][best])
                paid.append(d[i][best])
            for b, weight in enumerate(drawn):
                total = score = cost = 0.0
                for i in range(n):
                    total += weight[i]
                    score += weight[i] * got[i]
                    cost += weight[i] * paid[i]
                points[b].append((cost / total, score / total))
        found["plain"] = [aiq(p, low, high, cheapest_score=cheap) for p in points]

    fast = min(timed(package) for _ in range(3))
    slow = timed(plain)
    if not np.allclose(found["package"], found["plain"], rtol=0, atol=1e-12):
        raise SystemExit("the two ways differ")
    print(
        f"loop: {n:,} prompts x {m} models, {len(worth)} settings, {replicates} replicates of AIQ: "
        f"package {1000 * fast:.0f} ms, plain loop {slow:.1f} s, ratio {slow / fast:.0f} "
        f"(bar {RATIO}); largest difference of the figures "
        f"{max(abs(a - b) for a, b in zip(*found.values(), strict=True)):.0e}"
    )
    if slow / fast < RATIO:
        raise SystemExit("under the bar")


def value(score: float, cost: float, worth_usd: float) -> float:
    """Utility of one model for one prompt."""
    return -cost if worth_usd == 0 else score - cost / worth_usd


def growth() -> None:
    first = 0.0
    for n in (30_000, 100_000, 300_000, 1_000_000):
        odds, scores, costs = outcomes(n, 11)
        data = table(scores, costs)
        router = predictions(data, odds, 0.2, 1)
        _ = data.groups  # a table's own work, once for all evaluations
        took = timed(lambda d=data, r=router: evaluate(r, d, replicates=200))
        first = first or took / n
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(
            f"growth: {n:>9,} prompts x 11 models, 1 router, 200 replicates: {took:6.1f} s, "
            f"{1e6 * took / n:5.1f} µs a prompt ({took / n / first:.2f} of the first line's), "
            f"{peak:.1f} GB at most so far"
        )


if __name__ == "__main__":
    parts = {"size": size, "loop": loop, "growth": growth}
    for name in sys.argv[1:] or parts:
        parts[name]()
