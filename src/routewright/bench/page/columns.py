"""The columns of the leaderboard: what each is called, says, shows and sorts by."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from routewright.bench.page import figures
from routewright.bench.results import PairMetrics, Section, Standing
from routewright.metrics.bootstrap import Estimate

Figure = Estimate | float | None


@dataclass(frozen=True)
class Column:
    """One figure of every standing.

    Attributes:
        group: heading over its heading.
        heading: its own.
        meaning: what it is, in one line.
        figure: finds it in a standing; None where it has none.
        say: writes it.
        of_folds: whether it counts folds, and is told with their number.
    """

    group: str
    heading: str
    meaning: str
    figure: Callable[[Standing], Figure]
    say: Callable[[Any], str]
    of_folds: bool = False

    def text(self, standing: Standing, section: Section) -> str:
        """The cell as a reader sees it."""
        figure = self.figure(standing)
        if figure is None:
            return figures.DASH
        return self.say(figure) + (f" of {len(section.folds)}" if self.of_folds else "")

    def key(self, standing: Standing) -> str:
        """What the cell sorts by; empty where there is nothing to sort."""
        figure = self.figure(standing)
        value = figure.value if isinstance(figure, Estimate) else figure
        return "" if value is None or math.isnan(value) else repr(float(value))


def _signed(estimate: Estimate) -> str:
    return figures.height(estimate, signed=True)


def _difference(standing: Standing) -> Figure:
    # Zero less itself is 0 by definition and says nothing.
    d = standing.minus_zero
    return None if standing.kind == "zero" and d.value == d.low == d.high == 0 else d


def _unless_zero(figure: Callable[[Standing], Figure]) -> Callable[[Standing], Figure]:
    return lambda standing: None if _difference(standing) is None else figure(standing)


def _pair(figure: Callable[[PairMetrics], Figure]) -> Callable[[Standing], Figure]:
    return lambda standing: None if standing.pair is None else figure(standing.pair)


def _of(part: str, name: str) -> Callable[[Standing], Figure]:
    def figure(standing: Standing) -> Figure:
        inner = getattr(standing, part)
        return None if inner is None else getattr(inner, name)

    return figure


GAIN, WHOLE, SETTING = "Against the zero router", "Whole range of costs", "Recommended setting"
PAIR, TRUST, RUN = "Weak and strong model", "Predicted scores", "Running it"

COLUMNS = (
    Column(
        GAIN,
        "difference to zero",
        "mean height of a policy's settings, joined by cost, less the zero router's. No setting is "
        "picked, so luck is not either; it can be smaller than the difference of two AIQ.",
        _difference,
        _signed,
    ),
    Column(
        GAIN,
        "its sd",
        "standard deviation of that difference over the folds: what training and splitting add.",
        _unless_zero(lambda s: s.minus_zero_sd),
        figures.number,
    ),
    Column(
        GAIN,
        "folds above",
        "in how many folds that difference is above 0.",
        _unless_zero(lambda s: s.above_zero),
        str,
        of_folds=True,
    ),
    Column(
        GAIN,
        "p",
        "two-sided bootstrap p-value of no difference to zero.",
        lambda s: s.p_value,
        figures.p_value,
    ),
    Column(
        GAIN,
        "p (Holm)",
        "the same, corrected for the number of claims; up to .05 counts as shown.",
        lambda s: s.p_holm,
        figures.p_value,
    ),
    Column(
        WHOLE,
        "AIQ",
        "mean height of the best curve that random mixes of a policy's settings reach, over costs "
        "from the cheapest to the dearest single model (RouterBench, arXiv 2403.12031).",
        lambda s: s.aiq,
        figures.height,
    ),
    Column(
        WHOLE,
        "sd of AIQ",
        "its standard deviation over the folds.",
        lambda s: s.aiq_sd,
        figures.number,
    ),
    Column(
        WHOLE,
        "cost at best score",
        "lowest cost at which the best single model's score is reached, as a share of that "
        "model's cost; below 100 % it saves, “never” where the score is not reached.",
        lambda s: s.neutral_cost,
        figures.part,
    ),
    Column(
        SETTING,
        "score",
        "mean score at the recommended setting, 0 to 1.",
        lambda s: s.score,
        figures.height,
    ),
    Column(
        SETTING,
        "$ per 1,000",
        "mean cost of 1,000 prompts there, in US dollars.",
        lambda s: s.cost_usd,
        figures.per_1000,
    ),
    Column(
        SETTING,
        "RouterArena",
        "weighted harmonic mean of score and cheapness, 0 to 1 (arXiv 2510.00202).",
        lambda s: s.arena,
        figures.number,
    ),
    Column(
        SETTING,
        "regret",
        "mean utility lost to the oracle; much of it is luck that no router can foresee.",
        lambda s: s.regret,
        figures.number,
    ),
    Column(
        SETTING,
        "model recall",
        "of prompts that one model alone answers best, the share that this model got.",
        lambda s: s.model_recall,
        figures.number,
    ),
    Column(
        SETTING,
        "entropy, bits",
        "how evenly answers are spread over models; 0 is one model for all prompts.",
        lambda s: s.selection_entropy,
        lambda value: figures.number(value, 2),
    ),
    Column(
        SETTING,
        "gain at best",
        "LLMRouterBench's mean over tasks of the gain over the best single model.",
        lambda s: s.gain_at_best,
        figures.difference,
    ),
    Column(
        SETTING,
        "gap at oracle",
        "LLMRouterBench's mean over tasks of the gap to the oracle.",
        lambda s: s.gap_at_oracle,
        figures.difference,
    ),
    Column(
        PAIR,
        "APGR",
        "average share of the gap between the weak and the strong model that is recovered; .5 is "
        "random (RouteLLM, arXiv 2406.18665).",
        _pair(lambda pair: pair.apgr),
        figures.height,
    ),
    Column(
        PAIR,
        "CPT50",
        "share of calls to the strong model that recovers half of the gap.",
        _pair(lambda pair: pair.cpt50),
        figures.part,
    ),
    Column(
        PAIR,
        "CPT80",
        "share of calls to the strong model that recovers 80 % of the gap.",
        _pair(lambda pair: pair.cpt80),
        figures.part,
    ),
    Column(
        TRUST,
        "Brier",
        "mean squared difference of predicted and real score; lower is better.",
        _of("reliability", "brier"),
        figures.number,
    ),
    Column(
        TRUST,
        "ECE",
        "expected calibration error: mean distance of predicted and real score over 15 bins of "
        "equal mass.",
        _of("reliability", "ece"),
        figures.number,
    ),
    Column(
        TRUST,
        "slope",
        "of real on predicted differences between models; 1 is right, below 1 it exaggerates.",
        _of("reliability", "slope"),
        lambda value: figures.number(value, 2),
    ),
    Column(
        RUN,
        "fit",
        "CPU seconds of one fit, median over the folds.",
        _of("overhead", "fit_s"),
        figures.seconds,
    ),
    Column(
        RUN,
        "decision, median",
        "CPU milliseconds of one decision for one prompt.",
        _of("overhead", "decision_ms_p50"),
        figures.milliseconds,
    ),
    Column(
        RUN,
        "decision, p95",
        "the same, 95th percentile.",
        _of("overhead", "decision_ms_p95"),
        figures.milliseconds,
    ),
    Column(
        RUN,
        "artefact",
        "size on disk of the trained router.",
        _of("overhead", "artefact_bytes"),
        figures.size,
    ),
)
