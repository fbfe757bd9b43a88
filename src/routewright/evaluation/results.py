"""What an evaluation says: frozen values that turn into JSON as they are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from routewright.metrics.bootstrap import Estimate
from routewright.metrics.calibration import Calibration

Kind = Literal["model", "random", "zero", "oracle", "router", "control"]


@dataclass(frozen=True)
class Setting:
    """One operating point: a setting of the knob, and what it cost and scored on average.

    ``worth_usd`` is the willingness to pay; None for a policy that has no knob.
    """

    worth_usd: float | None
    cost_usd: float
    score: float


@dataclass(frozen=True)
class Row:
    """One policy on the test prompts.

    Attributes:
        name: the model's or router's name.
        kind: model, random, zero, oracle or router.
        score: mean score at the recommended setting.
        cost_usd: mean cost per prompt there.
        aiq: height of the hull of its operating points, averaged over the range of costs.
        minus_zero_train: mean height of its settings joined by cost, less that of the zero router
            whose models were picked on training prompts; None without training means.
        minus_zero_test: the same, less the zero router's hull on the test prompts themselves.
        neutral_cost: lowest cost at which its hull reaches the best single model's score, as a
            share of that model's cost; infinite where it does not.
        neutral_reached: share of the replicates in which it does.
        shares: share of the prompts that each model answers at the recommended setting.
        setting: the recommended setting.
        settings: all operating points, from quality to thrift.
        hull: vertices (cost in US dollars, score) of their hull.
        calibration: of the predicted scores; None for what predicts nothing.
    """

    name: str
    kind: Kind
    score: Estimate
    cost_usd: Estimate
    aiq: Estimate
    minus_zero_train: Estimate | None
    minus_zero_test: Estimate
    neutral_cost: Estimate
    neutral_reached: float
    shares: dict[str, float]
    setting: Setting
    settings: tuple[Setting, ...]
    hull: tuple[tuple[float, float], ...]
    calibration: Calibration | None = None

    @property
    def minus_zero(self) -> Estimate:
        """The difference to the fair opponent; to the harsher one where training is unknown."""
        return self.minus_zero_test if self.minus_zero_train is None else self.minus_zero_train


@dataclass(frozen=True)
class TaskRow:
    """One task: its own best model, the best single model over all tasks, and the router.

    Scores are means; costs are US dollars per prompt.
    """

    task: str
    prompts: int
    best_model: str
    best_model_score: float
    best_model_cost_usd: float
    single_score: float
    single_cost_usd: float
    router_score: float
    router_cost_usd: float


@dataclass(frozen=True)
class Finding:
    """A check that fired: its code (``RT001`` …), severity, and what it saw.

    Severity is ``error`` (the claim does not stand), ``warning`` or ``info``.
    """

    code: str
    severity: str
    title: str
    message: str


@dataclass(frozen=True)
class Evaluation:
    """What routers are worth on one set of test prompts.

    Attributes:
        data: name of the routing data.
        models: the columns.
        prompts: how many prompts were used.
        dropped: how many were left out because a model lacks a score or a cost there.
        groups: how many groups the bootstrap draws from.
        replicates: how many replicates it drew.
        seed: the seed it drew them with.
        c_min: lower bound of cost for AIQ: the cheapest single model's mean, in US dollars.
        c_max: upper bound: the dearest single model's mean.
        degenerate: whether the bounds are equal, so that AIQ is a height and no average.
        router: name of the router that the verdict is about.
        best_model: the single model with the highest mean score.
        instead: the single model to use where routing does not pay.
        worth_usd: the knob that the caller fixed; None where each router's setting was picked on
            the test prompts: the cheapest that keeps the best single model's score, or 99, 98,
            95 or 90 % of it where more saves no tenth of its cost.
        rows: single models first, then the baselines, then the routers.
        tasks: per-task figures at the recommended setting; empty where no task is known.
        pays: whether the interval of the difference to the zero router lies above 0.
        verdict: the same in one plain line.
        findings: checks that fired, for callers that make them; see ``evaluation.checks``.
    """

    data: str
    models: tuple[str, ...]
    prompts: int
    dropped: int
    groups: int
    replicates: int
    seed: int
    c_min: float
    c_max: float
    degenerate: bool
    router: str
    best_model: str
    instead: str
    worth_usd: float | None
    rows: tuple[Row, ...]
    tasks: tuple[TaskRow, ...]
    pays: bool
    verdict: str
    findings: tuple[Finding, ...] = ()

    def row(self, name: str, kind: Kind | None = None) -> Row:
        """The row of that name, routers before baselines before models.

        Raises:
            KeyError: there is none.
        """
        for row in reversed(self.rows):
            if row.name == name and kind in (None, row.kind):
                return row
        raise KeyError(name)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; an infinity becomes the text ``inf``, NaN becomes None."""
        return plain(msgspec.to_builtins(self))


def plain(value: Any) -> Any:
    """JSON values of builtins: an infinity becomes the text ``inf``, NaN becomes None."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}  # pyright: ignore[reportUnknownVariableType] - builtins of JSON shape
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]  # pyright: ignore[reportUnknownVariableType] - builtins of JSON shape
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value
