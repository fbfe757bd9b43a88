"""A bridge: what one judge's marks are on another's scale, learned where both have graded.

Two judges' marks never stand in one table as they are: one judge is kinder, and the models that
it happened to grade would look better. Cells that both graded say what to expect.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from routewright.errors import DataError, require
from routewright.judge.run import Verdict
from routewright.metrics.bootstrap import Draws, Estimate
from routewright.metrics.shapes import Floats

FEWEST = 200
"""Cells graded by both that a bridge must have: below, its own error would rival the judges'."""
REPLICATES = 400


@dataclass(frozen=True)
class Bridge:
    """A monotone map from one judge's marks to another's, with what it is worth.

    Attributes:
        source: the judge whose marks are mapped.
        target: the judge on whose scale they come out.
        cells: how many cells both graded.
        marks: the source's marks (k,), ascending.
        mapped: the target's expected mark for each (k,), never descending; between two marks of
            the source it is read off the line that joins them.
        errors: the bootstrap's standard error of each (k,).
        correlation: of the two judges' marks, with its interval.
        spread: standard deviation of the target's mark about the map: how far one cell may be off.
    """

    source: str
    target: str
    cells: int
    marks: tuple[float, ...]
    mapped: tuple[float, ...]
    errors: tuple[float, ...]
    correlation: Estimate
    spread: float

    def apply(self, verdict: Verdict) -> Verdict:
        """The source's verdict on the target's scale; a missing mark stays missing.

        Raises:
            DataError: another judge gave it.
        """
        if verdict.judge != self.source:
            raise DataError(f"the bridge starts at {self.source}, not at {verdict.judge}")
        mark = verdict.mark
        if mark is not None:
            mark = float(np.interp(mark, self.marks, self.mapped))
        return replace(verdict, mark=mark, judge=f"{self.target} (bridge from {self.source})")


def build_bridge(source: Iterable[Verdict], target: Iterable[Verdict], *, seed: int = 0) -> Bridge:
    """Learn the map by isotonic regression on the cells that both judges graded.

    Raises:
        DataError: fewer than 200 such cells, or marks of which one tells nothing of the other.
        MissingExtraError: scikit-learn is not installed.
    """
    theirs = {verdict.key: verdict for verdict in target if verdict.mark is not None}
    both = [(v, theirs[v.key]) for v in source if v.mark is not None and v.key in theirs]
    if len(both) < FEWEST:
        raise DataError(
            f"only {len(both)} cells were graded by both judges, a bridge needs {FEWEST}: let one "
            "judge grade more of what the other graded, or all of it"
        )
    x = np.array([one.mark for one, _ in both])
    y = np.array([other.mark for _, other in both])
    names = both[0][0].judge, both[0][1].judge
    draws = Draws.over(
        np.array([one.prompt_id for one, _ in both]), replicates=REPLICATES, seed=seed
    )
    correlation = _correlation(x, y, draws)
    if not correlation.low > 0:
        raise DataError(
            f"{names[0]} and {names[1]} do not agree beyond chance on {len(both)} cells (a "
            f"correlation of {correlation.value:.2f}): no map joins them; take the marks of one"
        )
    levels = np.unique(x)
    curves: Floats = np.concatenate([_curves(x, y, levels, weights) for weights in draws.weights()])
    mapped: Floats = curves[0]
    errors: Floats = np.std(curves[1:], axis=0, ddof=1)
    return Bridge(
        source=names[0],
        target=names[1],
        cells=len(both),
        marks=tuple(levels.tolist()),
        mapped=tuple(mapped.tolist()),
        errors=tuple(errors.tolist()),
        correlation=correlation,
        spread=float((y - np.interp(x, levels, mapped)).std()),
    )


def refuse_mixed(verdicts: Iterable[Verdict]) -> None:
    """See to it that the answers no program verified were all graded by one judge.

    Marks that a bridge brought to a judge's scale count as that judge's.

    Raises:
        DataError: they were graded by several.
    """
    names: Sequence[str] = sorted(
        {
            verdict.judge.partition(" (bridge from ")[0]
            for verdict in verdicts
            if verdict.mark is not None and not verdict.judge.startswith("verify:")
        }
    )
    if len(names) > 1:
        raise DataError(
            f"marks of {' and '.join(names)} would stand in one table; grade all with one judge, "
            "or join them by a bridge: routewright judge DIR --judge NEW --bridge OLD"
        )


def _correlation(x: Floats, y: Floats, draws: Draws) -> Estimate:
    means = draws.means(np.column_stack([x, y, x * y, x**2, y**2]))
    with np.errstate(invalid="ignore", divide="ignore"):
        covariance = means[:, 2] - means[:, 0] * means[:, 1]
        spread = (means[:, 3] - means[:, 0] ** 2) * (means[:, 4] - means[:, 1] ** 2)
        values = covariance / np.sqrt(spread)
    if not np.isfinite(values[0]):  # one judge gave everything the same mark
        return Estimate(0.0, 0.0, 0.0)
    return Estimate.of(values)


def _curves(x: Floats, y: Floats, levels: Floats, weights: Floats) -> Floats:
    """The isotonic fit at each level (b, k), one row per row of weights (b, n)."""
    isotonic: Any = require("sklearn.isotonic", "train")
    at = (x[:, None] == levels).astype(np.float64)
    mass, sums = weights @ at, (weights * y) @ at
    rows: list[Floats] = []
    for own, total in zip(mass, sums, strict=True):
        seen = own > 0  # a rare mark may be missing from a replicate
        fit: Floats = isotonic.isotonic_regression(
            total[seen] / own[seen], sample_weight=own[seen], y_min=0.0, y_max=5.0
        )
        rows.append(np.asarray(np.interp(levels, levels[seen], fit), dtype=np.float64))
    return np.array(rows)
