"""How far two judges agree, and what a judge of known error says of the truth."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def weighted_kappa(a: Sequence[float], b: Sequence[float], *, categories: int = 6) -> float:
    """Quadratic-weighted Cohen's kappa of two judges' marks on the same answers.

    Marks are rounded half up to 0..categories-1; agreement weighs 1 - (i-j)²/(K-1)² (Cohen
    1968). NaN where it is undefined: no marks, or both judges always gave the same one mark.

    Raises:
        ValueError: the lists differ in length, or a mark is off the scale.
    """
    table = _table(a, b, categories)
    step = np.arange(categories) / (categories - 1)
    return _kappa(table, 1.0 - (step[:, None] - step[None, :]) ** 2)


def cohen_kappa(a: Sequence[float], b: Sequence[float], *, categories: int = 6) -> float:
    """Cohen's kappa (p_o - p_e) / (1 - p_e): as ``weighted_kappa``, any difference counts alike."""
    return _kappa(_table(a, b, categories), np.eye(categories))


def _table(a: Sequence[float], b: Sequence[float], categories: int) -> Floats:
    """Shares of pairs of marks (K, K); all zero when there are none."""
    if categories < 2:
        raise ValueError(f"categories must be 2 or more, not {categories}")
    if len(a) != len(b):
        raise ValueError(f"judges graded {len(a)} and {len(b)} answers: pair them first")
    marks = np.asarray([a, b], dtype=np.float64).reshape(2, -1)
    if not np.all((marks >= 0) & (marks <= categories - 1)):
        raise ValueError(f"marks must lie between 0 and {categories - 1}")
    rounded = np.floor(marks + 0.5).astype(np.intp)
    table = np.zeros((categories, categories))
    np.add.at(table, (rounded[0], rounded[1]), 1.0)
    return table / max(1, marks.shape[1])


def _kappa(table: Floats, weights: Floats) -> float:
    observed = float((weights * table).sum())
    chance = np.outer(table.sum(axis=1), table.sum(axis=0))
    expected = float((weights * chance).sum())
    if not table.any() or math.isclose(expected, 1.0):
        return math.nan
    return (observed - expected) / (1.0 - expected)


def rogan_gladen(p_obs: float, sensitivity: float, specificity: float) -> float:
    """The true rate behind a rate observed with an imperfect binary judge, clipped to [0, 1].

    p = (p_obs + specificity - 1) / (sensitivity + specificity - 1), Rogan & Gladen (1978). NaN
    when the judge is no better than chance: sensitivity + specificity <= 1.
    """
    skill = sensitivity + specificity - 1.0
    if not skill > 0:
        return math.nan
    return float(np.clip((p_obs + specificity - 1.0) / skill, 0.0, 1.0))
