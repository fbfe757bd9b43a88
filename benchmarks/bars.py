"""What the default router has to reach, beside what it reaches.

    ROUTEWRIGHT_DATA=… python benchmarks/bars.py [labels] [pieces] [subjects]

- labels: RouteLLM's MMLU with 1,000 and 7,000 training prompts, the rest tested, and its GSM8K
  70/30: APGR, mean of five splits.
- pieces: RouterBench's three tasks pooled and each alone, 70/30, five splits: AIQ less the zero
  router's.
- subjects: whole MMLU subjects held out, ten folds, the gate on: the worst fold counts.

Exits 1 where a bar is missed. Fits land in runs/bars; a run that was stopped goes on.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

import routewright as rw
from routewright.bench import bench
from routewright.bench.results import Section
from routewright.data import RoutingData
from routewright.data.regimes import folds, joined_groups
from routewright.metrics import apgr

OUT = Path("runs/bars")
LABELS = (
    ("routellm_mmlu", 1_000, 0.625),
    ("routellm_mmlu", 7_000, 0.660),
    ("routellm_gsm8k", 646, 0.630),
)
POOLED, ALONE, WORST = 0.025, -0.003, -0.005


def data(name: str) -> RoutingData:
    return RoutingData.load(Path(os.environ["ROUTEWRIGHT_DATA"], name))


def section(table: RoutingData, name: str, holdout: float = 0.3) -> Section:
    run = bench(
        [replace(table, name=name)],
        ["stack"],
        out=OUT / name,
        regimes=["in-distribution"],
        holdout=holdout,
    )
    return run.board.sections[0]


def tell(what: str, figure: str, bar: str, met: bool) -> int:
    print(f"{what:44} {figure:34} bar {bar:22} {'met' if met else 'MISSED'}", flush=True)
    return int(not met)


def labels() -> int:
    missed = 0
    for name, count, bar in LABELS:
        table = data(name)
        holdout = 0.3 if name == "routellm_gsm8k" else 1 - count / len(table)
        pair = section(table, f"{name}-{count}", holdout).standing("stack").pair
        assert pair is not None
        told = pair.apgr
        figure = f"APGR {told.value:.3f} [{told.low:.3f}, {told.high:.3f}]"
        missed += tell(f"{name}, {count:,} labels", figure, f"≥ {bar:.3f}", told.value >= bar)
    return missed


def pieces() -> int:
    table, missed = data("routerbench"), 0
    for task in ("", *sorted(set(table.tasks.tolist()))):
        part = table.subset(table.tasks == task) if task else table
        name = f"routerbench-{task.replace('/', '-') or 'pooled'}"
        told = section(part, name).standing("stack").minus_zero
        figure = f"{told.value:+.4f} [{told.low:+.4f}, {told.high:+.4f}]"
        if task:
            bar, met = f"≥ {ALONE:+.3f}", told.value >= ALONE
        else:
            bar, met = f"≥ {POOLED:+.3f}, above 0", told.value >= POOLED and told.low > 0
        missed += tell(f"{name}, AIQ − zero", figure, bar, met)
    return missed


def subjects() -> int:
    table = data("routellm_mmlu")
    groups = joined_groups(table)
    prompts = tuple(
        msgspec.structs.replace(prompt, group=str(group))
        for prompt, group in zip(table.prompts, groups, strict=True)
    )
    table = replace(table, prompts=prompts)
    reached: list[tuple[float, float]] = []
    for fold in folds(table, "leave-one-task-out", groups=groups):
        training, testing = fold.training(table), fold.testing(table)
        router = rw.routers.make("stack", gate=True, seed=42).fit(training)
        means = router.train_means_["scores"], router.train_means_["costs"]
        told = router.predict(testing.prompts)
        measured = rw.evaluate(told, testing, train_means=means, replicates=1)
        row = next(row for row in measured.rows if row.kind == "router")
        strong = int(np.argmax(testing.scores.mean(axis=0)))
        lead = told.scores[:, strong] - told.scores[:, 1 - strong]
        area = apgr(testing.scores[:, strong], testing.scores[:, 1 - strong], lead)
        reached.append((row.minus_zero.value, area))
        print(f"  {fold.name}: AIQ − zero {reached[-1][0]:+.4f}, APGR {area:.3f}", flush=True)
    worst, area = min(gain for gain, _ in reached), float(np.mean([each for _, each in reached]))
    figure = f"worst {worst:+.4f}, mean APGR {area:.3f}"
    return tell("MMLU subjects held out, gate on", figure, f"≥ {WORST:+.3f}", worst >= WORST)


def main() -> int:
    if "ROUTEWRIGHT_DATA" not in os.environ:
        sys.exit("set ROUTEWRIGHT_DATA to the folder that holds routellm_mmlu, routerbench, …")
    wanted = sys.argv[1:] or ["labels", "pieces", "subjects"]
    parts = {"labels": labels, "pieces": pieces, "subjects": subjects}
    return int(sum(parts[name]() for name in wanted) > 0)


if __name__ == "__main__":
    sys.exit(main())
