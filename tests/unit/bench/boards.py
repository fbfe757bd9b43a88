"""A made-up leaderboard that holds everything a report has to cope with."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from routewright.bench.results import (
    FoldFacts,
    Leaderboard,
    Overhead,
    PairMetrics,
    Regime,
    Reliability,
    Section,
    Standing,
)
from routewright.evaluation.results import Finding
from routewright.metrics.bootstrap import Estimate
from routewright.metrics.frontier import hull_value, ndch

EVIL = '</script><img src=x onerror="window.evil=1"><b>{{ 7*7 }}</b>'
EVIL_TASK = "<i>law</i> & “öffentliches Recht”"
MODELS = (
    "gpt-4-1106-preview",
    "claude-v2",
    "claude-v1",
    "claude-instant-v1",
    "gpt-3.5-turbo-1106",
    "mixtral-8x7b-chat",
    "yi-34b-chat",
    "llama-2-70b-chat",
    "mistral-7b-chat",
    "WizardLM-13B-V1.2 with quite a long name after it",
    "qwen-14b-中文-чат",
    "<script>alert('model')</script>",
)
SCORES = (0.82, 0.70, 0.69, 0.66, 0.72, 0.64, 0.68, 0.55, 0.52, 0.57, 0.61, 0.47)
USD = (8.4e-3, 6.2e-3, 5.9e-3, 7.1e-4, 8.5e-4, 4.2e-4, 5.6e-4, 6.4e-4, 1.4e-4, 2.1e-4, 3.1e-4, 9e-5)
ROUTERS = ("stack", "knn-20", "ridge", "matrix-factorisation", "length", EVIL)
GAINS = (0.024, 0.017, 0.012, 0.004, -0.001, -0.031)
TASKS = ("arithmetic", "code", EVIL_TASK, "chat")
UNKNOWN = Estimate(math.nan, math.nan, math.nan)
NEVER = Estimate(math.inf, math.inf, math.inf)


def board() -> Leaderboard:
    """Two data sets, three regimes; the last router clearly loses."""
    return Leaderboard(
        version="0.1.0",
        created="2026-01-31",
        seeds=(0, 1, 2, 3, 4),
        replicates=2000,
        routers=ROUTERS,
        claims=24,
        sections=(
            section("many-models", "in-distribution", MODELS, TASKS, 1.0),
            section("many-models", "leave-one-task-out", MODELS, TASKS, 0.4),
            skipped("many-models", "temporal", "no prompt has a date"),
            section("many-models", "new-model", MODELS, TASKS, 0.7),
            section("two & two", "in-distribution", MODELS[:2], (), 0.8),
            skipped("two & two", "leave-one-task-out", "all prompts are of one task"),
            section("two & two", "new-model", MODELS[:2], (), 0.5, lying_control=True),
        ),
    )


def skipped(data: str, regime: Regime, why: str) -> Section:
    return Section(data, regime, (), 0, 0, (), math.nan, math.nan, "", {}, math.nan, (), (), (why,))


def section(
    data: str,
    regime: Regime,
    models: Sequence[str],
    tasks: Sequence[str],
    skill: float,
    *,
    lying_control: bool = False,
) -> Section:
    low, high = min(USD[: len(models)]), max(USD[: len(models)])
    grid = np.geomspace(low, high, 40)
    hull = ndch(list(zip(USD[: len(models)], SCORES, strict=False)))
    zero = hull_value(hull, grid)

    def frontier(gain: float) -> tuple[tuple[float, float], ...]:
        bump = gain * 1.6 * np.sin(np.linspace(0, math.pi, 40))
        return tuple((float(c), float(s)) for c, s in zip(grid, zero + bump, strict=True))

    def hulls(gain: float) -> dict[str, tuple[tuple[float, float], ...]]:
        return {task: frontier(gain * (1 + at)) for at, task in enumerate(tasks)}

    def standing(name: str, kind: str, gain: float, **more: object) -> Standing:
        known: dict[str, object] = {
            "name": name,
            "kind": kind,
            "aiq": around(0.71 + gain, 0.012),
            "aiq_sd": 0.0041,
            "minus_zero": around(gain, 0.009),
            "minus_zero_sd": 0.0032,
            "above_zero": 5 if gain > 0.01 else 3 if gain > 0 else 0,
            "p_value": None,
            "p_holm": None,
            "score": around(float(zero[30]) + 1.5 * gain, 0.01),
            "cost_usd": around(float(grid[30]) * (1 + 9 * gain), high / 50),
            "neutral_cost": Estimate(0.62, 0.51, 0.93),
            "regret": 0.0712,
            "model_recall": 0.31,
            "selection_entropy": 2.4,
            "shares": dict(zip(models, spread(len(models), gain), strict=True)),
            "frontier": frontier(gain),
            "task_frontiers": hulls(gain),
            "task_minus_zero": {task: gain * (1 - at) for at, task in enumerate(tasks)},
        }
        return Standing(**(known | more))  # type: ignore[arg-type]

    singles = [
        standing(
            model,
            "model",
            score - 0.79,
            score=around(score, 0.01),
            cost_usd=around(cost, cost / 20),
            frontier=((cost, score),),
            task_frontiers={},
            task_minus_zero={},
            shares={model: 1.0},
            model_recall=math.nan,
            selection_entropy=0.0,
            neutral_cost=Estimate(1.0, 1.0, 1.0) if at == 0 else NEVER,
        )
        for at, (model, score, cost) in enumerate(zip(models, SCORES, USD, strict=False))
    ]
    baselines = [
        standing("cheapest", "model", -0.2, frontier=((low, SCORES[len(models) - 1]),)),
        standing("random", "random", -0.02, frontier=()),
        standing("zero", "zero", 0.0, minus_zero=Estimate(0.0, 0.0, 0.0)),
        standing(
            "oracle", "oracle", 0.08, cost_usd=around(high / 9, high / 90), score=around(0.91, 0.01)
        ),
    ]
    controls = [
        standing("shuffled labels", "control", 0.02 if lying_control else -0.002),
        standing("constant", "control", -0.0005, minus_zero_sd=math.nan, neutral_cost=NEVER),
    ]
    routers = [
        standing(
            name,
            "router",
            skill * gain,
            p_value=0.0005 if abs(skill * gain) > 0.01 else 0.21,
            p_holm=0.006 if abs(skill * gain) > 0.01 else 1.0,
            pair=pair(models, gain, undefined=name == "length"),
            reliability=reliability(gain, flat=name == "length"),
            overhead=Overhead(12.3456, 0.212, 0.94, None if name == EVIL else 4_812_345),
            arena=0.68 + gain,
            gain_at_best=gain / 2 if tasks else None,
            gap_at_oracle=-0.12 if tasks else None,
        )
        for name, gain in zip(ROUTERS, GAINS, strict=True)
    ]
    return Section(
        data=data,
        regime=regime,
        models=tuple(models),
        prompts=4200,
        groups=3900,
        folds=tuple(FoldFacts(f"seed {seed}", 2940, 1260, seed) for seed in range(5)),
        c_min=low,
        c_max=high,
        best_model=models[0],
        oracle_shares=dict(zip(models, spread(len(models), 0.3), strict=True)),
        smallest_effect=0.0123,
        standings=(*singles, *baselines, *controls, *routers),
        findings=findings(lying_control),
        skipped=("knn-20: the new model has 300 labels only",) if regime == "new-model" else (),
    )


def around(value: float, reach: float) -> Estimate:
    return Estimate(value, value - reach, value + reach)


def spread(models: int, gain: float) -> list[float]:
    weight = np.exp(-np.arange(models) * (0.3 + 4 * max(gain, 0)))
    return [float(part) for part in weight / weight.sum()]


def pair(models: Sequence[str], gain: float, *, undefined: bool) -> PairMetrics:
    x = np.linspace(0, 1, 41)
    y = x + 6 * gain * np.sin(math.pi * x)
    levels = [float(np.interp(level, y, x)) for level in (0.5, 0.8)]
    return PairMetrics(
        strong=models[0],
        weak=models[-1],
        apgr=UNKNOWN if undefined else around(0.5 + 4 * gain, 0.03),
        cpt50=NEVER if undefined else Estimate(levels[0], levels[0] - 0.05, math.inf),
        cpt80=NEVER if gain < 0 else around(levels[1], 0.04),
        undefined=0.034,
        curve=() if undefined else tuple((float(a), float(b)) for a, b in zip(x, y, strict=True)),
    )


def reliability(gain: float, *, flat: bool) -> Reliability:
    told = np.linspace(0.05, 0.97, 15)
    real = np.clip(told + (0.02 - gain) * np.sin(9 * told) * 4, 0, 1)
    bins = tuple((float(p), float(r), 2800) for p, r in zip(told, real, strict=True))
    return Reliability(0.1712, 0.021, None if flat else 0.93, None if flat else 0.01, bins)


def findings(lying_control: bool) -> tuple[Finding, ...]:
    found = (
        Finding("RT015", "info", "zero router picked on test prompts", "It flatters <b>zero</b>."),
        Finding("RT006", "warning", "one model gets nearly every prompt", "length: 97 %."),
    )
    said = Finding("RT005", "error", "difference to zero is not shown", "length: it may be 0.")
    lie = Finding("RT011", "error", "negative control above zero", "shuffled labels: +.020.")
    return (*found, said, lie) if lying_control else (*found, said)
