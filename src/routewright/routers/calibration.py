"""Monotone maps that make a predicted 0.8 mean 0.8, each stored as a line through knots."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from routewright.errors import require
from routewright.routers.packing import Holds
from routewright.routers.sigmoid import logit, sigmoid
from routewright.routers.table import relative_error, squared_error

Floats = NDArray[np.float64]

ISOTONIC_FROM = 1_000
PLATT_FROM = 200

_TIE = 1e-6  # weight of the raw score, so that a flat stretch keeps its order
_PULL = 30.0  # strength of the draw: one model's luck must not shift it against the others

_PLATT_KNOTS = np.linspace(0.0, 1.0, 201)

_Fit = Callable[[Floats, Floats], tuple[Floats, Floats]]


@dataclass(frozen=True, eq=False)
class Calibration:
    """One map per model, as knots laid end to end.

    Attributes:
        x: raw scores at the knots, rising within a model.
        y: calibrated scores there.
        ends: (m + 1,) where each model's knots start and stop.

    Raises:
        ValueError: a model without knots, or knots that don't rise.
    """

    x: Annotated[Floats, Holds("k")]
    y: Annotated[Floats, Holds("k", low=0, high=1)]
    ends: Annotated[NDArray[np.int64], Holds("e", low=0)]

    def __post_init__(self) -> None:
        ends, within = self.ends, np.ones(max(len(self.x) - 1, 0), dtype=bool)
        if not len(ends) or ends[0] != 0 or ends[-1] != len(self.x) or (np.diff(ends) < 1).any():
            raise ValueError("the ends of the knots don't part them by model")
        within[ends[1:-1] - 1] = False  # from one model's last knot to the next one's first
        for knots in (self.x, self.y):
            if (np.diff(knots)[within] < 0).any():
                raise ValueError("a calibration map falls")

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """What each model's map is (m,): identity, platt or isotonic, told by its knots."""
        told: list[str] = []
        for start, stop in zip(self.ends[:-1], self.ends[1:], strict=True):
            x, y = self.x[start:stop], self.y[start:stop]
            if len(x) == 2 and np.array_equal(x, [0, 1]) and np.array_equal(y, [0, 1]):
                told.append("identity")
            else:
                told.append("platt" if np.array_equal(x, _PLATT_KNOTS) else "isotonic")
        return tuple(told)

    @cached_property
    def untouched(self) -> bool:
        """Whether every map leaves scores as they are."""
        return set(self.kinds) <= {"identity"}

    @property
    def slopes(self) -> Floats:
        """From each knot to its next, 0 from a model's last one (k,)."""
        return self._lines[-1]

    def apply(self, raw: Floats) -> Floats:
        """Calibrated scores (n, m) in [0, 1]; order within a model is kept."""
        if self.untouched:
            return np.minimum(np.maximum(raw, 0.0), 1.0)
        # All models at once, as np.interp would do it for each.
        low, high, apart, shifted, slopes = self._lines
        within = np.minimum(np.maximum(raw, low), high)
        at = shifted.searchsorted(within + apart, side="right") - 1
        value = slopes.take(at) * (within - self.x.take(at)) + self.y.take(at)
        return (value + _TIE * np.minimum(np.maximum(raw, 0.0), 1.0)) / (1 + _TIE)

    @cached_property
    def _lines(self) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        """Each model's first and last knot (m,) and how far its knots are moved (m,), so that all
        models' rise in one row; the knots moved so (k,), and the slope from each to its next (k,).
        """
        last = self.ends[1:] - 1
        low, high = self.x[self.ends[:-1]], self.x[last]
        apart = np.cumsum(np.append(0.0, 1.0 + high[:-1] - low[1:]))
        shifted = self.x + np.repeat(apart, np.diff(self.ends))
        run, rise = np.diff(self.x, append=0.0), np.diff(self.y, append=0.0)
        run[last] = 0.0
        slopes = np.divide(rise, run, out=np.zeros_like(run), where=run > 0)
        return low, high, apart, shifted, slopes


