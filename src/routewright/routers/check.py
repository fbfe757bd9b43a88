"""The executable contract of a router.

    from routewright.routers import check_router
    check_router("stack")          # or a class, or a function that makes a fresh router

Every ``check_*`` in ``routers.checks`` is one promise, which its docstring says; it takes a
``Subject`` and raises AssertionError. Whoever writes a router runs them all before anybody
trusts it.
"""

from __future__ import annotations

from collections.abc import Sequence

from routewright.routers import kind
from routewright.routers.checks import CHECKS, STRANGE_TEXTS, Check, Maker, Subject, sample_data

__all__ = ["CHECKS", "STRANGE_TEXTS", "Subject", "check_router", "sample_data"]


def check_router(router: str | Maker | Subject, checks: Sequence[Check] = CHECKS) -> None:
    """Run the contract on a router: its registered name, its class, or a maker of it.

    Args:
        router: what to check. A ``Subject`` keeps what it has fitted for the next call.
        checks: the promises to look at.

    Raises:
        AssertionError: the name of the check that failed, its promise, and why.
    """
    made = kind(router) if isinstance(router, str) else router
    subject = made if isinstance(made, Subject) else Subject(made)
    for check in checks:
        try:
            check(subject)
        except Exception as error:
            promise = (check.__doc__ or "").strip().partition("\n")[0]
            raise AssertionError(f"{check.__name__} ({promise}): {error!r}") from error
