"""The Anthropic Messages dialect."""

from __future__ import annotations

from routewright.providers.anthropic.provider import API_KEY_ENV, BASE_URL, AnthropicProvider

__all__ = ["API_KEY_ENV", "BASE_URL", "AnthropicProvider"]
