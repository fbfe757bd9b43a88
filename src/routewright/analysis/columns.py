"""Analyses as numbers, for routers that learn from them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from routewright.analysis.words import DOMAINS, NEEDS, TASKS
from routewright.types import Analysis

COLUMNS = (
    *(f"task {name}" for name in TASKS),
    *(f"domain {name}" for name in DOMAINS),
    *(f"needs {name}" for name in NEEDS),
    "not English",
    "difficulty",  # 0.5 where nobody tells
    "log_expected_tokens",  # 0 where nobody tells
)
"""Names of the columns, in order; all but the last two are 0 or 1."""


def columns(analyses: Sequence[Analysis]) -> NDArray[np.float64]:
    """What each analysis says, as numbers (n, ``len(COLUMNS)``)."""
    rows = [
        [
            *(float(a.task == name) for name in TASKS),
            *(float(a.domain == name) for name in DOMAINS),
            *(float(name in a.needs) for name in NEEDS),
            float(a.language not in ("en", "und")),
            0.5 if a.difficulty is None else a.difficulty,
            math.log1p(a.expected_tokens or 0.0),
        ]
        for a in analyses
    ]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(COLUMNS))
