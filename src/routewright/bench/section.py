"""A section of the leaderboard: the folds of one data set in one regime, averaged."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routewright.bench.measure import POINTS, SHARES, FoldSeen, Seen
from routewright.bench.results import (
    FoldFacts,
    Overhead,
    PairMetrics,
    Point,
    Reliability,
    Standing,
)
from routewright.errors import require
from routewright.evaluation.results import Kind
from routewright.metrics.arena import arena_score
from routewright.metrics.bootstrap import Estimate
from routewright.metrics.calibration import calibration, ece, reliability_bins
from routewright.metrics.choices import selection_entropy
from routewright.metrics.significance import bootstrap_p, discordance, smallest_effect
from routewright.metrics.suite import gain_at_best, gap_at_oracle

Floats = NDArray[np.float64]
GRID = 60
"""Costs at which frontiers are read."""

DIGITS = 6
"""Significant digits of a frontier's points: a picture needs no more, and there are many."""

ROUNDING = 1e-9
"""A difference to zero that is none: sums of the same figures in another order."""

FEWEST_BEYOND = 10
"""Replicates on the far side of 0 from which on they are counted; fewer are no estimate."""

_FREE = 1e-4  # the part of c_max at which a grid of costs starts whose cheapest model is free


@dataclass(frozen=True, eq=False)
class Folds:
    """All folds of a section, and what is read off them together.

    Attributes:
        seen: fold by fold.
        models: m names.
        strong: column of the stronger of the two models of RouteLLM's view; -1 without a pair.
        weak: column of the weaker one.
    """

    seen: Sequence[FoldSeen]
    models: tuple[str, ...]
    strong: int
    weak: int

    @property
    def c_min(self) -> float:
        """The cheapest single model's mean cost, averaged over folds."""
        return float(np.mean([each.ground.contest.c_min for each in self.seen]))

    @property
    def c_max(self) -> float:
        """The dearest single model's mean cost, averaged over folds."""
        return float(np.mean([each.ground.contest.c_max for each in self.seen]))

    @property
    def best(self) -> int:
        """The best single model on training prompts, in most folds."""
        found = Counter(int(np.argmax(each.ground.train_points[:, 1])) for each in self.seen)
        return found.most_common(1)[0][0]

    @property
    def tested(self) -> int:
        """How many prompts are tested in some fold."""
        rows = [each.ground.fold.test[each.ground.rows] for each in self.seen]
        return len(np.unique(np.concatenate(rows)))

    @property
    def groups(self) -> int:
        """How many groups of prompts are tested in some fold."""
        return len(np.unique(np.concatenate([each.ground.test.groups for each in self.seen])))

    def facts(self) -> tuple[FoldFacts, ...]:
        """Sizes of the folds."""
        return tuple(
            FoldFacts(
                name=each.ground.fold.name,
                train=len(each.ground.fold.train),
                test=len(each.ground.rows),
                dropped=len(each.ground.fold.test) - len(each.ground.rows),
            )
            for each in self.seen
        )

    def of(self, key: tuple[Kind, str]) -> list[Seen]:
        """One policy, fold by fold."""
        return [each.policies[key] for each in self.seen]

    def routers(self) -> list[tuple[Kind, str]]:
        """All routers, baselines that were fitted among them."""
        return [key for key in self.seen[0].policies if key[0] == "router"]

    def smallest_effect(self) -> float:
        """The difference that the test prompts of a fold can show between two routers here."""
        best: tuple[Kind, str] = ("model", self.models[self.best])
        keys = self.routers()
        pairs = list(combinations(keys, 2)) or [(key, best) for key in keys]
        if not pairs:
            return math.nan
        differ = [
            discordance(ours.got, theirs.got)
            for one, other in pairs
            for ours, theirs in zip(self.of(one), self.of(other), strict=True)
        ]
        prompts = round(np.mean([len(each.ground.rows) for each in self.seen]))
        return smallest_effect(int(prompts), float(np.mean(differ)))


