"""The gateway: a decision and a relay behind an OpenAI-compatible endpoint."""
