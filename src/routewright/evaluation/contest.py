"""What all policies of one evaluation share: the prompts, the bounds and the zero routers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from routewright.evaluation.results import Kind, Row, Setting
from routewright.metrics.bootstrap import Estimate, bootstrap_means
from routewright.metrics.calibration import Calibration
from routewright.metrics.curves import Curves
from routewright.metrics.frontier import hull_members, ndch

Floats = NDArray[np.float64]
COLUMNS = 256  # settings drawn together; n times as many values are held in memory


@dataclass(frozen=True, eq=False)
class Policy:
    """A policy at k settings: what it scored and cost on each of n prompts.

    Attributes:
        name: for the table.
        kind: for the table.
        scores: realised scores (n, k).
        costs: realised costs (n, k) in US dollars.
        at: the recommended setting.
        shares: the part of the prompts that each model answers there (m,).
        worth_usd: the knob (k,), where there is one.
        calibration: of its predictions.
        best_of_test: whether it takes the best of its settings on the test prompts by definition.
    """

    name: str
    kind: Kind
    scores: Floats
    costs: Floats
    at: int
    shares: Floats
    worth_usd: Floats | None = None
    calibration: Calibration | None = None
    best_of_test: bool = False


@dataclass(frozen=True, eq=False)
class Contest:
    """The test prompts with everything that every row is measured against.

    Attributes:
        models: m names.
        scores: realised scores (n, m), complete.
        costs: realised costs (n, m) in US dollars, complete.
        groups: the group of each prompt (n,).
        replicates: of the bootstrap.
        seed: of the bootstrap.
        train_points: the models' mean cost and score on training prompts (m, 2), where known.
    """

    models: tuple[str, ...]
    scores: Floats
    costs: Floats
    groups: NDArray[np.str_]
    replicates: int
    seed: int
    train_points: Floats | None = None
    means: Floats = field(init=False, repr=False)  # (1 + B, 2m): all scores, then all costs

    def __post_init__(self) -> None:
        object.__setattr__(self, "means", self.draw(self.scores, self.costs))

    def draw(self, scores: Floats, costs: Floats) -> Floats:
        """Mean scores and costs (1 + B, 2k) of k settings: full sample, then the replicates."""
        return bootstrap_means(
            np.concatenate([scores, costs], axis=1),
            self.groups,
            replicates=self.replicates,
            seed=self.seed,
        )

    @property
    def single_scores(self) -> Floats:
        """Every model's mean score in every replicate (1 + B, m)."""
        return self.means[:, : len(self.models)]

    @property
    def single_costs(self) -> Floats:
        """Every model's mean cost in every replicate (1 + B, m)."""
        return self.means[:, len(self.models) :]

    @property
    def c_min(self) -> float:
        """The cheapest single model's mean cost on the full sample."""
        return float(self.single_costs[0].min())

    @property
    def c_max(self) -> float:
        """The dearest single model's mean cost on the full sample."""
        return float(self.single_costs[0].max())

    @cached_property
    def cheapest(self) -> int:
        """The cheapest model's column; of equally cheap ones the better."""
        return int(np.lexsort((-self.single_scores[0], self.single_costs[0]))[0])

    @cached_property
    def best(self) -> int:
        """The best-scoring model's column; of equally good ones the cheaper."""
        return int(np.lexsort((self.single_costs[0], -self.single_scores[0]))[0])

    @cached_property
    def zero_columns(self) -> tuple[int, ...]:
        """The models that the zero router mixes, picked on the training prompts."""
        return () if self.train_points is None else hull_members(self.train_points)

    @cached_property
    def zero_train(self) -> Floats | None:
        """Mean height of the zero router picked on training prompts (1 + B,)."""
        if not self.zero_columns:
            return None
        columns = list(self.zero_columns)
        curve = self._path(self.single_costs[:, columns], self.single_scores[:, columns])
        return curve.areas(self.c_min, self.c_max)

    @cached_property
    def zero_test(self) -> Floats:
        """Mean height of the zero router's hull on the test prompts (1 + B,)."""
        return Curves.hull(self.single_costs, self.single_scores).areas(self.c_min, self.c_max)

    def rows(self, policies: Iterable[Policy]) -> Iterator[Row]:
        """Measure policies, in order: all their figures with their intervals."""
        for batch in _batches(policies):
            ends = np.cumsum([policy.scores.shape[1] for policy in batch])
            means = self.draw(
                np.concatenate([policy.scores for policy in batch], axis=1),
                np.concatenate([policy.costs for policy in batch], axis=1),
            )
            scores = np.split(means[:, : ends[-1]], ends[:-1], axis=1)
            costs = np.split(means[:, ends[-1] :], ends[:-1], axis=1)
            for policy, own_scores, own_costs in zip(batch, scores, costs, strict=True):
                yield self._row(policy, own_scores, own_costs)

    def _row(self, policy: Policy, scores: Floats, costs: Floats) -> Row:
        hulls = Curves.hull(*self._with_cheapest(costs, scores))
        heights = hulls.areas(self.c_min, self.c_max)
        honest = (
            heights
            if policy.best_of_test
            else self._path(costs, scores).areas(self.c_min, self.c_max)
        )
        neutral = _ratio(
            hulls.costs_at(self.single_scores[:, self.best]), self.single_costs[:, self.best]
        )
        knob = policy.worth_usd
        settings = tuple(
            Setting(
                None if knob is None else float(knob[i]), float(costs[0, i]), float(scores[0, i])
            )
            for i in range(scores.shape[1])
        )
        vertices = ndch(np.column_stack([costs[0], scores[0]]))
        return Row(
            name=policy.name,
            kind=policy.kind,
            score=Estimate.of(scores[:, policy.at]),
            cost_usd=Estimate.of(costs[:, policy.at]),
            aiq=Estimate.of(heights),
            minus_zero_train=(
                None if self.zero_train is None else Estimate.of(honest - self.zero_train)
            ),
            minus_zero_test=Estimate.of(honest - self.zero_test),
            neutral_cost=Estimate.of(neutral),
            neutral_reached=float(np.isfinite(neutral[1:]).mean()),
            shares=dict(zip(self.models, policy.shares.tolist(), strict=True)),
            setting=settings[policy.at],
            settings=settings,
            hull=tuple((float(cost), float(score)) for cost, score in vertices),
            calibration=policy.calibration,
        )

    def _with_cheapest(self, costs: Floats, scores: Floats) -> tuple[Floats, Floats]:
        """The settings and the cheapest model, which anybody may use instead."""
        one = [self.cheapest]
        return (
            np.concatenate([costs, self.single_costs[:, one]], axis=1),
            np.concatenate([scores, self.single_scores[:, one]], axis=1),
        )

    def _path(self, costs: Floats, scores: Floats) -> Curves:
        """The settings joined by cost, from the cheapest model on where they start dearer."""
        if costs[0].min() > self.c_min:
            costs, scores = self._with_cheapest(costs, scores)
        return Curves.path(costs, scores)


def _batches(policies: Iterable[Policy]) -> Iterator[list[Policy]]:
    """Policies that are drawn together: drawing groups costs more than a few more columns."""
    batch: list[Policy] = []
    for policy in policies:
        if batch and sum(p.scores.shape[1] for p in batch) + policy.scores.shape[1] > COLUMNS:
            yield batch
            batch = []
        batch.append(policy)
    if batch:
        yield batch


def _ratio(costs: Floats, reference: Floats) -> Floats:
    """Costs as a share of a reference; of a free one, 1 where free as well and else infinite."""
    free = np.where(costs > 0, np.inf, 1.0)
    return np.where(reference > 0, costs / np.where(reference > 0, reference, 1.0), free)
