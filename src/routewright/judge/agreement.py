"""How far two judges agree on lists of marks, and what a judge of known error says of the truth.

The formulas are those of ``metrics.judging``, which take tables.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from routewright.metrics import judging
from routewright.metrics.bootstrap import Draws, Estimate
from routewright.metrics.judging import rogan_gladen

__all__ = ["cohen_kappa", "kappa_with_interval", "rogan_gladen", "weighted_kappa"]

Floats = NDArray[np.float64]


def weighted_kappa(a: Sequence[float], b: Sequence[float], *, categories: int = 6) -> float:
    """Quadratic-weighted Cohen's kappa of two judges' marks on the same answers.

    Marks are rounded half up to 0..categories-1; agreement weighs 1 - (i-j)²/(K-1)² (Cohen
    1968). NaN where it is undefined: no marks, or both judges always gave the same one mark.

    Raises:
        ValueError: the lists differ in length, or a mark is off the scale.
    """
    return judging.cohen_kappa(_table(a, b, categories), quadratic=True)


def cohen_kappa(a: Sequence[float], b: Sequence[float], *, categories: int = 6) -> float:
    """Cohen's kappa (p_o - p_e) / (1 - p_e): as ``weighted_kappa``, any difference counts alike."""
    return judging.cohen_kappa(_table(a, b, categories))


def kappa_with_interval(
    a: Sequence[float],
    b: Sequence[float],
    prompt_ids: Sequence[str],
    *,
    categories: int = 6,
    replicates: int = 1000,
    seed: int = 0,
) -> Estimate:
    """``weighted_kappa`` with its 95 % bootstrap interval; the answers to one prompt go together.

    Raises:
        ValueError: as for ``weighted_kappa``, or no marks at all.
    """
    marks = _rounded(a, b, categories)
    draws = Draws.over(np.array(prompt_ids, dtype=np.str_), replicates=replicates, seed=seed)
    return judging.kappa_interval(marks.T, draws, marks=categories)


def _table(a: Sequence[float], b: Sequence[float], categories: int) -> Floats:
    """How often each pair of marks was given (K, K)."""
    rounded = _rounded(a, b, categories)
    table = np.zeros((categories, categories))
    np.add.at(table, (rounded[0], rounded[1]), 1.0)
    return table


def _rounded(a: Sequence[float], b: Sequence[float], categories: int) -> NDArray[np.intp]:
    """Both judges' marks as whole numbers (2, n)."""
    if categories < 2:
        raise ValueError(f"categories must be 2 or more, not {categories}")
    if len(a) != len(b):
        raise ValueError(f"judges graded {len(a)} and {len(b)} answers: pair them first")
    marks = np.asarray([a, b], dtype=np.float64).reshape(2, -1)
    if not np.all((marks >= 0) & (marks <= categories - 1)):
        raise ValueError(f"marks must lie between 0 and {categories - 1}")
    return np.floor(marks + 0.5).astype(np.intp)