def fit_calibration(raw: Floats, scores: Floats) -> Calibration:
    """Fit each model's map on held-out raw scores (n, m) and realised scores (n, m).

    Three kinds compete, simplest first, each fitted on one half and judged on the other: the
    identity; Platt's logistic map, for models with 200 known scores, taken where it lowers the
    squared error; isotonic regression, from 1,000 prompts on. Bending every model's scores
    freely adds noise between models, on which choices hang, so the last must also lower the
    error of their differences.
    """
    enough = np.isfinite(scores).sum(axis=0) >= PLATT_FROM
    fit, best = _identity, raw
    for other, from_rows in ((_platt, PLATT_FROM), (_isotonic, ISOTONIC_FROM)):
        if len(raw) < from_rows:
            break
        told = _crossed(raw, scores, other, enough)
        calmer = other is _platt or relative_error(told, scores) < relative_error(best, scores)
        if calmer and squared_error(told, scores) < squared_error(best, scores):
            fit, best = other, told
    return _fit(raw, scores, fit, enough)


def fit_isotonic(raw: Floats, scores: Floats) -> Calibration:
    """Rising maps from any score (n, m), a judge's say, to the realised one; nothing else tried."""
    return _fit(raw, scores, _isotonic, np.array([True] * raw.shape[1], dtype=np.bool_))


def _fit(raw: Floats, scores: Floats, fit: _Fit, enough: NDArray[np.bool_]) -> Calibration:
    maps: list[tuple[Floats, Floats]] = []
    for column, known in enumerate(np.isfinite(scores).T):
        x, y = raw[known, column], scores[known, column]
        varies = x.size > 0 and float(np.ptp(x)) > 1e-9
        maps.append((fit if varies and enough[column] else _identity)(x, y))
    ends = np.cumsum([0, *(len(x) for x, _ in maps)])
    return Calibration(
        x=np.concatenate([x for x, _ in maps]),
        y=np.concatenate([y for _, y in maps]),
        ends=ends.astype(np.int64),
    )


def _crossed(raw: Floats, scores: Floats, fit: _Fit, enough: NDArray[np.bool_]) -> Floats:
    """Each half of the rows, calibrated by the other."""
    told = np.empty_like(raw)
    half = np.random.default_rng(0).permutation(len(raw)) % 2 == 1
    for here, there in ((half, ~half), (~half, half)):
        told[there] = _fit(raw[here], scores[here], fit, enough).apply(raw[there])
    return told


def _identity(raw: Floats, score: Floats) -> tuple[Floats, Floats]:  # noqa: ARG001  # a _Fit
    return np.array([0.0, 1.0]), np.array([0.0, 1.0])


def _isotonic(raw: Floats, score: Floats) -> tuple[Floats, Floats]:
    """Isotonic regression, joined at the centres of its flat blocks.

    Straight lines between block centres rise strictly, where the usual steps would make
    different prompts tie (centred isotonic regression, Oron and Flournoy 2017).
    """
    isotonic: Any = require("sklearn.isotonic", "train")
    fitted: Any = isotonic.IsotonicRegression(y_min=0.0, y_max=1.0).fit_transform(raw, score)
    levels, block = np.unique(np.asarray(fitted, dtype=np.float64), return_inverse=True)
    centres = np.bincount(block, weights=raw) / np.bincount(block)
    return centres, levels


def _platt(raw: Floats, score: Floats) -> tuple[Floats, Floats]:
    """sigmoid(a·logit(raw) + b) by Newton's method, drawn towards the identity."""
    inputs = np.column_stack([logit(raw), np.ones(len(raw))])
    weights = np.array([1.0, 0.0])
    pull = _PULL * np.array([np.var(inputs[:, 0]), 1.0])
    for _ in range(50):
        fitted = sigmoid(inputs @ weights)
        slope = inputs.T @ (fitted - score) + pull * (weights - [1.0, 0.0])
        curve = (inputs * (fitted * (1 - fitted))[:, None]).T @ inputs + np.diag(pull)
        step = np.linalg.solve(curve, slope)
        weights = weights - step
        if float(np.abs(step).max()) < 1e-9:
            break
    # A falling map would turn the router's order round: then the raw scores say nothing.
    weights[0] = max(weights[0], 0.0)
    return _PLATT_KNOTS, sigmoid(logit(_PLATT_KNOTS) * weights[0] + weights[1])
