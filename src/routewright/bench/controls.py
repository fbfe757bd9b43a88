"""The control that learned from shuffled outcomes: what it shows, and how much of that is luck.

What a router learns from noise is a line through the prompts that means nothing, yet by luck it
runs along one that does, such as their length: half of all shuffles come out above zero, and many
test prompts only make that surer. So it is the shuffles that are the sample here. The interval
holds their spread beside that of the prompts; of other policies' intervals the fits are no part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import nan, sqrt

import numpy as np
from numpy.typing import NDArray

from routewright.bench.plan import SHUFFLED
from routewright.bench.results import Standing
from routewright.bench.section import Folds, standing
from routewright.evaluation.checks.controls import NOTHING
from routewright.evaluation.results import Kind
from routewright.metrics.bootstrap import Estimate
from routewright.metrics.significance import bootstrap_p

Floats = NDArray[np.float64]


LEVEL = 0.05


def alarms(control: Standing) -> bool:
    """Whether a control is above zero by more than rounding, after Holm over all controls.

    A run of many sections has many controls, and by luck one in forty has an interval above 0.
    """
    sure = control.minus_zero.above_zero if control.p_holm is None else control.p_holm <= LEVEL
    return control.kind == "control" and sure and control.minus_zero.value > NOTHING


def is_shuffled(key: tuple[Kind, str]) -> bool:
    """Whether a policy is one of the shuffles."""
    return key[0] == "control" and key[1].startswith(SHUFFLED)


def shuffled(folds: Folds) -> Standing | None:
    """The standing of all shuffles as one; None where every fit of them failed.

    The difference to zero is that of all of them, other figures are the first one's.
    """
    keys = [key for key in folds.seen[0].policies if is_shuffled(key)]
    if not keys:
        return None
    measured = [seen.measured for key in keys for seen in folds.of(key)]
    first = standing(folds, keys[0], claimed=False)
    gains = [each.minus_zero for each in measured]
    drawn = with_luck(gains)
    return replace(
        first,
        name=SHUFFLED,
        minus_zero=Estimate.of(drawn),
        minus_zero_sd=float(np.std([each[0] for each in gains], ddof=1)) if len(gains) > 1 else nan,
        p_value=bootstrap_p(drawn) if len(gains) > 1 else None,
    )


def with_luck(draws: Sequence[Floats]) -> Floats:
    """Mean of k fits' draws (1 + B,), the replicates spread by the luck of the fits as well.

    Student's t with k - 1 degrees of freedom stands for the mean of more fits like these. Of one
    fit nothing can be told: then all replicates are NaN.
    """
    stacked = np.stack(draws)
    mean, k = stacked.mean(axis=0), len(stacked)
    if k < 2:
        return np.concatenate([mean[:1], np.full(len(mean) - 1, nan)])
    luck = np.random.default_rng(k).standard_t(k - 1, size=len(mean) - 1)
    mean[1:] += luck * stacked[:, 0].std(ddof=1) / sqrt(k)
    return mean
