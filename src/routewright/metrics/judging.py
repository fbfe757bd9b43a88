"""How far judges can be trusted, and what the truth is behind an imperfect judge's figures."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from routewright.metrics.shapes import Floats, matrices, vectors


def rogan_gladen(p_obs: float, sensitivity: float, specificity: float) -> float:
    """The true rate behind a rate observed with an imperfect binary judge, clipped to [0, 1].

    p = (p_obs + specificity - 1) / (sensitivity + specificity - 1), Rogan and Gladen (1978).
    Correct every model by its own rates: only error that differs between models biases a router.

    Args:
        p_obs: share of answers that the judge passes.
        sensitivity: P(judge passes | right).
        specificity: P(judge fails | wrong).

    Returns:
        A share; NaN where the judge is no better than chance, sensitivity + specificity <= 1.
    """
    skill = sensitivity + specificity - 1.0
    if not skill > 0:
        return math.nan
    return float(np.clip((p_obs + specificity - 1.0) / skill, 0.0, 1.0))


def cohen_kappa(table: ArrayLike, *, quadratic: bool = False) -> float:
    """Cohen's kappa (p_o - p_e) / (1 - p_e) of two judges: agreement beyond chance.

    Args:
        table: how often the first judge gave mark i and the second mark j (K, K), as counts or
            shares.
        quadratic: count near misses: agreement weighs 1 - (i - j)² / (K - 1)² (Cohen 1968), which
            suits ordered marks; otherwise any difference counts alike.

    Returns:
        At most 1, 0 at chance; NaN where it is undefined: an empty table, or both judges always
        gave the same one mark.

    Raises:
        ValueError: a table that isn't square with 2 marks or more, NaN, or a negative count.
    """
    (counts,) = matrices(table=table)
    marks = len(counts)
    if counts.shape != (marks, marks) or marks < 2 or counts.min() < 0:
        raise ValueError(f"table must hold counts (K, K), K at least 2, not {counts.shape}")
    total = float(counts.sum())
    if total == 0:
        return math.nan
    step = np.arange(marks) / (marks - 1)
    weights = 1 - (step[:, None] - step) ** 2 if quadratic else np.eye(marks)
    shares = counts / total
    observed = float((weights * shares).sum())
    expected = float((weights * np.outer(shares.sum(axis=1), shares.sum(axis=0))).sum())
    return math.nan if math.isclose(expected, 1.0) else (observed - expected) / (1 - expected)


def krippendorff_alpha(marks: ArrayLike) -> float:
    """Krippendorff's alpha 1 - D_o / D_e of any number of judges, marks missing where NaN.

    The distance of two marks is their squared difference (interval data), so that of two judges
    who marked everything it is close to quadratic kappa. Items with a single mark say nothing and
    are left out.

    Args:
        marks: one row per judge, one column per item (r, n).

    Returns:
        At most 1, 0 at chance; NaN where no item has two marks, or all marks are equal.

    Raises:
        ValueError: another shape.
    """
    given = np.asarray(marks, dtype=np.float64)
    if given.ndim != 2:
        raise ValueError(f"marks must have shape (judges, items), not {given.shape}")
    known = ~np.isnan(given)
    pairable = known.sum(axis=0) > 1
    given, known = given[:, pairable], known[:, pairable]
    counts = known.sum(axis=0)
    pooled = given[known]
    if not pooled.size or np.ptp(pooled) == 0:
        return math.nan
    # Over ordered pairs of k values, the squared differences sum to 2 k times their spread.
    within = 2 * counts * np.nansum((given - np.nanmean(given, axis=0)) ** 2, axis=0)
    observed = float((within / (counts - 1)).sum()) / len(pooled)
    spread = 2 * len(pooled) * float(((pooled - pooled.mean()) ** 2).sum())
    return 1 - observed / (spread / (len(pooled) * (len(pooled) - 1)))


@dataclass(frozen=True)
class Rectified:
    """A mean with its variance.

    Attributes:
        mean: the estimate.
        variance: of the estimate.
    """

    mean: float
    variance: float

    def interval(self, z: float = 1.959964) -> tuple[float, float]:
        """The normal interval, mean ± z standard errors; 95 % by default."""
        half = z * math.sqrt(self.variance)
        return self.mean - half, self.mean + half


def prediction_powered_mean(
    judged: ArrayLike, judged_audited: ArrayLike, human: ArrayLike
) -> Rectified:
    """The mean human score, from many judged answers and few that humans graded as well.

    mean_N f(X~) - mean_n (f(X) - Y), with variance var(f) / N + var(f - Y) / n (Angelopoulos et al.
    2023, Prediction-powered inference). It is unbiased however bad the judge is; a good one makes
    it narrow.

    Args:
        judged: the judge's scores of answers without a human grade (N,).
        judged_audited: the judge's scores of the answers with one (n,), drawn from the same
            answers at random.
        human: the humans' scores of those (n,).

    Raises:
        ValueError: lengths differ, fewer than 2 of either, or NaN.
    """
    (many,) = vectors(judged=judged)
    audited, truth = vectors(judged_audited=judged_audited, human=human)
    errors: Floats = audited - truth
    if len(many) < 2 or len(errors) < 2:
        raise ValueError("a variance needs 2 judged and 2 audited answers or more")
    variance = float(many.var(ddof=1)) / len(many) + float(errors.var(ddof=1)) / len(errors)
    return Rectified(float(many.mean() - errors.mean()), variance)
