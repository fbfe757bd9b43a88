"""How long an endpoint asks to be left alone: one reading of its headers for all that call one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def retry_after_s(headers: Mapping[str, str], *, now: datetime | None = None) -> float | None:
    """Seconds to wait: ``retry-after-ms``, or ``retry-after`` in seconds or as an HTTP date.

    A date that has passed means 0; what is neither means nothing was asked for.
    """
    given = {key.lower(): value.strip() for key, value in headers.items()}
    milliseconds = _seconds(given.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    text = given.get("retry-after", "")
    seconds = _seconds(text)
    if seconds is not None or not text:
        return seconds
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)  # "-0000": UTC whose zone is not known
    return max((at - (now or datetime.now(UTC))).total_seconds(), 0.0)


def _seconds(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None