def standing(folds: Folds, key: tuple[Kind, str], *, claimed: bool) -> Standing:
    """One policy's figures, averaged over the folds.

    Args:
        folds: the section's.
        key: kind and name.
        claimed: whether "it is above the zero router" is a claim, to be given a p-value.
    """
    seen = folds.of(key)
    measured = [each.measured for each in seen]
    minus_zero = _mean([each.minus_zero for each in measured])
    above = [float(each.minus_zero[0]) for each in measured]
    shares = np.mean([each.policy.shares for each in measured], axis=0)
    score = Estimate.of(_mean([each.score for each in measured]))
    cost = Estimate.of(_mean([each.cost_usd for each in measured]))
    return Standing(
        name=key[1],
        kind=key[0],
        aiq=Estimate.of(_mean([each.aiq for each in measured])),
        aiq_sd=_sd([float(each.aiq[0]) for each in measured]),
        minus_zero=Estimate.of(minus_zero),
        minus_zero_sd=_sd(above),
        above_zero=sum(each > ROUNDING for each in above),
        p_value=p_value(minus_zero, folds.groups) if claimed else None,
        p_holm=None,
        score=score,
        cost_usd=cost,
        neutral_cost=Estimate.of(_mean([each.neutral_cost for each in measured])),
        regret=float(np.mean([each.regret for each in seen])),
        model_recall=_known_mean([each.recall for each in seen]),
        selection_entropy=selection_entropy(shares / shares.sum()),
        shares=dict(zip(folds.models, shares.tolist(), strict=True)),
        frontier=_points(np.mean([each.hull[0] for each in seen], axis=0)[None])
        if key[0] in POINTS
        else _frontier([each.hull for each in seen], folds.c_min, folds.c_max),
        task_frontiers=_task_frontiers(folds, seen),
        task_minus_zero=_task_minus_zero(seen),
        pair=_pair(folds, seen),
        reliability=_reliability(folds, key) if key[0] == "router" else None,
        overhead=_overhead(seen) if key[0] == "router" else None,
        arena=arena_score(min(score.value, 1.0), 1000 * cost.value),
        **_by_data_set(folds, key),
    )


def p_value(draws: Floats, groups: int) -> float:
    """Two-sided p-value of a difference of 0, from its draws (1 + B,).

    Replicates beyond 0 are counted. Where fewer than ten are, they say only that p is small, and
    how small the tail of Student's t says, with the replicates' spread and a degree of freedom
    less than there are groups: otherwise a run of a hundred claims could show none of them, for
    2,000 replicates alone count no lower than .001.
    """
    drawn = draws[1:][~np.isnan(draws[1:])]
    counted = bootstrap_p(draws)
    beyond = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    spread = float(drawn.std()) if len(drawn) else 0.0
    if beyond >= FEWEST_BEYOND or groups < 2 or not spread > 0:
        return counted
    special: Any = require("scipy.special", "train")
    tail = 2 * float(special.stdtr(groups - 1, -abs(float(draws[0])) / spread))
    return min(counted, tail)


def _mean(draws: Sequence[Floats]) -> Floats:
    """Mean over folds of draws (1 + B,); one that isn't known in some fold isn't known."""
    return np.mean(np.stack(draws), axis=0)


