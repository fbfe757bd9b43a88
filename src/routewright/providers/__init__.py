"""How LLMs are called: one dialect per file, behind ``protocols.Provider``."""

from __future__ import annotations

from routewright.config import Settings
from routewright.protocols import Provider

__all__ = ["make_providers"]


def make_providers(settings: Settings) -> dict[str, Provider]:
    """Every configured provider by name; nothing is opened or loaded yet.

    Raises:
        ConfigError: a key that the settings name is not in the environment.
    """
    from routewright.providers.local import LocalProvider
    from routewright.providers.openai import OpenAIProvider

    made: dict[str, Provider] = {}
    for name, given in settings.providers.items():
        if given.kind == "local":
            made[name] = LocalProvider(name, weights_file=settings.weights_file)
        else:
            made[name] = OpenAIProvider(
                name,
                base_url=given.base_url,
                api_key=given.api_key(),
                timeout_s=settings.gateway.timeout_s,
            )
    return made
