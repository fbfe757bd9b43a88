"""What several workers do each for itself, although the operator may take it for common to all."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from routewright.serve.gateway import Gateway


def unshared(gateway: Gateway) -> list[str]:
    """A sentence for each, with what to do about it; none where one worker runs. Blocking."""
    settings, keyring = gateway.settings.gateway, gateway.keyring
    if settings.workers < 2:
        return []
    told: list[str] = []
    if keyring is not None and not settings.redis:
        if not keyring.known:
            keyring.load()
        terms = [key.terms for key in keyring.all]
        if any(each.requests_per_min or each.tokens_per_min for each in terms):
            told.append(
                f"each of the {settings.workers} workers counts the rates of keys for itself, so "
                f"that a key may ask {settings.workers} times as much; set gateway.redis"
            )
    if settings.cache.exact and not settings.cache.shared:
        told.append(
            f"each of the {settings.workers} workers caches answers for itself; set gateway.redis "
            "and gateway.cache.shared"
        )
    return told
