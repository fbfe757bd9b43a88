"""How LLMs are called: one dialect per file or folder, behind ``protocols.Provider``."""

from __future__ import annotations

from pathlib import Path

import msgspec

from routewright.config import ProviderSettings, Secret, Settings
from routewright.errors import ConfigError
from routewright.protocols import Provider

__all__ = ["make_providers"]


def make_providers(settings: Settings) -> dict[str, Provider]:
    """Every configured provider by name; nothing is opened or loaded yet.

    Raises:
        ConfigError: a key that the settings name is not there, or a preset is unknown.
    """
    return {name: _make(name, given, settings) for name, given in settings.providers.items()}


def _make(name: str, given: ProviderSettings, settings: Settings) -> Provider:
    timeout_s = settings.gateway.timeout_s
    folder = Path(settings.folder)
    match given.kind:
        case "local":
            from routewright.providers.local import LocalProvider

            return LocalProvider(name, weights_file=settings.weights_file)
        case "openai":
            return _openai(name, given, timeout_s, folder)
        case "anthropic":
            from routewright.providers import anthropic

            return anthropic.AnthropicProvider(
                name,
                base_url=given.base_url or anthropic.BASE_URL,
                api_key=_key(given, folder, anthropic.API_KEY_ENV),
                timeout_s=timeout_s,
            )
        case "gemini":
            from routewright.providers import gemini

            return gemini.GeminiProvider(
                name,
                base_url=given.base_url or gemini.BASE_URL,
                api_key=_key(given, folder, gemini.API_KEY_ENV),
                timeout_s=timeout_s,
            )
        case "any":
            from routewright.providers.any import AnyProvider

            return AnyProvider(
                name,
                vendor=given.vendor,
                base_url=given.base_url,
                api_key=given.api_key(folder=folder),  # without one, a vendor's SDK looks itself
                timeout_s=timeout_s,
            )


def _openai(name: str, given: ProviderSettings, timeout_s: float, folder: Path) -> Provider:
    from routewright.providers.openai import OpenAIProvider
    from routewright.providers.presets import find_preset

    preset = find_preset(given.preset)
    base_url = given.base_url or preset.base_url
    if not base_url:
        raise ConfigError(f"providers.{name}.base_url must say where your {given.preset} is")
    if given.api_version and not preset.dated_path:
        raise ConfigError(f"providers.{name}.api_version must be left out: it is Azure's")
    return OpenAIProvider(
        name,
        base_url=base_url,
        api_key=_key(given, folder, preset.api_key_env, elsewhere=bool(preset.base_url)),
        timeout_s=timeout_s,
        preset=preset,
        api_version=given.api_version,
    )


def _key(
    given: ProviderSettings, folder: Path, usual_env: str, *, elsewhere: bool = True
) -> Secret:
    """The key that is named, else the one in the vendor's usual variable.

    The usual one goes to the vendor alone: where a base URL of the operator's own means another
    host (``elsewhere``), a key is sent only if one is named for it.
    """
    named = given.api_key_env or given.api_key_file
    if not named and usual_env and not (given.base_url and elsewhere):
        given = msgspec.structs.replace(given, api_key_env=usual_env)
    return given.api_key(folder=folder)
