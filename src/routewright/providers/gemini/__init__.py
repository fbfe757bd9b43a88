"""The Gemini dialect: generateContent and its stream."""

from __future__ import annotations

from routewright.providers.gemini.provider import API_KEY_ENV, BASE_URL, GeminiProvider

__all__ = ["API_KEY_ENV", "BASE_URL", "GeminiProvider"]
