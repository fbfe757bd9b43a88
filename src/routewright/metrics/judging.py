"""How far judges can be trusted, and what the truth is behind an imperfect judge's figures."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from routewright.metrics.bootstrap import Draws, Estimate
from routewright.metrics.shapes import Floats, matrices, vectors

Z = 1.959964  # of a 95 % interval


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


def rogan_gladen_interval(
    passed: int, judged: int, right: tuple[int, int], wrong: tuple[int, int]
) -> Estimate:
    """``rogan_gladen`` with the 95 % interval of Lang and Reiczigel (2014).

    It counts the error of the judge's rates as well as that of the observed share, each smoothed,
    which is what keeps the coverage where few answers were audited.

    Args:
        passed: answers that the judge passes.
        judged: answers that it judged.
        right: of the answers that are right, how many the judge passes, and how many there are.
        wrong: of the answers that are wrong, how many the judge fails, and how many there are.

    Returns:
        Shares in [0, 1]; NaN where the judge is no better than chance, or there is no right or no
        wrong answer to learn its rates from.
    """
    if not judged or not right[1] or not wrong[1]:
        return Estimate(math.nan, math.nan, math.nan)
    value = rogan_gladen(passed / judged, right[0] / right[1], wrong[0] / wrong[1])
    n, n_right, n_wrong = judged + Z**2, right[1] + 2, wrong[1] + 2
    observed = (passed + Z**2 / 2) / n
    sensitivity, specificity = (right[0] + 1) / n_right, (wrong[0] + 1) / n_wrong
    skill = sensitivity + specificity - 1
    if math.isnan(value) or not skill > 0:
        return Estimate(math.nan, math.nan, math.nan)
    share = min(max((observed + specificity - 1) / skill, 0.0), 1.0)
    miss = sensitivity * (1 - sensitivity) / n_right
    false_pass = specificity * (1 - specificity) / n_wrong
    centre = share + 2 * Z**2 * (share * miss - (1 - share) * false_pass)
    variance = observed * (1 - observed) / n + share**2 * miss + (1 - share) ** 2 * false_pass
    half = Z * math.sqrt(variance) / skill
    return Estimate(value, max(centre - half, 0.0), min(centre + half, 1.0))


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


def kappa_interval(
    table_of: ArrayLike, draws: Draws, *, marks: int = 6, quadratic: bool = True
) -> Estimate:
    """Cohen's kappa with its bootstrap interval, groups of answers drawn together.

    Args:
        table_of: the two judges' marks of each answer, whole numbers below ``marks`` (n, 2).
        draws: replicates over the answers' groups.
        marks: K, the number of marks there are.
        quadratic: as for ``cohen_kappa``.

    Raises:
        ValueError: another shape, or a mark off the scale.
    """
    given = np.asarray(table_of)
    if given.ndim != 2 or given.shape[1] != 2 or not np.issubdtype(given.dtype, np.integer):
        raise ValueError(f"marks must be whole numbers (n, 2), not {given.dtype} {given.shape}")
    if given.size and (given.min() < 0 or given.max() >= marks):
        raise ValueError(f"marks must lie between 0 and {marks - 1}")
    cells = np.zeros((len(given), marks * marks))
    cells[np.arange(len(given)), given[:, 0] * marks + given[:, 1]] = 1.0
    tables = np.concatenate([weights @ cells for weights in draws.weights()])
    kappas = [cohen_kappa(t.reshape(marks, marks), quadratic=quadratic) for t in tables]
    return Estimate.of(np.array(kappas))


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

    def interval(self, z: float = Z) -> tuple[float, float]:
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


def audited_mean(judged: ArrayLike, judged_audited: ArrayLike, human: ArrayLike) -> Rectified:
    """The mean mark that a human would give these judged answers, after grading some of them.

    mean_n Y + λ (mean_N f - mean_n f), with variance (1/n - 1/N) var(Y - λ f): the survey
    sampler's regression estimator (Cochran 1977, ch. 7), which is prediction-powered inference with
    its power tuned (Angelopoulos, Duchi and Zrnic 2023) for a population that is at hand in full. λ
    is the slope of human on judge, kept in [0, 1], so a judge that says nothing costs nothing. The
    variance is that of the audit alone: which prompts were asked is the business of a bootstrap.

    Args:
        judged: the judge's marks of all answers, the audited ones included (N,).
        judged_audited: the judge's marks of the audited answers, each as likely as any other (n,).
        human: the human's marks of those (n,).

    Raises:
        ValueError: lengths differ, fewer than 3 audited, more audited than judged, or NaN.
    """
    (every,) = vectors(judged=judged)
    audited, truth = vectors(judged_audited=judged_audited, human=human)
    n = len(truth)
    if n < 3 or n > len(every):
        raise ValueError(f"needs 3 audited answers or more, and all among the judged: {n}")
    spread = float(audited.var())
    slope = float(((audited - audited.mean()) * (truth - truth.mean())).mean())
    power = min(max(slope / spread, 0.0), 1.0) if spread > 0 else 0.0
    mean = float(truth.mean()) + power * float(every.mean() - audited.mean())
    residuals: Floats = truth - power * audited
    variance = float(residuals.var()) * n / (n - 2) * (1 / n - 1 / len(every))
    return Rectified(mean, max(variance, 0.0))


def student(freedom: int) -> float:
    """The 97.5 % quantile of Student's t, to three digits from 5 degrees of freedom on.

    The first terms of its expansion about the normal one (Abramowitz and Stegun 26.7.5).
    """
    first = (Z**3 + Z) / 4
    second = (5 * Z**5 + 16 * Z**3 + 3 * Z) / 96
    third = (3 * Z**7 + 19 * Z**5 + 17 * Z**3 - 15 * Z) / 384
    return Z + first / freedom + second / freedom**2 + third / freedom**3