def _sd(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else math.nan


def _known_mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan


def _over_known(draws: Sequence[Floats]) -> Floats:
    """Mean over the folds in which a draw is defined; NaN where it is in none."""
    stacked = np.stack(draws)
    known = ~np.isnan(stacked)
    count = known.sum(axis=0)
    total = np.where(known, stacked, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _grid(c_min: float, c_max: float) -> Floats:
    if c_max <= c_min:
        return np.array([c_min])
    return np.geomspace(c_min if c_min > 0 else _FREE * c_max, c_max, GRID)


def _frontier(hulls: Sequence[Floats], c_min: float, c_max: float) -> tuple[Point, ...]:
    """Mean over folds of the hulls on a grid of costs."""
    grid = _grid(c_min, c_max)
    heights = [np.interp(grid, hull[:, 0], hull[:, 1]) for hull in hulls]
    return _points(np.column_stack([grid, np.mean(heights, axis=0)]))


def _points(rows: Floats) -> tuple[Point, ...]:
    return tuple((_short(cost), _short(score)) for cost, score in rows.tolist())


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def _task_frontiers(folds: Folds, seen: Sequence[Seen]) -> dict[str, tuple[Point, ...]]:
    if seen[0].measured.policy.kind == "control":
        return {}
    found: dict[str, tuple[Point, ...]] = {}
    for task in dict.fromkeys(task for each in seen for task in each.tasks):
        own = [
            (each.tasks[task].hull, fold.ground)
            for each, fold in zip(seen, folds.seen, strict=True)
            if task in each.tasks
        ]
        singles = [here.contest.costs[here.tasks == task].mean(axis=0) for _, here in own]
        c_min = float(np.mean([costs.min() for costs in singles]))
        c_max = float(np.mean([costs.max() for costs in singles]))
        found[task] = _frontier([hull for hull, _ in own], c_min, c_max)
    return found


def _task_minus_zero(seen: Sequence[Seen]) -> dict[str, float]:
    tasks = dict.fromkeys(task for each in seen for task in each.tasks)
    return {
        task: float(np.mean([each.tasks[task].minus_zero for each in seen if task in each.tasks]))
        for task in tasks
    }


def _pair(folds: Folds, seen: Sequence[Seen]) -> PairMetrics | None:
    drawn = [each.pair for each in seen if each.pair is not None]
    if not drawn:
        return None
    area = _over_known([each.apgr for each in drawn])
    curves = [each.curve for each in drawn if not np.isnan(each.curve).any()]
    curve = np.column_stack([SHARES, np.mean(curves, axis=0)]) if curves else np.empty((0, 2))
    return PairMetrics(
        strong=folds.models[folds.strong],
        weak=folds.models[folds.weak],
        apgr=Estimate.of(area),
        cpt50=Estimate.of(_over_known([each.cpt50 for each in drawn])),
        cpt80=Estimate.of(_over_known([each.cpt80 for each in drawn])),
        undefined=float(np.mean([np.isnan(each.apgr[1:]).mean() for each in drawn])),
        curve=_points(curve),
    )


def _reliability(folds: Folds, key: tuple[Kind, str]) -> Reliability:
    told = [
        (seen.fit.scores, fold.ground.contest.scores)
        for seen, fold in zip(folds.of(key), folds.seen, strict=True)
        if seen.fit is not None
    ]
    predicted, realised = (np.concatenate(each) for each in zip(*told, strict=True))
    line = calibration(predicted, realised, folds.best)
    bins = reliability_bins(predicted, realised).tolist()
    return Reliability(
        brier=line.brier,
        ece=ece(predicted, realised),
        slope=line.slope,
        intercept=line.intercept,
        bins=tuple((_short(q), _short(s), int(cells)) for q, s, cells in bins),
    )


def _overhead(seen: Sequence[Seen]) -> Overhead:
    facts = [each.facts for each in seen if each.facts is not None]
    sizes = [each.artefact_bytes for each in facts if each.artefact_bytes is not None]
    return Overhead(
        fit_s=float(np.median([each.fit_s for each in facts])),
        decision_ms_p50=float(np.median([each.decision_ms_p50 for each in facts])),
        decision_ms_p95=float(np.median([each.decision_ms_p95 for each in facts])),
        artefact_bytes=int(np.median(sizes)) if len(sizes) == len(facts) else None,
    )


def _by_data_set(folds: Folds, key: tuple[Kind, str]) -> Mapping[str, float | None]:
    """LLMRouterBench's gain and gap over tasks, of accuracies averaged over folds."""
    ours: dict[str, list[float]] = {}
    theirs: dict[str, list[Floats]] = {}
    bound: dict[str, list[float]] = {}
    for fold in folds.seen:
        here = fold.ground
        for task in sorted(set(here.tasks.tolist()) - {""}):
            rows = here.tasks == task
            ours.setdefault(task, []).append(float(fold.policies[key].got[rows].mean()))
            theirs.setdefault(task, []).append(here.contest.scores[rows].mean(axis=0))
            bound.setdefault(task, []).append(float(here.contest.scores[rows].max(axis=1).mean()))
    if not ours:
        return {"gain_at_best": None, "gap_at_oracle": None}
    mine = [float(np.mean(each)) for each in ours.values()]
    models = np.array([np.mean(each, axis=0) for each in theirs.values()])
    oracle = [float(np.mean(each)) for each in bound.values()]
    return {
        "gain_at_best": _defined(gain_at_best(mine, models)),
        "gap_at_oracle": _defined(gap_at_oracle(mine, oracle)),
    }


def _defined(value: float) -> float | None:
    return None if math.isnan(value) else value
