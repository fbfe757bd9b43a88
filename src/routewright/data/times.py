"""When a prompt was asked, read from what tables hold."""

from __future__ import annotations

from datetime import UTC, datetime

from routewright.data.wording import shown
from routewright.errors import DataError

_LATEST_S = 1e11  # the year 5138; larger numbers count something else than seconds


def iso_time(value: str) -> str:
    """A time in ISO 8601; empty where the value is empty.

    Read are ISO 8601, which stays as it is given (with a T before the time of day), and seconds
    since 1970 (UTC).

    Raises:
        DataError: neither.
    """
    text = value.strip()
    if not text:
        return ""
    try:
        datetime.fromisoformat(text)
    except ValueError:
        pass
    else:
        return text.replace(" ", "T")
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < _LATEST_S:
        raise DataError(f"time is {shown(value)}; give ISO 8601, such as 2025-01-31T12:00:00Z")
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def moment(time: str) -> datetime:
    """The instant of a time in ISO 8601; one without a zone counts as UTC.

    Raises:
        DataError: not ISO 8601.
    """
    try:
        known = datetime.fromisoformat(time)
    except ValueError:
        raise DataError(
            f"time is {shown(time)}; give ISO 8601, such as 2025-01-31T12:00:00Z"
        ) from None
    return known if known.tzinfo else known.replace(tzinfo=UTC)
