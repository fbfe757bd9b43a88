"""What a fine-tuned router gains on held-out prompts, and what it costs to train and to ask.

    python benchmarks/finetuned.py bert --data PATH --train 2000 --out benchmarks/results/x.json
    python benchmarks/finetuned.py bert --data PATH --set lr=3e-5 --set epochs=5

PATH is routing data in long format. 30 % of the prompts are tested on, near-duplicates of a
training prompt never among them; ``--train`` takes that many of the rest. APGR is of the best
model over the cheapest, by their training means: 1/2 is a coin, and ``length`` sees nothing but
how long a prompt is. Settings are to be chosen by the held-out loss of the training part (the last
column of the curve), never by the APGR printed here. One thread: set OMP_NUM_THREADS=1. On a busy
machine the CPU milliseconds are the ones to compare.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routewright import routers
from routewright.data import RoutingData
from routewright.data.regimes import joined_groups
from routewright.data.splits import split
from routewright.metrics import Draws, Estimate, apgr_replicates, cpt
from routewright.routers import BaseRouter
from routewright.types import Prompt

Floats = NDArray[np.float64]
HOLDOUT = 0.3
BESIDE = ("length", "ridge", "stack")
WORDS, TIMED = 200, 50


def main() -> None:
    told = _arguments()
    data = RoutingData.load(told.data)
    groups = joined_groups(data)
    rows, tested = split(data, holdout=HOLDOUT, seed=told.seed, groups=groups)
    if told.train:
        rows = np.sort(np.random.default_rng(told.seed).permutation(rows)[: told.train])
    training, testing = data.subset(rows), data.subset(tested)
    draws = Draws.over(groups[tested])
    params = dict(_setting(each) for each in told.set)
    result: dict[str, Any] = {
        "data": data.name,
        "models": list(data.models),
        "training_prompts": len(training),
        "test_prompts": len(testing),
        "seed": told.seed,
        "routers": {},
    }
    replicates: dict[str, Floats] = {}
    print(f"{data.name}: {len(training)} prompts to train on, {len(testing)} to test on")
    for name in dict.fromkeys((*BESIDE, told.router)):
        own = params if name == told.router else {}
        router = routers.make(name, seed=told.seed, **own)
        started = time.process_time()
        router.fit(training)
        minutes = (time.process_time() - started) / 60
        figures, replicates[name] = _figures(router, testing, draws)
        figures["fit_cpu_minutes"] = minutes
        print(
            f"{name:12} APGR {figures['apgr']:.3f} [{figures['low']:.3f}, {figures['high']:.3f}]"
            f"  CPT50 {100 * figures['cpt50']:.1f} %  fitted in {minutes:.2f} CPU minutes",
            flush=True,
        )
        result["routers"][name] = figures
        if name == told.router:
            result |= {"params": router.params(), "latency_ms": _latency(router, testing.prompts)}
            result["curve"] = _curve(router)
    print("random       APGR 0.500")
    result["apgr_gain"] = {}
    for name in BESIDE:
        gain = Estimate.of(replicates[told.router] - replicates[name])
        result["apgr_gain"][name] = {"value": gain.value, "low": gain.low, "high": gain.high}
        print(f"over {name:7} {gain.value:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]")
    quick = result["latency_ms"]
    wall = f"p50 {quick['p50']:.1f} ms, p95 {quick['p95']:.1f} ms"
    print(f"a {WORDS}-word prompt: {wall}, median CPU {quick['cpu_p50']:.1f} ms")
    if told.out:
        told.out.parent.mkdir(parents=True, exist_ok=True)
        told.out.write_text(json.dumps(result, indent=1) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("router", help="a router by name, such as bert")
    parser.add_argument("--data", type=Path, required=True, help="routing data in long format")
    parser.add_argument("--train", type=int, default=0, help="prompts to train on; 0 is all")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--set", action="append", default=[], help="name=value of the router")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    return parser.parse_args()


def _setting(told: str) -> tuple[str, Any]:
    name, _, value = told.partition("=")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _figures(
    router: BaseRouter, testing: RoutingData, draws: Draws
) -> tuple[dict[str, float], Floats]:
    """Figures, and the APGR of every replicate; the first is of all prompts, each once."""
    means = router.train_means_
    strong, weak = int(means["scores"].argmax()), int(means["costs"].argmin())
    told = router.predict(testing.prompts).scores
    whole = np.isfinite(testing.scores[:, [strong, weak]]).all(axis=1)
    if not whole.all():
        raise SystemExit("a test prompt lacks a score of the best or the cheapest model")
    pair = testing.scores[:, strong], testing.scores[:, weak], told[:, strong] - told[:, weak]
    replicates = np.concatenate([apgr_replicates(*pair, each) for each in draws.weights()])
    sure = Estimate.of(replicates)
    brier = float(np.nanmean((told - testing.scores) ** 2))
    return {
        "apgr": sure.value,
        "low": sure.low,
        "high": sure.high,
        "cpt50": cpt(*pair, 0.5),
        "cpt80": cpt(*pair, 0.8),
        "squared_error": brier,
    }, replicates


def _latency(router: BaseRouter, prompts: Any) -> dict[str, float]:
    words = " ".join(prompt.text for prompt in prompts).split()
    taken: list[tuple[float, float]] = []
    for turn in range(TIMED + 5):
        at = (turn * WORDS) % max(len(words) - WORDS, 1)
        prompt = Prompt.from_text("timed", " ".join(words[at : at + WORDS]))
        started, worked = time.perf_counter(), time.process_time()
        router.predict([prompt])
        taken.append((time.perf_counter() - started, time.process_time() - worked))
    wall, cpu = 1000 * np.array(taken[5:]).T
    p50, p95 = np.quantile(wall, [0.5, 0.95], method="inverted_cdf").tolist()
    return {"p50": p50, "p95": p95, "cpu_p50": float(np.median(cpu))}


def _curve(router: BaseRouter) -> list[list[float]]:
    """Steps, training loss and held-out loss, epoch by epoch, where the router keeps them."""
    curve: Floats = np.asarray(getattr(router, "curve_", np.zeros((0, 3))))
    for steps, training, held in curve.tolist():
        print(f"  step {steps:5.0f}  training loss {training:.4f}  held-out loss {held:.4f}")
    return curve.tolist()


if __name__ == "__main__":
    main()
