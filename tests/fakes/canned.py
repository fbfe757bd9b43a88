"""A completion as a provider gives it, made up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from routewright.types import Usage


@dataclass(frozen=True)
class Canned:
    """What came back: ``told`` is the usage on the wire, ``usage`` what the provider made of it."""

    text: str = "fine"
    told: Any = None
    usage: Usage = field(default_factory=Usage)
    cost_usd: float = 0.0
    finish_reason: str = "stop"
    refused: bool = False
    latency_s: float = 0.1
    first_token_s: float | None = None

    @property
    def body(self) -> dict[str, Any]:
        return {"object": "chat.completion", "usage": self.told}
