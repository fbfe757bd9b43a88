"""The promises that a router keeps, one ``check_*`` each: fitting, predicting, saving."""

from __future__ import annotations

from collections.abc import Callable

from routewright.routers.checks import fitting, predicting, saving
from routewright.routers.checks.subject import STRANGE_TEXTS, Maker, Subject, sample_data

__all__ = ["CHECKS", "STRANGE_TEXTS", "Check", "Maker", "Subject", "sample_data"]

Check = Callable[[Subject], None]

CHECKS: tuple[Check, ...] = (*fitting.CHECKS, *predicting.CHECKS, *saving.CHECKS)
