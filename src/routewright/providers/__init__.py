"""How LLMs are called: one dialect per file or folder, behind ``protocols.Provider``."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from routewright.config import ProviderSettings, Secret, Settings, Timeouts
from routewright.errors import ConfigError
from routewright.protocols import Provider

__all__ = ["DIALECTS", "account_names", "api_keys", "make_providers", "native_dialects"]

DIALECTS = frozenset({"messages", "responses", "embeddings"})  # beside chat completions


def api_keys(settings: Settings) -> dict[str, Secret]:
    """Every configured provider's key by name; empty where it needs none.

    Raises:
        ConfigError: a key that the settings name is not there, or a preset is unknown.
    """
    folder = Path(settings.folder)
    return {name: _api_key(given, folder) for name, given in settings.providers.items()}


def make_providers(
    settings: Settings, keys: Mapping[str, Secret] | None = None
) -> dict[str, Provider]:
    """Every configured provider by name; nothing is opened or loaded yet.

    Args:
        settings: which providers there are.
        keys: as ``api_keys`` found them on another machine; without them they are looked up here.

    Raises:
        ConfigError: a key that the settings name is not there, or a preset is unknown.
    """
    keys = api_keys(settings) if keys is None else keys
    return {
        name: _make(name, given, settings, keys[name]) for name, given in settings.providers.items()
    }


def native_dialects(given: ProviderSettings) -> frozenset[str]:
    """Which of ``DIALECTS`` a provider takes as they come, beside chat completions.

    Raises:
        ConfigError: its preset is unknown.
    """
    match given.kind:
        case "anthropic":
            return frozenset({"messages"})
        case "openai":
            from routewright.providers.presets import find_preset

            also = {"responses"} if find_preset(given.preset).responses else set[str]()
            return frozenset({"embeddings", *also})
        case _:
            return frozenset()


def account_names(settings: Settings, keys: Mapping[str, Secret]) -> dict[str, str]:
    """Whose limits each provider's calls count against: equal for one place and one key.

    A key stands in it as a fingerprint.
    """
    return {
        name: f"{_place(name, given)}#{_fingerprint(keys[name])}"
        for name, given in settings.providers.items()
    }


def _place(name: str, given: ProviderSettings) -> str:
    match given.kind:
        case "local":
            return name  # each has processes of its own
        case "openai":
            from routewright.providers.presets import find_preset

            return (given.base_url or find_preset(given.preset).base_url).rstrip("/")
        case "any":
            return f"{given.vendor}:{given.base_url}"
        case _:
            return f"{given.kind}:{given.base_url.rstrip('/')}"


def _fingerprint(key: Secret) -> str:
    return hashlib.sha256(key.reveal().encode()).hexdigest()[:12] if key else ""


def _make(name: str, given: ProviderSettings, settings: Settings, api_key: Secret) -> Provider:
    timeouts = settings.gateway.timeouts
    match given.kind:
        case "local":
            from routewright.providers.local import LocalProvider

            return LocalProvider(name, weights_file=settings.weights_file)
        case "openai":
            return _openai(name, given, timeouts, api_key)
        case "anthropic":
            from routewright.providers import anthropic

            return anthropic.AnthropicProvider(
                name,
                base_url=given.base_url or anthropic.BASE_URL,
                api_key=api_key,
                timeouts=timeouts,
            )
        case "gemini":
            from routewright.providers import gemini

            return gemini.GeminiProvider(
                name,
                base_url=given.base_url or gemini.BASE_URL,
                api_key=api_key,
                timeouts=timeouts,
            )
        case "any":
            from routewright.providers.any import AnyProvider

            return AnyProvider(
                name,
                vendor=given.vendor,
                base_url=given.base_url,
                api_key=api_key,
                timeout_s=timeouts.total_s,
            )


def _openai(name: str, given: ProviderSettings, timeouts: Timeouts, api_key: Secret) -> Provider:
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
        api_key=api_key,
        timeouts=timeouts,
        preset=preset,
        api_version=given.api_version,
    )


def _api_key(given: ProviderSettings, folder: Path) -> Secret:
    match given.kind:
        case "local":
            return Secret("")
        case "openai":
            from routewright.providers.presets import find_preset

            preset = find_preset(given.preset)
            return _key(given, folder, preset.api_key_env, elsewhere=bool(preset.base_url))
        case "anthropic":
            from routewright.providers import anthropic

            return _key(given, folder, anthropic.API_KEY_ENV)
        case "gemini":
            from routewright.providers import gemini

            return _key(given, folder, gemini.API_KEY_ENV)
        case "any":
            return given.api_key(folder=folder)  # without one, a vendor's SDK looks itself


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
