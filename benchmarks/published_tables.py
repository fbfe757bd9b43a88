"""Published and recomputed figures side by side: RouterBench's tasks, RouteLLM's pairs.

    ROUTEWRIGHT_DATA=… python benchmarks/published_tables.py

``ROUTEWRIGHT_DATA`` names a folder with ``routerbench``, ``routellm_mmlu`` and ``routellm_gsm8k``
in long format. What stands there is about 70 % of the questions that the printed figures are from,
so a recomputed figure may differ by chance: z is the difference over its standard error, a
bootstrap over groups shrunk by sqrt(1 - n/N), since n of the same N rows are looked at. The script
fails where a difference is beyond 95 % chance for all figures of the table together (Bonferroni).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from routewright.data import RoutingData
from routewright.metrics import Curves, Draws, oracle, oracle_curve

Floats = NDArray[np.float64]
REPLICATES = 2_000


@dataclass(frozen=True)
class Figure:
    """One printed figure and what the data at hand give."""

    where: str
    what: str
    printed: float
    draws: Floats  # (1 + B,)
    n: int
    printed_n: int

    @property
    def error(self) -> float:
        """Standard error of the difference: the printed figure is from the same questions."""
        return float(self.draws[1:].std() * np.sqrt(max(0.0, 1 - self.n / self.printed_n)))

    @property
    def z(self) -> float:
        """The difference in standard errors, less half a unit of the last printed digit."""
        digits = len(f"{self.printed}".partition(".")[2])
        apart = abs(self.draws[0] - self.printed) - 0.5 * 10.0**-digits
        return float(np.sign(self.draws[0] - self.printed) * max(0.0, apart) / self.error)


# Rows and figures of 5-shot RouterBench, complete rows alone.
ROUTERBENCH: dict[str, tuple[int, dict[str, float]]] = {
    "arc-challenge": (
        1456,
        {
            "GPT-4 score": 0.9540, "GPT-4 $/1,000": 5.028, "oracle score": 0.987,
            "oracle $/1,000": 0.216, "none right %": 1.3, "GPT-4 in oracle %": 0.96,
            "AIQ zero": 0.9208, "AIQ oracle": 0.9857,
        },
    ),
    "mbpp": (
        427,
        {
            "GPT-4 score": 0.6862, "GPT-4 $/1,000": 9.377, "oracle score": 0.8665,
            "oracle $/1,000": 0.483, "none right %": 13.35, "GPT-4 in oracle %": 2.1,
            "AIQ zero": 0.6655, "AIQ oracle": 0.8648,
        },
    ),
    "winogrande": (
        1267,
        {
            "GPT-4 score": 0.8587, "GPT-4 $/1,000": 3.531, "oracle score": 0.9992,
            "oracle $/1,000": 0.107, "none right %": 0.08,
            "AIQ zero": 0.7973, "AIQ oracle": 0.9978,
        },
    ),
    "pooled": (
        3150,
        {
            "GPT-4 score": 0.8794, "GPT-4 $/1,000": 5.015, "oracle score": 0.9756,
            "oracle $/1,000": 0.208, "GPT-4 in oracle %": 0.73,
            "AIQ zero": 0.8195, "AIQ oracle": 0.9744,
        },
    ),
}  # fmt: skip
PAIRS: dict[str, tuple[int, dict[str, float]]] = {
    "routellm_mmlu": (
        14037,
        {"strong": 0.8059, "weak": 0.6809, "strong only": 0.1778, "weak only": 0.0529,
         "neither": 0.1413, "oracle": 0.8587},
    ),
    "routellm_gsm8k": (
        1307,
        {"strong": 0.8577, "weak": 0.6373, "strong only": 0.2923, "weak only": 0.0719,
         "neither": 0.0704, "oracle": 0.9296},
    ),
}  # fmt: skip
STRONG = "gpt-4-1106-preview"


def complete(path: Path) -> RoutingData:
    data = RoutingData.load(path)
    return data.subset(data.complete)


def routerbench(data: RoutingData, task: str) -> list[Figure]:
    here = data if task == "pooled" else data.subset([task in name for name in data.tasks])
    n, m = here.scores.shape
    strong = here.models.index(STRONG)
    draws = Draws.over(here.groups, replicates=REPLICATES)
    best = oracle(here.scores, here.costs)
    curve = oracle_curve(here.scores, here.costs)
    rows: NDArray[np.intp] = np.arange(n, dtype=np.intp)
    solved = here.scores.max(axis=1) > 0
    singles = draws.means(np.concatenate([here.scores, here.costs], axis=1))
    scores, costs = singles[:, :m], singles[:, m:]
    low, high = float(costs[0].min()), float(costs[0].max())
    told = draws.means(
        np.concatenate([here.scores[rows, curve.chosen], here.costs[rows, curve.chosen]]).T.copy()
    )
    knobs = len(curve.chosen)

    def mean(values: Floats) -> Floats:
        return draws.means(values[:, None])[:, 0]

    found: dict[str, Callable[[], Floats]] = {
        "GPT-4 score": lambda: scores[:, strong],
        "GPT-4 $/1,000": lambda: 1000 * costs[:, strong],
        "oracle score": lambda: mean(here.scores[rows, best.chosen]),
        "oracle $/1,000": lambda: 1000 * mean(here.costs[rows, best.chosen]),
        "none right %": lambda: 100 * mean(1.0 - solved),
        "GPT-4 in oracle %": lambda: 100 * mean(1.0 * ((best.chosen == strong) & solved)),
        "AIQ zero": lambda: Curves.hull(costs, scores).areas(low, high),
        "AIQ oracle": lambda: Curves.hull(
            np.column_stack([told[:, knobs:], costs.min(axis=1)]),
            np.column_stack([told[:, :knobs], scores[:, costs[0].argmin()]]),
        ).areas(low, high),
    }
    printed_n, printed = ROUTERBENCH[task]
    return [
        Figure(task, what, value, found[what](), n, printed_n) for what, value in printed.items()
    ]


def pair(data: RoutingData) -> list[Figure]:
    strong = data.scores[:, data.models.index(STRONG)]
    weak = data.scores[:, 1 - data.models.index(STRONG)]
    columns = {
        "strong": strong,
        "weak": weak,
        "strong only": strong * (1 - weak),
        "weak only": weak * (1 - strong),
        "neither": (1 - weak) * (1 - strong),
        "oracle": np.maximum(strong, weak),
    }
    draws = Draws.over(data.groups, replicates=REPLICATES).means(
        np.column_stack([*columns.values()])
    )
    printed_n, printed = PAIRS[data.name]
    return [
        Figure(data.name, what, printed[what], draws[:, at], len(data), printed_n)
        for at, what in enumerate(columns)
    ]


def main() -> None:
    folder = os.environ.get("ROUTEWRIGHT_DATA")
    if not folder:
        raise SystemExit("set ROUTEWRIGHT_DATA to the folder that holds routerbench and the pairs")
    pieces = complete(Path(folder) / "routerbench")
    figures = [figure for task in ROUTERBENCH for figure in routerbench(pieces, task)]
    figures += [figure for name in PAIRS for figure in pair(complete(Path(folder) / name))]
    limit = NormalDist().inv_cdf(1 - 0.025 / len(figures))
    print(f"{'':16}{'':20}{'printed':>9}{'here':>9}{'apart':>9}{'s.e.':>8}{'z':>7}    rows")
    for f in figures:
        here = f.draws[0]
        print(
            f"{f.where:16}{f.what:20}{f.printed:9.4f}{here:9.4f}{here - f.printed:+9.4f}"
            f"{f.error:8.4f}{f.z:+7.2f}    {f.n} of {f.printed_n}"
        )
    worst = max(figures, key=lambda f: abs(f.z))
    print(
        f"{len(figures)} figures, {sum(abs(f.z) > 1.96 for f in figures)} beyond 1.96 standard "
        f"errors, the largest {abs(worst.z):.2f} ({worst.where}, {worst.what}); "
        f"limit for all together {limit:.2f}"
    )
    if abs(worst.z) > limit:
        raise SystemExit("a recomputed figure differs by more than chance")


if __name__ == "__main__":
    main()
