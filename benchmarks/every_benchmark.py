"""The default router on every data set of a folder: above the zero router, or no evidence of skill.

    ROUTEWRIGHT_DATA=… python benchmarks/every_benchmark.py [--seeds 5] [NAME …]

For each: the pool that its ``meta.json`` names, five splits 70/30, the stack beside ridge and
the baselines that look at the prompt. Nothing is chosen by looking at test prompts. Fits land in
runs/every; a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from routewright.bench import bench
from routewright.errors import RoutewrightError

ROUTERS = ("stack", "ridge")
SHOWN = ("cost-only", "length", "ridge", "stack")
OUT = Path("runs/every")


def pool(folder: Path) -> list[str] | None:
    told: Any = json.loads((folder / "meta.json").read_text())
    return [str(name) for name in told["pool"]] if "pool" in told else None


def figure(standing: Any) -> str:
    low, value, high = (getattr(standing.minus_zero, part) for part in ("low", "value", "high"))
    return f"{value:+.4f} [{low:+.4f}, {high:+.4f}]"


def verdict(section: Any) -> str:
    low = section.standing("stack").minus_zero.low
    return "above the zero router" if low > 0 else "no evidence of skill"


def show(folder: Path, seeds: int) -> None:
    try:
        run = bench(
            [folder],
            list(ROUTERS),
            out=OUT / folder.name,
            models=pool(folder),
            regimes=["in-distribution"],
            seeds=seeds,
        )
    except RoutewrightError as error:
        print(f"{folder.name:22} not measured: {error}", flush=True)
        return
    if not run.board.sections:
        print(f"{folder.name:22} not measured", flush=True)
        return
    for section in run.board.sections:
        told = {each.name: figure(each) for each in section.standings if each.name in SHOWN}
        row = "  ".join(f"{told.get(name, '–'):26}" for name in SHOWN)
        print(f"{folder.name:22} {section.prompts:6,} x {len(section.models):2}  {row}  ", end="")
        print(verdict(section), flush=True)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("names", nargs="*")
    asked.add_argument("--seeds", type=int, default=5)
    given = asked.parse_args()
    if "ROUTEWRIGHT_DATA" not in os.environ:
        sys.exit("set ROUTEWRIGHT_DATA to the folder that holds the data sets")
    root = Path(os.environ["ROUTEWRIGHT_DATA"])
    folders = sorted(each.parent for each in root.glob("*/meta.json"))
    print("difference to the zero router in AIQ, 95 % interval over prompts, mean of the splits")
    header = "  ".join(f"{name:26}" for name in SHOWN)
    print(f"{'data':22} {'prompts x models':>11}  {header}")
    for folder in folders:
        if not given.names or folder.name in given.names:
            show(folder, given.seeds)


if __name__ == "__main__":
    main()
