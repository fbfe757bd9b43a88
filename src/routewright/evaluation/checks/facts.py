"""What the checks look at: one frozen value, filled as far as the caller knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from routewright.metrics.bootstrap import Estimate


@dataclass(frozen=True)
class Sighting:
    """Prompts seen where they should not be: how many, and the ids of a few."""

    count: int
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Facts:
    """Facts about one router on one set of test prompts; None is unknown and isn't checked.

    Attributes:
        router: its name, for the messages.
        prompts: test prompts used.
        dropped: test prompts left out because a model lacks a score or a cost there.
        exact: test prompts that stand in training with the same words.
        near: test prompts that nearly do.
        encoder_saw: further test prompts among the texts that the encoder was fitted on.
        minus_zero: the router's difference to the zero router, in AIQ.
        minus_zero_apart: the same on the prompts that are neither, the figure alone.
        zero_from_training: whether the zero router's models were picked on training prompts.
        minus_length: the router's difference to the length router, paired, in AIQ.
        neutral_cost: lowest cost at which its hull reaches the best single model's score, as a
            share of that model's cost; infinite where it never does.
        best_model: the best single model.
        best_score: its mean score.
        pays: whether the verdict is that routing pays.
        score: the router's mean score at the recommended setting.
        minus_best: that less the best single model's, paired.
        discordance: mean squared difference of the two on one prompt. For scores of 0 and 1: the
            share of prompts where one is right and the other wrong.
        shares: the part of the prompts that each model answers there.
        setting_from_test: whether that setting was picked on the test prompts.
        slope: of realised on predicted differences between models; 1 is calibrated.
        controls: difference to the zero router of each negative control.
        constant_models: models whose scores are all equal.
        equal_models: pairs of models whose scores are equal on every prompt.
        unusable: for each model the share of its answers in each state that is no good answer
            (``truncated``, ``empty``, ``failed``, ``ungraded``).
        kappa: weighted kappa of the LLM judge with graders that verify.
        evaluated_on: day of the evaluation.
        priced_from: for each model the day from which the price is valid that it was costed at;
            the last day there is for an operator's own price, which has no date.
        catalogue_from: for each model the day from which the newest known price is valid.
    """

    router: str = "the router"
    prompts: int | None = None
    dropped: int | None = None
    exact: Sighting | None = None
    near: Sighting | None = None
    encoder_saw: Sighting | None = None
    minus_zero: Estimate | None = None
    minus_zero_apart: float | None = None
    zero_from_training: bool | None = None
    minus_length: Estimate | None = None
    neutral_cost: float | None = None
    best_model: str | None = None
    best_score: float | None = None
    pays: bool | None = None
    score: float | None = None
    minus_best: Estimate | None = None
    discordance: float | None = None
    shares: Mapping[str, float] | None = None
    setting_from_test: bool | None = None
    slope: float | None = None
    controls: Mapping[str, Estimate] | None = None
    constant_models: tuple[str, ...] | None = None
    equal_models: tuple[tuple[str, str], ...] | None = None
    unusable: Mapping[str, Mapping[str, float]] | None = None
    kappa: float | None = None
    evaluated_on: date | None = None
    priced_from: Mapping[str, date] | None = None
    catalogue_from: Mapping[str, date] | None = None
