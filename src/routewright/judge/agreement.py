"""How far two judges agree on lists of marks, and what a judge of known error says of the truth.

The formulas are those of ``metrics.judging``, which take tables.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from routewright.metrics import judging
from routewright.metrics.bootstrap import Draws, Estimate
from routewright.metrics.judging import rogan_gladen

__all__ = ["agreement", "cohen_kappa", "kappa_with_interval", "rogan_gladen", "weighted_kappa"]

if TYPE_CHECKING:
    from routewright.judge.run import Verdict

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


def agreement(verified: Iterable[Verdict], judged: Iterable[Verdict]) -> dict[str, Any] | None:
    """How well a judge agrees with the graders, as plain data; None where both graded nothing."""
    keys = {verdict.key: verdict.mark for verdict in verified}
    audited = [verdict for verdict in judged if verdict.key in keys]
    if not audited:
        return None
    both = [(keys[v.key], v.mark, v.prompt_id) for v in audited if v.mark is not None]
    truth = [mark for mark, _, _ in both if mark is not None]
    opinion = [mark for _, mark, _ in both]
    told: dict[str, Any] = {
        "version": audited[0].judge,
        "audited": len(audited),
        "ungraded": len(audited) - len(both),
        "both": len(both),
        "weighted_kappa": None,
        "weighted_kappa_interval": None,
        "mean_mark_verified": round(sum(truth) / len(truth), 3) if truth else None,
        "mean_mark_judge": round(sum(opinion) / len(opinion), 3) if opinion else None,
    }
    if both:
        kappa = kappa_with_interval(truth, opinion, [prompt_id for _, _, prompt_id in both])
        if not math.isnan(kappa.value):
            told["weighted_kappa"] = round(kappa.value, 4)
        if not math.isnan(kappa.low):
            told["weighted_kappa_interval"] = [round(kappa.low, 4), round(kappa.high, 4)]
    return told


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
