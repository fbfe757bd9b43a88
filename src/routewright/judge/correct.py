"""What a person's audit says of each model's mean: the judge's bias, and the mean without it.

Only error that differs between models biases a router, so each model is corrected by its own
answers. The uncertainty is that of the audit alone; that other prompts could have been asked is
counted where routers are evaluated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from routewright.errors import DataError
from routewright.judge.run import Key
from routewright.judge.sample import PASS
from routewright.metrics.bootstrap import Estimate
from routewright.metrics.judging import audited_mean, rogan_gladen_interval, student
from routewright.metrics.shapes import Floats

FEWEST = 30
"""Audited answers of a model below which its mean is not corrected (all of them, if it has
fewer): the interval would be wide, and not to be trusted."""


@dataclass(frozen=True)
class ModelAudit:
    """One model's answers as its judge and a person marked them; marks run from 0 to 5.

    Attributes:
        model: whose answers.
        judged: answers that the judge marked.
        audited: those of them that the person marked too.
        judge_mean: the judge's mean mark of all of them.
        bias: the judge's mark minus the person's, mean over the audited; NaN below 2.
        mean: the mean mark the person would give all of them; None where too few are audited.
        shift_error: standard error of ``mean``; None with it.
        passed: share of all of them that the judge passes (a mark of 2.5 or more).
        passes: the share the person would pass (Rogan and Gladen); None with ``mean``, NaN where
            the audited answers cannot tell.
    """

    model: str
    judged: int
    audited: int
    judge_mean: float
    bias: Estimate
    mean: Estimate | None
    shift_error: float | None
    passed: float
    passes: Estimate | None

    @property
    def shift(self) -> float | None:
        """What is added to the judge's mean to give the corrected one."""
        return None if self.mean is None else self.mean.value - self.judge_mean


def audit_models(judged: Mapping[Key, float], human: Mapping[Key, float]) -> list[ModelAudit]:
    """Every model's audit, in the order of their names.

    Args:
        judged: the judge's mark of every answer that it marked.
        human: the person's marks of some of those, drawn as ``sample.audit_order`` draws them.

    Raises:
        DataError: a person's mark of an answer that the judge did not mark.
    """
    stray = next((key for key in human if key not in judged), None)
    if stray is not None:
        raise DataError(f"answer of {stray[1]!r} to {stray[0]!r} was audited but never judged")
    found: list[ModelAudit] = []
    for model in sorted({key[1] for key in judged}):
        every = np.array([mark for key, mark in judged.items() if key[1] == model])
        keys = [key for key in human if key[1] == model]
        own = np.array([judged[key] for key in keys])
        truth = np.array([human[key] for key in keys])
        found.append(_audit(model, every, own, truth))
    return found


def correct(judged: Mapping[Key, float], human: Mapping[Key, float]) -> list[ModelAudit]:
    """``audit_models``, or a refusal where any model's mean can't be corrected.

    All models or none: a table in which some are corrected would compare two scales.

    Raises:
        DataError: the audit of some model is too small; it says how much is missing.
    """
    found = audit_models(judged, human)
    short = [each for each in found if each.mean is None]
    if short:
        told = ", ".join(f"{s.model} has {s.audited} of {min(FEWEST, s.judged)}" for s in short)
        raise DataError(f"the audit is too small to correct anything: {told}; grade more answers")
    return found


def shifted(marks: Sequence[float], mean: float) -> list[float]:
    """The marks, all moved by as much as gives them this mean while they stay from 0 to 5.

    Moving keeps what the judge said of one answer against another. A slope would shrink the
    differences between prompts, which a judge's random errors leave unbiased.

    Raises:
        ValueError: the mean is not from 0 to 5, or there are no marks.
    """
    given: Floats = np.asarray(marks, dtype=np.float64)
    if not given.size or not 0 <= mean <= 5:
        raise ValueError(f"no marks can be moved to a mean of {mean}")
    low, high = -5.0, 5.0
    for _ in range(60):  # the mean grows with the shift: halve until it is met
        middle = (low + high) / 2
        low, high = (middle, high) if np.clip(given + middle, 0, 5).mean() < mean else (low, middle)
    return np.clip(given + (low + high) / 2, 0, 5).tolist()


def _audit(model: str, every: Floats, own: Floats, truth: Floats) -> ModelAudit:
    enough = len(own) >= min(FEWEST, len(every))
    mean, error = _mean(every, own, truth) if enough else (None, None)
    return ModelAudit(
        model=model,
        judged=len(every),
        audited=len(own),
        judge_mean=float(every.mean()),
        bias=_bias(own - truth),
        mean=mean,
        shift_error=error,
        passed=float((every >= PASS).mean()),
        passes=_passes(every, own, truth) if enough else None,
    )


def _bias(errors: Floats) -> Estimate:
    if len(errors) < 2:
        value = float(errors[0]) if len(errors) else math.nan
        return Estimate(value, math.nan, math.nan)
    half = student(len(errors) - 1) * float(errors.std(ddof=1)) / math.sqrt(len(errors))
    return Estimate(float(errors.mean()), float(errors.mean()) - half, float(errors.mean()) + half)


def _mean(every: Floats, own: Floats, truth: Floats) -> tuple[Estimate, float]:
    if len(own) == len(every):
        value = float(truth.mean())
        return Estimate(value, value, value), 0.0
    found = audited_mean(every, own, truth)
    low, high = found.interval(student(len(own) - 2))
    clipped = (min(max(value, 0.0), 5.0) for value in (found.mean, low, high))
    return Estimate(*clipped), math.sqrt(found.variance)


def _passes(every: Floats, own: Floats, truth: Floats) -> Estimate:
    passed, right = own >= PASS, truth >= PASS
    return rogan_gladen_interval(
        int((every >= PASS).sum()),
        len(every),
        (int((passed & right).sum()), int(right.sum())),
        (int((~passed & ~right).sum()), int((~right).sum())),
    )
