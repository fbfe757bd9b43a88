"""Cascade routing: before each call, choose among all sets of models still to run.

Dekoninck, Baader and Vechev (arXiv 2410.10347): a set of models, those that answered included,
is a supermodel worth E[max score] minus λ times what is still to be paid. The best set's
cheapest model is run, its answer judged (and the judge paid), everything estimated again; if
the best set holds nobody new, the answer judged best is given.

For independent scores E[max] is 1 − Π(1 − q), too rosy: models fail at the same prompts, and
a judge picks, not an oracle. So two numbers are fitted on training answers: the shrink ρ in
(1 − ρ)(1 − Π(1 − q)) + ρ max q, and β, by how much of its surprise an answer that was judged
better or worse than expected moves what is expected of the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from routewright.errors import DataError
from routewright.metrics import CascadePoint
from routewright.routers.calibration import Calibration
from routewright.routers.cascades.judging import MOST_MODELS, Judged, calibrate

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Supermodels:
    """A fitted cascade router.

    Attributes:
        models: up to six that may be asked.
        calibration: verdict → expected score, one map a model.
        shrink: ρ in [0, 1]; 0 takes models for independent, 1 sees no gain in a second answer.
        echo: β, at least 0.
    """

    models: tuple[str, ...]
    calibration: Calibration
    shrink: float
    echo: float

    def evaluate(
        self, table: Judged, expected: Floats, expected_costs: Floats, price: float
    ) -> CascadePoint:
        """Run it on judged answers.

        Args:
            table: n prompts with answers.
            expected: a router's scores for ``table.models`` before any answer (n, m).
            expected_costs: its costs (n, m) in US dollars.
            price: λ, score that one US dollar must bring; 0 spends freely.

        Raises:
            DataError: a shape is wrong, or a model is missing.
        """
        columns = table.columns(self.models)
        _check_shape(table, expected, expected_costs)
        q, cost = expected[:, columns], expected_costs[:, columns]
        cost = cost + table.judge_costs[:, columns]
        paid = table.costs[:, columns] + table.judge_costs[:, columns]
        sure = self.calibration.apply(table.verdicts[:, columns])
        n, k = q.shape
        sets = _subsets(k)
        asked = np.zeros((n, k), dtype=np.bool_)
        for _ in range(k):
            value = self._values(q, sure, asked, sets) - price * ((~asked * cost) @ sets.T)
            # Who has answered is in every set; the first call is made whatever it costs.
            keeps = (asked.astype(float) @ (~sets).T.astype(float)) == 0
            value = np.where(keeps & sets.any(axis=1), value, -np.inf)
            new: Mask = sets[_first_best(value)] & ~asked
            going = np.flatnonzero(new.any(axis=1))
            if not going.size:
                break
            pick = np.where(new[going], cost[going], np.inf).argmin(axis=1)
            asked[going, pick] = True
        given = np.where(asked, sure, -np.inf).argmax(axis=1)
        spent = (asked * paid).sum(axis=1)
        score = table.scores[:, columns][np.arange(n), given]
        return CascadePoint(
            float(score.mean()), float(spent.mean()), float(asked.sum(axis=1).mean())
        )

    def _values(self, q: Floats, sure: Floats, asked: Mask, sets: Mask) -> Floats:
        """Expected score of each set (n, 2^k), given the verdicts so far."""
        told = asked.sum(axis=1, keepdims=True)
        surprise = np.where(asked, sure - q, 0.0).sum(axis=1, keepdims=True) / np.maximum(told, 1)
        now = np.clip(np.where(asked, sure, q + self.echo * surprise), 0.0, 1.0)
        return set_values(now, sets, self.shrink)


def fit_supermodels(
    table: Judged, expected: Floats, *, models: tuple[str, ...] = ()
) -> Supermodels:
    """Fit calibration, shrink and echo.

    Args:
        table: training answers with verdicts.
        expected: a router's out-of-fold scores for ``table.models`` (n, m).
        models: two to six of them; by default ``table.candidates()``.

    Raises:
        DataError: fewer than two or more than six models, an unknown one, or a wrong shape.
    """
    names = models or table.candidates()
    if not 2 <= len(names) <= MOST_MODELS:
        raise DataError(f"cascade routing takes 2 to {MOST_MODELS} models, not {names}")
    columns = table.columns(names)
    _check_shape(table, expected, expected)
    calibration = calibrate(table, columns)
    sure = calibration.apply(table.verdicts[:, columns])
    q, s = expected[:, columns], table.scores[:, columns]
    return Supermodels(names, calibration, _shrink(q, s, sure), _echo(q, s, sure))


def set_values(q: Floats, sets: Mask, shrink: float) -> Floats:
    """(1 − ρ)(1 − Π(1 − q)) + ρ max q over each set (n, 2^k); the empty set is worth 0."""
    inside = np.where(sets[None], q[:, None, :], 0.0)
    return (1 - shrink) * (1 - np.prod(1 - inside, axis=2)) + shrink * inside.max(axis=2)


def _subsets(k: int) -> Mask:
    """All sets of k models (2^k, k), small ones first."""
    codes = sorted(range(2**k), key=lambda code: (code.bit_count(), code))
    return np.array([[bool(code >> bit & 1) for bit in range(k)] for code in codes])


def _first_best(value: Floats) -> NDArray[np.intp]:
    """The best set of each row; of equals the smallest, so that nothing is bought for nothing."""
    best: Mask = np.greater_equal(value, value.max(axis=1, keepdims=True) - 1e-12)
    return best.argmax(axis=1)


def _shrink(q: Floats, scores: Floats, sure: Floats) -> float:
    """ρ at which pairs are expected to score what the judge's pick of the two scored, on average.

    Everything is taken after both answers were judged.
    """
    rosy = single = got = 0.0
    line = np.arange(len(q))
    for pair in combinations(range(q.shape[1]), 2):
        two = q[:, pair]
        rosy += float((1 - np.prod(1 - two, axis=1)).mean())
        single += float(two.max(axis=1).mean())
        pick = np.array(pair)[sure[:, pair].argmax(axis=1)]
        got += float(scores[line, pick].mean())
    return float(np.clip((rosy - got) / max(rosy - single, 1e-9), 0.0, 1.0))


def _echo(q: Floats, scores: Floats, sure: Floats) -> float:
    """β of least squares: (score − q) of one model on (verdict − q) of another, all pairs."""
    surprise, missed = sure - q, scores - q
    over = under = 0.0
    for one in range(q.shape[1]):
        for other in range(q.shape[1]):
            if one != other:
                over += float(surprise[:, one] @ missed[:, other])
                under += float(surprise[:, one] @ surprise[:, one])
    return max(over / max(under, 1e-12), 0.0)


def _check_shape(table: Judged, *given: Floats) -> None:
    for each in given:
        if each.shape != table.scores.shape:
            raise DataError(
                f"predictions have shape {each.shape}, the table {table.scores.shape}; "
                "cut them with table.rows"
            )


def prices(expected_costs: Floats, size: int = 24) -> Sequence[float]:
    """Settings of λ from spending freely to thrift, for a sweep."""
    gaps = np.ptp(expected_costs, axis=1)
    middle = 1 / max(float(np.median(gaps[gaps > 0])) if (gaps > 0).any() else 1.0, 1e-12)
    return [0.0, *(float(p) for p in middle * np.geomspace(1e-3, 1e3, size))]
