"""What the charts of a leaderboard draw: one entry per policy, costs in US dollars per 1,000."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from routewright.bench.page import figures
from routewright.bench.results import Leaderboard, PairMetrics, Point, Section, Standing
from routewright.bench.verdicts import by_difference, verdict
from routewright.metrics.bootstrap import Estimate

LEVELS = (0.5, 0.8)


def drawing(board: Leaderboard) -> dict[str, Any]:
    """Plain JSON values for the page's charts; what isn't finite is None.

    ``role`` names colour, dash and symbol; a router keeps its own in every section.
    """
    order = list(board.routers)
    for section in board.sections:
        order += [s.name for s in section.standings if s.kind == "router" and s.name not in order]
    return {"sections": [_section(each, order) for each in board.sections]}


def tasks_of(section: Section) -> list[str]:
    """Tasks that some policy has a frontier for."""
    return list(dict.fromkeys(task for s in section.standings for task in s.task_frontiers))


def _section(section: Section, order: list[str]) -> dict[str, Any]:
    told = verdict(section)
    policies: list[dict[str, Any]] = []
    for standing in _reading_order(section.standings):
        if standing.kind == "model" and standing.name not in section.models:
            continue  # a model under a second name would hide behind itself
        role = standing.kind
        if role == "router":
            role = f"router{order.index(standing.name)}"
        elif role == "control":
            role = f"control{sum(each['kind'] == 'control' for each in policies)}"
        policies.append(
            _policy(standing) | {"role": role, "word": told.word(standing), "best": False}
        )
        policies[-1]["best"] = role == "model" and standing.name == section.best_model
    pairs = [standing.pair for standing in section.standings if standing.pair]
    return {
        "tasks": tasks_of(section),
        "policies": policies,
        "pair": _models(pairs) if pairs else None,
    }


def _reading_order(standings: Sequence[Standing]) -> Iterable[Standing]:
    kinds = ("router", "zero", "oracle", "random", "control", "model")
    return sorted(by_difference(standings), key=lambda each: kinds.index(each.kind))


def _policy(standing: Standing) -> dict[str, Any]:
    relia = standing.reliability
    return {
        "name": standing.name,
        "kind": standing.kind,
        "frontier": _line(standing.frontier),
        "tasks": [[task, _line(points)] for task, points in standing.task_frontiers.items()],
        "at": [
            _rounded(1000 * standing.cost_usd.value),
            _rounded(standing.score.value),
            f"score {figures.height(standing.score)}\n"
            f"${figures.per_1000(standing.cost_usd)} per 1,000 prompts",
        ],
        "aiq": _estimate(standing.aiq, f"AIQ {figures.height(standing.aiq)}", standing.aiq_sd),
        "minus": _estimate(
            standing.minus_zero,
            f"difference to zero {figures.height(standing.minus_zero, signed=True)}",
            standing.minus_zero_sd,
        ),
        "pair": _pair(standing.pair) if standing.pair else None,
        "bins": [[_rounded(p), _rounded(r), n] for p, r, n in relia.bins] if relia else None,
        "slope": f"slope {figures.number(relia.slope, 2)}" if relia else None,
    }


def _estimate(estimate: Estimate, text: str, sd: float) -> list[Any]:
    spread = figures.number(sd)
    hover = text if spread == figures.DASH else f"{text}\nsd over folds {spread}"
    return [_rounded(estimate.value), _rounded(estimate.low), _rounded(estimate.high), hover]


def _pair(pair: PairMetrics) -> dict[str, Any]:
    crossings = zip(LEVELS, (pair.cpt50, pair.cpt80), strict=True)
    return {
        "curve": [[_rounded(x), _rounded(y)] for x, y in pair.curve],
        "apgr": f"APGR {figures.number(pair.apgr.value, 2)}",
        "marks": [
            [_rounded(cpt.value), level, f"CPT{100 * level:.0f} {figures.part(cpt)} strong calls"]
            for level, cpt in crossings
        ],
    }


def _models(pairs: Sequence[PairMetrics]) -> str:
    text = f"The weak model is {pairs[0].weak}, the strong one {pairs[0].strong}."
    undefined = max(pair.undefined for pair in pairs)
    if undefined > 0:
        share = figures.percent(undefined)
        text += f" In {share} of the replicates it is no better, and there is no gap to recover."
    return text


def _line(points: Sequence[Point]) -> list[list[float | None]]:
    return [
        [_rounded(1000 * cost), _rounded(score)]
        for cost, score in points
        if math.isfinite(cost) and math.isfinite(score)
    ]


def _rounded(value: float) -> float | None:
    """Five digits are finer than a pixel, and half the size of the page."""
    return float(f"{value:.5g}") if math.isfinite(value) else None
