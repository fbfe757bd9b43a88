"""What an API key is and allows. The keys themselves are nowhere: only their digests are kept.

A key is 32 random bytes, shown once. What is kept is its SHA-256: a slow hash guards passwords,
which can be guessed, while nobody tries 2**256 keys; and a slow hash on every request would let
anybody keep the gateway busy.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from routewright.types import PolicySettings


class Terms(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a key allows; None is no limit.

    Budgets are in US dollars a day, a month (both in UTC) and for good. ``policy`` lies over the
    configuration's and under the request's. ``models`` are those the key may be answered by.
    """

    day_usd: float | None = None
    month_usd: float | None = None
    total_usd: float | None = None
    requests_per_min: int | None = None
    tokens_per_min: int | None = None
    models: tuple[str, ...] | None = None
    policy: PolicySettings = PolicySettings()

    @property
    def budgeted(self) -> bool:
        """Whether any budget is set."""
        return (self.day_usd, self.month_usd, self.total_usd) != (None, None, None)

    @property
    def counted(self) -> bool:
        """Whether what is asked with it has to be counted."""
        return self.budgeted or (self.requests_per_min, self.tokens_per_min) != (None, None)

    def trouble(self) -> str:
        """What cannot be, as ``field must …``; "" if nothing."""
        for field in ("day_usd", "month_usd", "total_usd"):
            value = getattr(self, field)
            if value is not None and not 0 <= value <= 1e9:
                return f"{field} must be from 0 to 1e9 US dollars"
        for field in ("requests_per_min", "tokens_per_min"):
            value = getattr(self, field)
            if value is not None and not 1 <= value <= 10**12:
                return f"{field} must be a whole number of 1 or more"
        field, wrong = self.policy.trouble()
        return f"policy.{field} {wrong}" if wrong else ""


class ApiKey(msgspec.Struct, frozen=True):
    """One key as it is kept. Times are in Unix seconds; a key is never deleted, only revoked."""

    id: str
    name: str
    prefix: str
    digest: str
    created: float
    terms: Terms
    expires: float | None = None
    revoked: float | None = None

    def state(self, now: float) -> str:
        """``active``, ``revoked`` or ``expired``."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and self.expires <= now else "active"

    def told(self, now: float) -> dict[str, Any]:
        """What may be shown of it: neither the key nor its digest."""
        return {
            "id": self.id,
            "name": self.name,
            "prefix": self.prefix,
            "state": self.state(now),
            "created": self.created,
            "expires": self.expires,
            "revoked": self.revoked,
            **msgspec.to_builtins(self.terms),
        }


def digest_of(key: str | bytes) -> str:
    """What a key is looked up by."""
    raw = key.encode("utf-8", "surrogateescape") if isinstance(key, str) else key
    return hashlib.sha256(raw).hexdigest()
