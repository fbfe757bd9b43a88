"""What a benchmark run says: frozen values that turn into JSON as they are.

Figures of one data set in one regime are means over its folds (one per seed, or one per task left
out). Their intervals come from one bootstrap over the groups of the whole data set, shared by all
folds and routers: replicate b draws the same groups everywhere, so differences are paired and
folds whose test prompts overlap aren't counted as independent. What training and splitting add is
the standard deviation over folds, ``aiq_sd`` and ``minus_zero_sd``, and stands apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from routewright.evaluation.results import Finding, Kind, plain
from routewright.metrics.bootstrap import Estimate

Regime = Literal["in-distribution", "leave-one-task-out", "temporal", "new-model"]
Point = tuple[float, float]


@dataclass(frozen=True)
class Overhead:
    """What a router costs besides the answers it buys; medians over the folds.

    Attributes:
        fit_s: CPU seconds of fitting.
        decision_ms_p50: CPU milliseconds of one decision for one prompt, the median.
        decision_ms_p95: the same, 95th percentile.
        artefact_bytes: size on disk; None for a router that cannot be saved.
    """

    fit_s: float
    decision_ms_p50: float
    decision_ms_p95: float
    artefact_bytes: int | None


@dataclass(frozen=True)
class Reliability:
    """Whether predicted scores are realised, pooled over the folds.

    Attributes:
        brier: mean squared difference of predicted and realised score.
        ece: expected calibration error over 15 bins of equal mass.
        slope: of realised on predicted differences between models; 1 is calibrated.
        intercept: of the same line; 0 is calibrated.
        bins: (mean predicted score, mean realised score, cells) of each bin.
    """

    brier: float
    ece: float
    slope: float | None
    intercept: float | None
    bins: tuple[tuple[float, float, int], ...]


@dataclass(frozen=True)
class PairMetrics:
    """RouteLLM's view: how much of the gap between two models few strong calls recover.

    The weak and the strong model are the cheapest and the best single model of the training
    prompts. A pool of more than two models is cut to these two for this view alone.

    Attributes:
        strong: name of the strong model.
        weak: name of the weak one.
        apgr: average performance gap recovered; .5 is random.
        cpt50: share of strong calls that recovers half of the gap.
        cpt80: share that recovers 80 %.
        undefined: share of replicates in which the strong model is not better.
        curve: (share of strong calls, share of the gap recovered), 0 to 1, averaged over folds.
    """

    strong: str
    weak: str
    apgr: Estimate
    cpt50: Estimate
    cpt80: Estimate
    undefined: float
    curve: tuple[Point, ...]


@dataclass(frozen=True)
class Standing:
    """One policy on one data set in one regime.

    Attributes:
        name: the model's, baseline's, control's or router's name.
        kind: model, random, zero, oracle, router or control.
        aiq: mean height of its hull over the range of costs.
        aiq_sd: standard deviation of that over folds; NaN with one fold.
        minus_zero: its settings joined by cost, less the zero router picked on training prompts.
        minus_zero_sd: standard deviation over folds.
        above_zero: number of folds in which that difference is above 0.
        p_value: two-sided bootstrap p-value of ``minus_zero`` = 0, of routers and of the shuffled
            control; None for others.
        p_holm: the same after Holm's correction over all claims of the run, or all its controls.
        score: mean score at the recommended setting, which was picked on training prompts.
        cost_usd: mean cost per prompt there.
        neutral_cost: lowest cost that reaches the best single model's score, as a share of that
            model's cost; infinite where it is never reached.
        regret: mean utility lost to the oracle at the recommended setting.
        model_recall: of prompts that one model alone answers best, share that it got.
        selection_entropy: of the shares, in bits.
        shares: share of the prompts that each model answers at the recommended setting.
        frontier: (cost in US dollars, score) on a common grid of costs, averaged over folds.
        task_frontiers: the same for each task, for routers and baselines; empty with one task.
        task_minus_zero: ``minus_zero`` point estimates per task, averaged over folds.
        pair: RouteLLM's metrics; None for what is no router.
        reliability: of the predicted scores; None for what predicts nothing.
        overhead: None for what is no router.
        arena: RouterArena's score at the recommended setting.
        gain_at_best: LLMRouterBench's mean over tasks of the gain over the best single model.
        gap_at_oracle: LLMRouterBench's mean over tasks of the gap to the oracle.
    """

    name: str
    kind: Kind
    aiq: Estimate
    aiq_sd: float
    minus_zero: Estimate
    minus_zero_sd: float
    above_zero: int
    p_value: float | None
    p_holm: float | None
    score: Estimate
    cost_usd: Estimate
    neutral_cost: Estimate
    regret: float
    model_recall: float
    selection_entropy: float
    shares: dict[str, float]
    frontier: tuple[Point, ...]
    task_frontiers: dict[str, tuple[Point, ...]]
    task_minus_zero: dict[str, float]
    pair: PairMetrics | None = None
    reliability: Reliability | None = None
    overhead: Overhead | None = None
    arena: float | None = None
    gain_at_best: float | None = None
    gap_at_oracle: float | None = None


@dataclass(frozen=True)
class FoldFacts:
    """One split: its name (a seed, or the task left out) and its sizes in prompts."""

    name: str
    train: int
    test: int
    dropped: int


@dataclass(frozen=True)
class Section:
    """One data set in one regime.

    Attributes:
        data: its name.
        regime: how training and test prompts were parted.
        models: the columns.
        prompts: prompts of the whole data set.
        groups: groups among them.
        folds: the splits.
        c_min: cheapest single model's mean cost in US dollars, averaged over folds.
        c_max: the dearest single model's.
        best_model: the best single model on the training prompts, in most folds.
        oracle_shares: share of the prompts for which each model is the oracle's choice.
        smallest_effect: the difference of mean scores that a fold's test prompts show with 80 %
            power at the 5 % level, given how often two routers' answers differ here.
        standings: models, baselines, controls, routers, in this order.
        findings: checks that fired.
        skipped: why the regime, or a router in it, was left out.
    """

    data: str
    regime: Regime
    models: tuple[str, ...]
    prompts: int
    groups: int
    folds: tuple[FoldFacts, ...]
    c_min: float
    c_max: float
    best_model: str
    oracle_shares: dict[str, float]
    smallest_effect: float
    standings: tuple[Standing, ...]
    findings: tuple[Finding, ...]
    skipped: tuple[str, ...] = ()

    def standing(self, name: str) -> Standing:
        """The standing of that name.

        Raises:
            KeyError: there is none.
        """
        for standing in reversed(self.standings):
            if standing.name == name:
                return standing
        raise KeyError(name)


@dataclass(frozen=True)
class Leaderboard:
    """A whole run.

    Attributes:
        version: of Routewright.
        created: date in ISO form.
        seeds: the seeds of the in-distribution splits.
        replicates: of the bootstrap.
        routers: what was compared, in the order asked for.
        claims: number of claims that Holm's correction covers.
        sections: one per data set and regime.
    """

    version: str
    created: str
    seeds: tuple[int, ...]
    replicates: int
    routers: tuple[str, ...]
    claims: int
    sections: tuple[Section, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; an infinity becomes the text ``inf``, NaN becomes None."""
        return plain(msgspec.to_builtins(self))
