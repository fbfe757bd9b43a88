"""How large a share may be of which some cases were counted."""

from __future__ import annotations

from typing import Any

from routewright.errors import require


def most_likely_share(count: int, of: int, confidence: float = 0.95) -> float:
    """The one-sided upper bound of Clopper and Pearson (1934) on a share; 1 without any case.

    Args:
        count: cases that were seen, 0 to ``of``.
        of: independent cases that were looked at.
        confidence: that the true share is not above the bound, between 0 and 1.

    Raises:
        ValueError: the count is not among the cases, or the confidence out of range.
        MissingExtraError: scipy isn't installed.
    """
    if not 0 <= count <= of or not 0 < confidence < 1:
        raise ValueError(f"{count} of {of} at a confidence of {confidence}")
    if count == of:
        return 1.0
    beta: Any = require("scipy.stats", "train").beta
    return float(beta.ppf(confidence, count + 1, of - count))
