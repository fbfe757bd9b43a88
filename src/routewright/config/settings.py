"""The whole configuration: read from its file, and laid over by the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Literal

import msgspec

from routewright.catalog import known_models
from routewright.config.gateway import GatewaySettings, StateSettings
from routewright.config.secret import Secret
from routewright.errors import ConfigError
from routewright.types import Model, Price


class ProviderSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way of calling LLMs; docs/providers.md describes each kind.

    ``preset`` names an OpenAI-compatible endpoint that is known, ``vendor`` a provider of the
    multi-provider library behind kind ``any``; ``api_version`` is Azure's. ``max_concurrency``
    bounds how many calls are made at once: without it collection makes 8, the gateway as many as
    are asked for. ``cache_ttl_s`` is how
    long it keeps the prefix of a prompt in its cache after the last use, and ``cache_prefix`` lets
    the gateway mark prefixes to keep, where the dialect has marks: only Anthropic's has.
    """

    kind: Literal["local", "openai", "anthropic", "gemini", "any"]
    base_url: str = ""
    preset: str = ""
    vendor: str = ""
    api_version: str = ""
    api_key_env: str = ""
    api_key_file: str = ""
    max_concurrency: int | None = None
    cache_ttl_s: float = 300.0
    cache_prefix: bool = False

    def trouble(self) -> str:
        """What is wrong with these settings, as ``field must …``; "" where nothing is."""
        for field, kind in (("preset", "openai"), ("api_version", "openai"), ("vendor", "any")):
            if getattr(self, field) and self.kind != kind:
                return f'{field} must be left out: it belongs to kind = "{kind}"'
        if self.cache_prefix and self.kind != "anthropic":
            return 'cache_prefix must be left out: only kind = "anthropic" has marks'
        if self.max_concurrency is not None and self.max_concurrency < 1:
            return "max_concurrency must be 1 or more"
        if self.kind == "any" and not self.vendor:
            return "vendor must name one, such as bedrock or cohere"
        if self.api_key_env and self.api_key_file:
            return "api_key_file must be left out where api_key_env is given"
        needed = self.kind == "openai" and not self.preset
        if (needed or self.base_url) and not self.base_url.startswith(("http://", "https://")):
            return "base_url must be an http(s) URL"
        return ""

    def api_key(self, env: Mapping[str, str] | None = None, folder: Path = Path()) -> Secret:
        """The key from the variable or the file that is named; empty if neither is.

        Raises:
            ConfigError: it is named but not there, or nothing that a header can carry.
        """
        if self.api_key_file:
            path = folder / Path(self.api_key_file).expanduser()
            try:
                value = path.read_text("utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigError(
                    f"api_key_file {path} cannot be read; put the key alone into it"
                ) from error
            source = f"api_key_file {path}"
        elif self.api_key_env:
            value = (os.environ if env is None else env).get(self.api_key_env, "").strip()
            source = f"environment variable {self.api_key_env}"
            if not value:
                raise ConfigError(f"{source} is not set; export it")
        else:
            return Secret("")
        if not value or not value.isascii() or not value.isprintable():
            raise ConfigError(f"{source} holds no key: one line of plain characters is needed")
        return Secret(value)


class ModelSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the configuration adds to, or says instead of, the catalogue."""

    provider: str = ""
    upstream_name: str = ""
    context_window: int | None = None
    capabilities: tuple[str, ...] | None = None
    input_usd_per_mtok: float | None = None
    output_usd_per_mtok: float | None = None
    cached_input_usd_per_mtok: float | None = None
    cache_write_usd_per_mtok: float | None = None
    usd_per_cpu_hour: float | None = None
    weights_file: str = ""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole configuration; relative paths are relative to ``folder``."""

    gateway: GatewaySettings = GatewaySettings()
    providers: dict[str, ProviderSettings] = msgspec.field(
        default_factory=lambda: {"local": ProviderSettings(kind="local")}
    )
    models: dict[str, ModelSettings] = msgspec.field(default_factory=dict[str, ModelSettings])
    folder: str = "."

    def path(self, given: str) -> Path:
        """A path from the file, resolved against the file's folder."""
        return Path(self.folder, Path(given).expanduser())

    def pool(self) -> tuple[Model, ...]:
        """The candidate models in the order of the file.

        Raises:
            ConfigError: a model without provider, or with one that is not configured.
        """
        return tuple(self._model(name, given) for name, given in self.models.items())

    def weights_file(self, name: str) -> Path | None:
        """The weight file configured for a model, if one is."""
        given = self.models.get(name, ModelSettings()).weights_file
        return self.path(given) if given else None

    def _model(self, name: str, given: ModelSettings) -> Model:
        known = known_models().get(name)
        provider = given.provider or (known.provider if known else "")
        if provider not in self.providers:
            offered = ", ".join(self.providers) or "none"
            raise ConfigError(
                f'models."{name}": provider {provider!r} is not configured (configured: '
                f"{offered}); set provider, and add [providers.NAME] for it"
            )
        model = known or Model(name=name, provider=provider)
        changes: dict[str, object] = {"provider": provider}
        for field in ("upstream_name", "context_window", "capabilities"):
            value = getattr(given, field)
            if value:
                changes[field] = value
        price = _price(given)
        if price is not None:
            changes["prices"] = (*model.prices, price)
        return msgspec.structs.replace(model, **changes)


def _price(given: ModelSettings) -> Price | None:
    rates = {
        field: value
        for field in (
            "input_usd_per_mtok",
            "output_usd_per_mtok",
            "cached_input_usd_per_mtok",
            "cache_write_usd_per_mtok",
            "usd_per_cpu_hour",
        )
        if (value := getattr(given, field)) is not None
    }
    if not rates:
        return None
    # The operator's own price is always the one in force: no catalogue date lies beyond it.
    return Price(valid_from=date.max.isoformat(), source="routewright.toml", **rates)


def load_settings(path: str | Path | None, env: Mapping[str, str] | None = None) -> Settings:
    """Read routewright.toml and let the environment override its gateway section.

    Raises:
        ConfigError: no such file, not TOML, or a field that is unknown or of the wrong type.
    """
    env = os.environ if env is None else env
    settings = Settings() if path is None else _read(Path(path))
    changes: dict[str, object] = {}
    for field in ("host", "port", "artefact", "worth_usd", "default_model"):
        text = env.get(f"ROUTEWRIGHT_{field.upper()}")
        if text is not None:
            kind = {"port": int, "worth_usd": float}.get(field, str)
            try:
                changes[field] = kind(text)
            except ValueError as error:
                raise ConfigError(
                    f"ROUTEWRIGHT_{field.upper()}={text!r} is not a number"
                ) from error
    if redis := env.get("ROUTEWRIGHT_REDIS_URL"):
        changes["redis"] = Secret(redis)
    if url := env.get("ROUTEWRIGHT_STATE_URL"):
        given = settings.gateway.state or StateSettings()
        changes["state"] = msgspec.structs.replace(given, url=Secret(url))
    gateway = msgspec.structs.replace(settings.gateway, **changes)
    if gateway.worth_usd is not None and not gateway.worth_usd >= 0:
        raise ConfigError(f"gateway.worth_usd must be 0 or more, not {gateway.worth_usd}")
    return msgspec.structs.replace(settings, gateway=gateway)


def _secret(kind: type, value: object) -> Secret:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise NotImplementedError(f"{kind.__name__} from {type(value).__name__}")


def _read(path: Path) -> Settings:
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}); write it or pass --config"
        ) from error
    try:
        settings = msgspec.toml.decode(text, type=Settings, dec_hook=_secret)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error
    for field in ("max_in_flight", "workers"):
        if getattr(settings.gateway, field) < 1:
            raise ConfigError(f"{path}: gateway.{field} must be 1 or more")
    gateway = settings.gateway
    parts = {
        "content": gateway.content,
        "timeouts": gateway.timeouts,
        "cache": gateway.cache,
        "otel": gateway.otel,
    }
    for part, given in parts.items():
        if trouble := given.trouble():
            raise ConfigError(f"{path}: gateway.{part}.{trouble}")
    for name, provider in settings.providers.items():
        if trouble := provider.trouble():
            raise ConfigError(f"{path}: providers.{name}.{trouble}")
    return msgspec.structs.replace(settings, folder=str(path.parent))
