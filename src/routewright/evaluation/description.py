"""What routing data holds: frozen values that turn into JSON as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from routewright.evaluation.results import Finding, plain
from routewright.metrics.bootstrap import Estimate


@dataclass(frozen=True)
class Spread:
    """How scores are spread: shares of the cells that are 0, 1 and between; their mean."""

    cells: int
    zero: float
    one: float
    between: float
    mean: float


@dataclass(frozen=True)
class ModelFacts:
    """One model.

    Attributes:
        name: of the model.
        score: mean score over the prompts that have one, with its interval.
        cost_usd: mean cost per prompt; NaN where none is known.
        missing: prompts without a score or a cost of this model.
        coverage: share of the prompts with both.
        oracle_share: share of the complete prompts for which it is the oracle's choice.
        on_hull: whether the zero router uses it: no mix of others is as good for its cost.
        spread: of its scores.
    """

    name: str
    score: Estimate
    cost_usd: float
    missing: int
    coverage: float
    oracle_share: float
    on_hull: bool
    spread: Spread


@dataclass(frozen=True)
class TaskFacts:
    """One task: its best model, and the best single model over all tasks; mean scores."""

    name: str
    prompts: int
    best_model: str
    best_score: float
    single_score: float


@dataclass(frozen=True)
class SpreadFacts:
    """The scores of one model on one data set (the part of a task before ``/``)."""

    model: str
    dataset: str
    spread: Spread


@dataclass(frozen=True)
class NullWorld:
    """A world in which models differ in level and prompts in difficulty, and nothing else does.

    Every model ranks alike on every prompt there, so no router can beat the best model's score.
    What its oracle and its knowledge of difficulty reach is no measure of what routing can.

    Attributes:
        oracle_score: mean score of its oracle: luck that nobody can route to.
        difficulty_aiq: AIQ of a router that knows how difficult each prompt is.
        zero_aiq: AIQ of its zero router.
        p_value: how likely its oracle is to be as high as the real one.
    """

    oracle_score: float
    difficulty_aiq: float
    zero_aiq: float
    p_value: float


@dataclass(frozen=True)
class Bounds:
    """What stands between the best single model and the oracle, on complete prompts.

    Attributes:
        best_model: the single model with the highest mean score, the cheapest of equals.
        best_score: its mean score.
        best_cost_usd: its mean cost per prompt.
        oracle_score: mean score of the best choice for every prompt.
        oracle_cost_usd: mean cost of it; a prompt that no model solves is charged the cheapest.
        oracle_cost0_usd: the same with such prompts free of charge.
        zero_aiq: mean height of the zero router's hull from ``c_min`` to ``c_max``.
        c_min_usd: the cheapest single model's mean cost.
        c_max_usd: the dearest single model's.
        agree: share of the prompts on which all models have one score: nothing to route.
        agree_solved: share on which that score is above 0.
        null: the same without any specialisation; None where scores are not 0 and 1.
    """

    best_model: str
    best_score: float
    best_cost_usd: float
    oracle_score: float
    oracle_cost_usd: float
    oracle_cost0_usd: float
    zero_aiq: float
    c_min_usd: float
    c_max_usd: float
    agree: float
    agree_solved: float
    null: NullWorld | None = None


@dataclass(frozen=True)
class DuplicateFacts:
    """Prompts that are the same question.

    Attributes:
        exact: prompts that equal an earlier one after normalising.
        near: further ones that nearly equal an earlier one.
        across_groups: prompts with a duplicate in another group of the data.
        groups: groups once duplicates are joined.
    """

    exact: int
    near: int
    across_groups: int
    groups: int


@dataclass(frozen=True)
class AnswerRates:
    """How a model's answers came out; shares of its answers, NaN where nothing is known.

    ``unreadable`` are those, of the verified ones, in which the grader found nothing to grade;
    ``ungraded`` are those, of the judged ones, that got no mark.
    """

    model: str
    answers: int
    truncated: float
    empty: float
    failed: float
    refused: float
    unreadable: float
    ungraded: float


@dataclass(frozen=True)
class Description:
    """What routing data holds.

    Attributes:
        data: its name.
        prompts: rows.
        complete: rows with a score and a cost of every model.
        groups: groups that the data name.
        models: the columns, in their order.
        tasks: by number of prompts, the largest first; a task without a name is ``""``.
        spreads: of every model on every data set.
        bounds: None where no prompt is complete.
        duplicates: None where nobody looked for them.
        first_time: the earliest prompt's time, in ISO 8601; empty where none is known.
        last_time: the latest one's.
        timed: prompts whose time is known.
        answers: rates of every model, where the answers are at hand.
        warnings: what looks like trouble, each with what to do about it.
    """

    data: str
    prompts: int
    complete: int
    groups: int
    models: tuple[ModelFacts, ...]
    tasks: tuple[TaskFacts, ...]
    spreads: tuple[SpreadFacts, ...]
    bounds: Bounds | None
    duplicates: DuplicateFacts | None
    first_time: str
    last_time: str
    timed: int
    answers: tuple[AnswerRates, ...]
    warnings: tuple[Finding, ...]

    def model(self, name: str) -> ModelFacts:
        """The facts of that model.

        Raises:
            KeyError: there is none.
        """
        for facts in self.models:
            if facts.name == name:
                return facts
        raise KeyError(name)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; an infinity becomes the text ``inf``, NaN becomes None."""
        return plain(msgspec.to_builtins(self))
