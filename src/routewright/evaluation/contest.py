"""What all policies of one evaluation share: the prompts, the bounds and the zero routers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from routewright.evaluation.results import Kind
from routewright.metrics.bootstrap import Draws
from routewright.metrics.calibration import Calibration
from routewright.metrics.curves import Curves
from routewright.metrics.frontier import hull_members

Floats = NDArray[np.float64]
Columns = NDArray[np.unsignedinteger]
TOGETHER = 2048  # settings drawn together: with 2,000 replicates 130 MB
_SHARED = 0x5E  # tells the stream of shared errors from those of the prompts' weights
SAME_PRICE = 1e-9  # parts by which mean costs of equally dear models differ, being sums of floats


@dataclass(frozen=True, eq=False)
class Policy:
    """A policy at k settings: which of m models it gives each of n prompts.

    Attributes:
        name: for the table.
        kind: for the table.
        at: the recommended setting.
        shares: the part of the prompts that each model answers there (m,).
        chosen: column for each setting and prompt (k, n); None for a policy that is blind.
        mix: of a blind policy, the share of prompts that each model gets at each setting (k, m).
        worth_usd: the knob (k,), where there is one.
        calibration: of its predictions.
        best_of_test: whether it takes the best of its settings on the test prompts by definition.
        decision_costs: what it took to decide on each prompt (n,), in US dollars, where that is
            something; added to every realised cost.
    """

    name: str
    kind: Kind
    at: int
    shares: Floats
    chosen: Columns | None = None
    mix: Floats | None = None
    worth_usd: Floats | None = None
    calibration: Calibration | None = None
    best_of_test: bool = False
    decision_costs: Floats | None = None

    def on(self, rows: NDArray[np.intp]) -> Policy:
        """The same policy on some of the prompts; ``shares`` stay those of all."""
        if self.chosen is None:
            return self
        spent = None if self.decision_costs is None else self.decision_costs[rows]
        return replace(self, chosen=self.chosen[:, rows], decision_costs=spent)


@dataclass(frozen=True, eq=False)
class Measured:
    """A policy's figures on the full sample and in every replicate, (1 + B,) each.

    Attributes:
        policy: what was measured.
        score: mean score at the recommended setting.
        cost_usd: mean cost there.
        aiq: mean height of its hull over the contest's range of costs.
        minus_zero_train: mean height of its settings joined by cost, less that of the zero router
            picked on training prompts; None where these are unknown.
        minus_zero_test: the same, less the zero router's hull on the test prompts.
        neutral_cost: lowest cost at which its hull reaches the best single model's score, as a
            share of that model's cost; infinite where it never does.
        points: mean cost and score of every setting on the full sample (k, 2).
    """

    policy: Policy
    score: Floats
    cost_usd: Floats
    aiq: Floats
    minus_zero_train: Floats | None
    minus_zero_test: Floats
    neutral_cost: Floats
    points: Floats

    @property
    def minus_zero(self) -> Floats:
        """The difference to the fair opponent; to the harsher one where training is unknown."""
        return self.minus_zero_test if self.minus_zero_train is None else self.minus_zero_train


@dataclass(frozen=True, eq=False)
class Contest:
    """The test prompts with everything that every policy is measured against.

    Attributes:
        models: m names.
        scores: realised scores (n, m), complete.
        costs: realised costs (n, m) in US dollars, complete.
        draws: the replicates, as these prompts see them.
        train_points: the models' mean cost and score on training prompts (m, 2), where known.
        score_errors: standard error that all scores of a model share (m,); every replicate draws
            it anew from a normal distribution, the full sample has none of it.
    """

    models: tuple[str, ...]
    scores: Floats
    costs: Floats
    draws: Draws
    train_points: Floats | None = None
    score_errors: Floats | None = None
    means: Floats = field(init=False, repr=False)  # (1 + B, 2m): all scores, then all costs

    def __post_init__(self) -> None:
        both = np.concatenate([self.scores, self.costs], axis=1)
        means = self.draws.means(both)
        means[:, : len(self.models)] += self.shared(np.eye(len(self.models)))
        object.__setattr__(self, "means", means)

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
    def one_price(self) -> bool:
        """Whether all models cost the same: there is no range of costs to average over.

        A curve is then as high as its best point. Which of its points is the cheapest, by the
        last bits of a sum, says nothing.
        """
        return self.c_max <= self.c_min * (1 + SAME_PRICE)

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
        if self.one_price:
            return self.single_scores[:, columns[-1]]
        curve = self._path(self.single_costs[:, columns], self.single_scores[:, columns])
        return curve.areas(self.c_min, self.c_max)

    @cached_property
    def zero_test(self) -> Floats:
        """Mean height of the zero router's hull on the test prompts (1 + B,)."""
        return self._heights(Curves.hull(self.single_costs, self.single_scores))

    def shared(self, shares: Floats) -> Floats:
        """What the errors that a model's scores share do to mean scores, in every replicate.

        Args:
            shares: the part of the prompts that each model answers (k, m), at k settings; it is
                that of the full sample, not drawn again with the prompts.

        Returns:
            (1 + B, k), zeros where no error is known.
        """
        if self.score_errors is None or not self.score_errors.any():
            return np.zeros((1 + self.draws.replicates, len(shares)))
        # One stream for all folds of a data set: an audit errs once.
        rng = np.random.default_rng([self.draws.seed, _SHARED])
        drawn = rng.standard_normal((1 + self.draws.replicates, len(self.models)))
        drawn[0] = 0
        return (drawn * self.score_errors) @ shares.T

    def shares(self, policy: Policy) -> Floats:
        """The part of the prompts that each model answers at each setting (k, m)."""
        if policy.chosen is None:
            return _mix(policy)
        counts = [np.bincount(row, minlength=len(self.models)) for row in policy.chosen]
        return np.array(counts) / policy.chosen.shape[1]

    def outcomes(self, policy: Policy, setting: int) -> tuple[Floats, Floats]:
        """What a policy scored and cost on each prompt at one setting, (n,) each."""
        if policy.chosen is None:
            share = _mix(policy)[setting]
            return self.scores @ share, self.costs @ share
        rows = np.arange(len(self.scores))
        costs = self.costs[rows, policy.chosen[setting]]
        if policy.decision_costs is not None:
            costs = costs + policy.decision_costs
        return self.scores[rows, policy.chosen[setting]], costs

    def measure(self, policies: Iterable[Policy]) -> Iterator[Measured]:
        """All figures of policies, in order, in every replicate."""
        for batch in _batches(policies):
            seeing = [policy.chosen for policy in batch if policy.chosen is not None]
            drawn = self._draw(np.concatenate(seeing)) if seeing else None
            used = 0
            for policy in batch:
                if policy.chosen is None or drawn is None:
                    mix = _mix(policy).T
                    yield self._measured(policy, self.single_scores @ mix, self.single_costs @ mix)
                    continue
                own = slice(used, used + len(policy.chosen))
                used = own.stop
                costs = drawn[1][:, own]
                if policy.decision_costs is not None:
                    costs = costs + self.draws.means(policy.decision_costs[:, None])
                scores = drawn[0][:, own] + self.shared(self.shares(policy))
                yield self._measured(policy, scores, costs)

    def _draw(self, chosen: Columns) -> tuple[Floats, Floats]:
        """Mean scores and mean costs of choices (k, n): (1 + B, k) each."""

        def values(rows: NDArray[np.intp]) -> Floats:
            cells = rows * len(self.models) + chosen[:, rows]
            return np.concatenate([self.scores.take(cells), self.costs.take(cells)]).T

        means = self.draws.means(values)
        return means[:, : len(chosen)], means[:, len(chosen) :]

    def _measured(self, policy: Policy, scores: Floats, costs: Floats) -> Measured:
        hulls = Curves.hull(*self._with_cheapest(costs, scores))
        heights = self._heights(hulls)
        honest = heights if policy.best_of_test else self._honest(policy, scores, costs)
        return Measured(
            policy=policy,
            score=scores[:, policy.at],
            cost_usd=costs[:, policy.at],
            aiq=heights,
            minus_zero_train=None if self.zero_train is None else honest - self.zero_train,
            minus_zero_test=honest - self.zero_test,
            neutral_cost=_ratio(
                hulls.costs_at(self.single_scores[:, self.best]), self.single_costs[:, self.best]
            ),
            points=np.column_stack([costs[0], scores[0]]),
        )

    def _heights(self, hulls: Curves) -> Floats:
        """The mean height of each hull over the range of costs (1 + B,)."""
        return hulls.scores[:, -1] if self.one_price else hulls.areas(self.c_min, self.c_max)

    def _honest(self, policy: Policy, scores: Floats, costs: Floats) -> Floats:
        """The mean height of the settings joined by cost: none is picked on these prompts."""
        at = policy.at if policy.worth_usd is None else int(np.argmax(policy.worth_usd))
        if self.one_price and costs[0, at] <= self.c_max * (1 + SAME_PRICE):
            return scores[:, at]  # where nothing can be saved, any price may be paid
        return self._path(costs, scores).areas(self.c_min, self.c_max)

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


def _mix(policy: Policy) -> Floats:
    if policy.mix is None:
        raise ValueError(f"policy {policy.name!r} has neither choices nor a mix")
    return policy.mix


def _batches(policies: Iterable[Policy]) -> Iterator[Sequence[Policy]]:
    """Policies that are drawn together: weighing prompts costs more than a few more columns."""
    batch: list[Policy] = []
    settings = 0
    for policy in policies:
        own = 0 if policy.chosen is None else len(policy.chosen)
        if batch and settings + own > TOGETHER:
            yield batch
            batch, settings = [], 0
        batch.append(policy)
        settings += own
    if batch:
        yield batch


def _ratio(costs: Floats, reference: Floats) -> Floats:
    """Costs as a share of a reference; of a free one, 1 where free as well and else infinite."""
    free = np.where(costs > 0, np.inf, 1.0)
    return np.where(reference > 0, costs / np.where(reference > 0, reference, 1.0), free)
