"""A causal LLM fine-tuned as a router, for real: what it gains over chance and over length.

    python benchmarks/causal_llm.py --data DATA --train 2000 --seed 42 --out FILE.json

DATA is a table with two models or more; APGR compares the model that scored best in training
with the cheapest one, by the difference of their predicted scores. Prompts are split by groups of
near-duplicates; nothing is chosen by the test prompts, which each entrant meets once. The
fine-tuned router's own held-out prompts decide when its training ends. ``head`` is the same base
with a head fitted and layers as they were, ``rows`` with a head that an inference server can
serve, ``zero-shot`` calibrated but not trained. A random router recovers half of the gap in
expectation.
"""

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
from routewright.metrics.bootstrap import Draws, Estimate
from routewright.metrics.two_models import apgr_replicates, cpt
from routewright.routers.base import BaseRouter, Predictions
from routewright.routers.causal import CausalLlmRouter
from routewright.routers.causal.router import DEFAULT_BASE
from routewright.routers.table import column_means, score_means

Floats = NDArray[np.float64]
TRAINING = {"top_layers": 6, "r": 8, "alpha": 16, "lr": 3e-4, "epochs": 2}
"""For SmolLM2-135M on one CPU thread: about a CPU second a prompt and pass."""


def main() -> None:
    asked = _arguments()
    table = RoutingData.load(asked.data)
    if asked.models:
        table = table.select_models(asked.models.split(","))
    table = table.subset(table.complete)
    train_rows, test_rows = split(table, holdout=0.3, seed=asked.seed, groups=joined_groups(table))
    rng = np.random.default_rng(asked.seed)
    training = table.subset(np.sort(rng.permutation(train_rows)[: asked.train]))
    testing = table.subset(np.sort(rng.permutation(test_rows)[: asked.test]))
    means = score_means(training), column_means(training.costs, pessimist=1)
    strong, weak = int(means[0].argmax()), int(means[1].argmin())
    print(
        f"{table.name}: {len(training)} prompts to train on, {len(testing)} to test on; "
        f"{table.models[strong]} against {table.models[weak]}"
    )
    shared: dict[str, Any] = {
        "base": asked.base,
        "max_tokens": asked.max_tokens,
        "device": asked.device,
        "dtype": asked.dtype,
        "seed": asked.seed,
    }
    settings = TRAINING | json.loads(asked.training)
    untrained = {"epochs": 0, "head": "none"}
    entrants: dict[str, BaseRouter] = {
        "length": routers.make("length"),
        "fine-tuned": CausalLlmRouter(training=settings, **shared),
        "head": CausalLlmRouter(training={"epochs": 0}, **shared),
        "rows": CausalLlmRouter(training={"epochs": 0, "head": "rows"}, **shared),
        "zero-shot": CausalLlmRouter(
            training=untrained, calibration_prompts=asked.calibration_prompts, **shared
        ),
    }
    entrants = {name: entrants[name] for name in asked.entrants.split(",")}
    draws = Draws.over(testing.groups, replicates=1000, seed=asked.seed)
    found: dict[str, Any] = {"random": {"apgr": 0.5}}
    curves: dict[str, list[list[float | None]]] = {}
    areas: dict[str, Floats] = {}
    for name, router in entrants.items():
        found[name], areas[name] = _measured(router, training, testing, (strong, weak), draws)
        if "length" in areas:
            over = Estimate.of(areas[name] - areas["length"])
            found[name]["over_length"] = {"value": over.value, "low": over.low, "high": over.high}
        print(f"{name:>10}  {_told(found[name])}", flush=True)
        for check in getattr(router, "curve_", ()):
            trained = float("nan") if check.train is None else check.train
            print(f"  step {check.step:4}  loss {trained:.4f}  held {check.held}", flush=True)
            curves.setdefault(name, []).append([check.step, check.train, check.held])
    result = {
        "data": table.name,
        "models": [table.models[strong], table.models[weak]],
        "train": len(training),
        "test": len(testing),
        "seed": asked.seed,
        "base": Path(asked.base).name,
        "dtype": asked.dtype,
        "training": settings,
        "loss_curve": curves,
        "entrants": found,
    }
    if asked.out:
        Path(asked.out).write_text(json.dumps(result, indent=1) + "\n")


