"""What a cache by similarity would save and spoil on real prompts.

    ROUTEWRIGHT_DATA=… python benchmarks/similar_cache.py > benchmarks/results/similar_cache.txt

``ROUTEWRIGHT_DATA`` is a folder of data sets, each with ``prompts.parquet`` (text, the bare
question, the group of equal questions). Four kinds of traffic:

- ``as asked``: every prompt of all sets once, in random order. What is alike is alike by chance,
  or because a benchmark asks the same in two wordings (same group), which is a right hit;
- ``one set``: the same for each set alone, where prompts share their form;
- ``reworded``: a third of the bare questions come again, as people put the same thing a second time
  (``REWORDINGS``: courtesies, case, punctuation, an opening). The rewordings are ours, the
  questions real; reworded ones are right hits, all others wrong;
- ``half reworded``: one in six.

Each is calibrated as ``routewright cache calibrate`` does it, with the guard (``guarded``: equal
numbers, names, negations …) and, for two kinds, by distance alone. Only prompts of one short line
are looked at, as in the gateway. Told are, on the half that tests: calls saved
and wrong answers in 1,000 prompts at fixed thresholds, and what the calibration chose.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from routewright.encoders.alike import comparable, opened
from routewright.evaluation.reuse import Asked, calibrate
from routewright.protocols import Encoder

MOST_PROMPTS = 8_000  # of a traffic: the distance alone compares each with all before it
SHOWN = (0.9, 0.95, 0.98, 0.995)
WANTED = (0.01, 0.05)
REWORDINGS = (
    "Please: {}",
    "{} Thanks!",
    "Hi, {}",
    "Could you tell me: {}",
    "{} Please explain your answer.",
    "I need help with this. {}",
    "Question: {}",
)


def read(folder: Path) -> dict[str, list[Asked]]:
    """The prompts of every set that are short enough, by set."""
    found: dict[str, list[Asked]] = {}
    for path in sorted(folder.glob("*/prompts.parquet")):
        frame = pl.read_parquet(path)
        rows = frame["prompt", "question"].rows()
        texts = [question or prompt or "" for prompt, question in rows]
        groups = frame["group"].to_list()
        found[path.parent.name] = [
            Asked(text, group=group or "")
            for text, group in zip(texts, groups, strict=True)
            if comparable(text)
        ]
    return found


def reworded(asked: Sequence[Asked], share: float, seed: int) -> list[Asked]:
    """Different questions, some of which come again in other words later."""
    rng = np.random.default_rng(seed)
    first = list({each.group or each.text: each for each in asked}.values())
    named = [replace(each, group=each.group or f"own {at}") for at, each in enumerate(first)]
    again = [replace(each, text=_other(each.text, rng)) for each in named if rng.random() < share]
    mixed = named + again
    return [mixed[int(at)] for at in rng.permutation(len(mixed))]


def _other(text: str, rng: np.random.Generator) -> str:
    told = REWORDINGS[int(rng.integers(len(REWORDINGS)))].format(text)
    return told.casefold() if rng.random() < 0.25 else told.rstrip("?. ")


def report(
    name: str, asked: Sequence[Asked], encoder: Encoder, seed: int, *, bare: bool = False
) -> None:
    """One traffic, with the guard and, where it is ``bare`` too, without."""
    rng = np.random.default_rng(seed)
    chosen = [asked[int(at)] for at in rng.permutation(len(asked))[:MOST_PROMPTS]]
    for guarded in (True, False) if bare else (True,):
        found = calibrate(chosen, encoder, seed=seed, guarded=guarded)
        cells: list[str] = []
        for row in found.rows:
            if row.threshold in SHOWN:
                use = row.testing
                n = max(use.prompts, 1)
                cells.append(f"{1000 * use.hits / n:>7.1f} {1000 * use.wrong / n:>6.1f}")
        kept = [found.threshold]
        for wanted in WANTED[1:]:
            more = calibrate(chosen, encoder, wanted=wanted, seed=seed, guarded=guarded)
            kept.append(more.threshold)
        told = "  ".join("  none" if t is None else f"{t:>6g}" for t in kept)
        how = "guarded" if guarded else "distance"
        print(f"{name:<22} {len(chosen):>6} {how:<9}{'  '.join(cells)}  {told}", flush=True)


def main() -> None:
    """Print one table for each encoder that is named; static alone without any."""
    folder = Path(os.environ["ROUTEWRIGHT_DATA"])
    sets = read(folder)
    everything = [each for asked in sets.values() for each in asked]
    for name in sys.argv[1:] or ["static"]:
        encoder, identity = opened(name)
        print(f"encoder {identity}: calls saved and wrong answers in 1,000 prompts, from a cosine")
        heads = "  ".join(f"{f'{t:g}':>7} {'wrong':>6}" for t in SHOWN)
        print(f"{'traffic':<22} {'n':>6} {'':<9}{heads}    1 %     5 %  (calibrated)")
        report("as asked", everything, encoder, 0, bare=True)
        report("reworded", reworded(everything, 1 / 3, 0), encoder, 0, bare=True)
        report("half reworded", reworded(everything, 1 / 6, 0), encoder, 0)
        for one, asked in sets.items():
            if len(asked) >= 400:
                report(f"one set: {one}", asked, encoder, 0)
        print()


if __name__ == "__main__":
    main()