def _measured(
    router: BaseRouter,
    training: RoutingData,
    testing: RoutingData,
    pair: tuple[int, int],
    draws: Draws,
) -> tuple[dict[str, Any], Floats]:
    """Figures, and the APGR of every replicate; the first is of all prompts, each once."""
    started = time.process_time(), time.perf_counter()
    router.fit(training)
    fit_cpu_s, fit_s = time.process_time() - started[0], time.perf_counter() - started[1]
    started = time.process_time(), time.perf_counter()
    told = router.predict(testing.prompts)
    cpu_s, wall_s = time.process_time() - started[0], time.perf_counter() - started[1]
    figures, areas = _recovered(told, testing, pair, draws)
    return {
        **figures,
        "squared_error": float(((told.scores - testing.scores) ** 2).mean()),
        "fit_cpu_minutes": fit_cpu_s / 60,
        "fit_minutes": fit_s / 60,
        "decision_cpu_ms": 1000 * cpu_s / len(testing),
        "decision_ms": 1000 * wall_s / len(testing),
        "decision_usd": 0.0 if told.decision_costs is None else float(told.decision_costs.mean()),
    }, areas


def _recovered(
    told: Predictions, testing: RoutingData, pair: tuple[int, int], draws: Draws
) -> tuple[dict[str, float], Floats]:
    strong, weak = (testing.scores[:, column] for column in pair)
    gain: Floats = told.scores[:, pair[0]] - told.scores[:, pair[1]]
    weights = np.concatenate(list(draws.weights()))
    areas = apgr_replicates(strong, weak, gain, weights)
    low, high = np.nanquantile(areas[1:], [0.025, 0.975]).tolist()
    return {
        "apgr": float(areas[0]),
        "apgr_low": low,
        "apgr_high": high,
        "cpt50": cpt(strong, weak, gain, 0.5),
    }, areas


def _told(figures: dict[str, Any]) -> str:
    return (
        f"APGR {figures['apgr']:.3f} [{figures['apgr_low']:.3f}, {figures['apgr_high']:.3f}]  "
        f"{_over(figures)}"
        f"CPT50 {figures['cpt50']:.1%}  squared error {figures['squared_error']:.4f}  "
        f"fit {figures['fit_cpu_minutes']:.1f} CPU min  "
        f"decision {figures['decision_cpu_ms']:.0f} CPU ms, ${figures['decision_usd']:.2g}"
    )


def _over(figures: dict[str, Any]) -> str:
    over = figures.get("over_length")
    if over is None:
        return ""
    return f"over length {over['value']:+.3f} [{over['low']:+.3f}, {over['high']:+.3f}]  "


def _arguments() -> argparse.Namespace:
    told = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    told.add_argument("--data", required=True, help="routing data to load")
    told.add_argument("--models", default="", help="only these, separated by commas")
    told.add_argument("--train", type=int, default=2000, help="most training prompts")
    told.add_argument("--test", type=int, default=1000, help="most test prompts")
    told.add_argument("--seed", type=int, default=42)
    told.add_argument("--base", default=DEFAULT_BASE, help="folder or GGUF file")
    told.add_argument("--entrants", default="length,fine-tuned,head,rows,zero-shot")
    told.add_argument("--device", default="auto")
    told.add_argument("--dtype", default="auto", help="bfloat16 is faster on CPUs that know it")
    told.add_argument("--max-tokens", type=int, default=512)
    told.add_argument("--calibration-prompts", type=int, default=400, help="of zero-shot")
    told.add_argument("--training", default="{}", help="JSON that replaces settings")
    told.add_argument("--out", default="", help="JSON file for the figures")
    return told.parse_args()


if __name__ == "__main__":
    main()
