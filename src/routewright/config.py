"""routewright.toml → typed settings. File < environment < flags; secrets never print.

    [gateway]
    artefact = "runs/demo/router"       # a trained router; without one, default_model answers
    worth_usd = 0.02                    # dollars for one whole unit of score

    [gateway.profiles.careful]          # the model name "auto:careful"
    quality = 0.98

    [gateway.aliases]
    gpt-4o = "auto:careful"             # other words for a model or a profile

    [[gateway.rules]]                   # what no score may overrule
    when = { domain = "law" }
    never = ["acme-large"]

    [providers.local]
    kind = "local"                      # llama.cpp on this machine

    [providers.acme]
    kind = "openai"                     # any OpenAI-compatible base URL
    base_url = "https://llm.example/v1"
    api_key_env = "ACME_API_KEY"        # or api_key_file = "secrets/acme"

    [providers.groq]
    kind = "openai"
    preset = "groq"                     # an endpoint that is known: docs/providers.md lists them

    [models."qwen2.5-coder-0.5b-instruct"]   # known to the catalogue: nothing to add

    [models.acme-large]
    provider = "acme"
    input_usd_per_mtok = 2.5
    output_usd_per_mtok = 10.0

Environment variables ROUTEWRIGHT_HOST, ROUTEWRIGHT_PORT, ROUTEWRIGHT_ARTEFACT,
ROUTEWRIGHT_WORTH_USD and ROUTEWRIGHT_DEFAULT_MODEL override the gateway's settings, and
ROUTEWRIGHT_STATE_URL the database of its state, which may hold a password.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Literal

import msgspec

from routewright.catalog import known_models
from routewright.errors import ConfigError
from routewright.redaction import remember
from routewright.types import Model, PolicySettings, Price


class Secret:
    """A string that prints as ``***``; ``reveal`` is the one way to its content.

    Where it turns up in a log line or an error's text nevertheless, it is masked there.
    """

    def __init__(self, value: str) -> None:
        self._value = value
        remember(value)

    def reveal(self) -> str:
        """The secret itself, for the one header that needs it."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "***"


Words = str | tuple[str, ...]
"""One word, or several of which any may match."""


class When(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a rule asks of a prompt: all that is given must hold.

    ``contains`` is looked for in the whole conversation, in any case; ``min_chars`` and
    ``max_chars`` count the conversation's characters; difficulty goes from 0 to 1.
    """

    task: Words = ()
    domain: Words = ()
    language: Words = ()
    needs: Words = ()
    contains: Words = ()
    min_chars: int | None = None
    max_chars: int | None = None
    min_difficulty: float | None = None
    max_difficulty: float | None = None


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the operator decides: ``never`` these models, ``only`` these, or ``use`` this one.

    A model to ``use`` is asked before all others that may answer, which remain its fallbacks.
    """

    when: When
    never: Words = ()
    only: Words = ()
    use: str = ""


class AnalyserSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A small LLM of the pool that analyses each prompt before it is routed; it sees them all."""

    model: str
    timeout_s: float = 5.0


class Timeouts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long an upstream may take in each phase, in seconds; each ends the call it bounds.

    ``connect_s`` bounds opening a connection; ``first_byte_s`` the wait for a stream's headers and
    its first event; ``idle_s`` the silence between two pieces of a stream. A whole answer says
    nothing until it is done, so that only ``total_s`` bounds it, which counts from the client's
    request across all fallbacks.
    """

    connect_s: float = 2.0
    first_byte_s: float = 60.0
    idle_s: float = 60.0
    total_s: float = 600.0

    def trouble(self) -> str:
        """What is wrong with these settings, as ``field must …``; "" where nothing is."""
        for field in self.__struct_fields__:
            if not 0 < getattr(self, field) < float("inf"):
                return f"{field} must be a number of seconds above 0"
        return ""


class StateSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where decisions, outcomes and feedback are kept; docs/state.md describes it.

    ``url`` is a database: SQLite or PostgreSQL. ``spool`` is a folder on this host that rows are
    in until the database has them; workers of one host share it.
    """

    url: Secret = Secret("sqlite:///routewright.db")
    spool: str = "routewright-spool"


class ContentSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether prompts and answers are kept, for how many days, and how much of them at most.

    The gateway does not keep them yet: ``log`` is refused rather than quietly without effect.
    """

    log: bool = False
    days: float = 30.0
    max_mb: float = 500.0

    def trouble(self) -> str:
        """What is wrong with these settings, as ``field must …``; "" where nothing is."""
        return "log must be left out: nothing keeps them yet" if self.log else ""


class LogSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is written to standard error: from which level on, as text or JSON.

    ``access`` adds one line for each request, without any word of it.
    """

    level: Literal["debug", "info", "warning", "error"] = "warning"
    format: Literal["text", "json"] = "text"
    access: bool = False


class OtelSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where traces and metrics are sent over OTLP/HTTP; without ``endpoint`` nowhere.

    ``content`` sends the prompts too. Headers, sampling and the service's name come from the
    variables that OpenTelemetry defines, such as OTEL_EXPORTER_OTLP_HEADERS.
    """

    endpoint: str = ""
    content: bool = False
    metrics_every_s: float = 60.0

    def trouble(self) -> str:
        """What is wrong with these settings, as ``field must …``; "" where nothing is."""
        if self.endpoint and not self.endpoint.startswith(("http://", "https://")):
            return "endpoint must be an http(s) URL, such as http://127.0.0.1:4318"
        if not 0 < self.metrics_every_s < float("inf"):
            return "metrics_every_s must be a number of seconds above 0"
        return ""


class CacheSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether answers are given again to the same request of the same key, from memory.

    ``exact`` turns it on for requests that ask for the one likeliest answer (temperature 0),
    ``all`` for every request. ``max_mb`` bounds what a worker keeps, ``ttl_s`` for how long.
    """

    exact: bool = False
    all: bool = False
    max_mb: float = 64.0
    ttl_s: float = 3600.0

    def trouble(self) -> str:
        """What is wrong with these settings, as ``field must …``; "" where nothing is."""
        for field in ("max_mb", "ttl_s"):
            if not 0 < getattr(self, field) < float("inf"):
                return f"{field} must be a number above 0"
        if self.all and not self.exact:
            return "exact must be true where all is: it turns the cache on"
        return ""


class GatewaySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The HTTP server. ``worth_usd`` unset means what the artefact recommends.

    ``policy`` is ``utility``, ``satisfice`` (the cheapest model whose expected score reaches
    ``threshold``, one for all or one a model) or ``quality`` (the cheapest that is expected to
    reach that share of the best). ``max_usd`` is a ceiling on what one answer may be expected to
    cost. ``profiles`` are policies that a request can ask for as ``auto:NAME``, ``aliases`` other
    words for models and profiles. ``sticky`` reckons with the prompt cache that a conversation
    has at its model's provider, and keeps tool calls and their results together. Without
    ``analyser`` prompts are analysed by the router, or by built-in word lists, where a rule needs
    it. ``decisions`` names the journal that decision rows are appended to instead of ``state``,
    the database; without either the in-process client keeps nothing, and the server a SQLite file
    beside the configuration. ``max_in_flight`` bounds the requests that a worker takes on at once;
    ``workers`` processes share the port. ``auth`` says who may ask: with ``auto``
    whoever has a key as soon as one was made, with ``keys`` nobody else from the start, with
    ``open`` everybody.
    ``admin_key_file`` holds the operator's key, unless ROUTEWRIGHT_ADMIN_KEY does.
    ``allowed_hosts`` are the names that requests may give as their host.
    ``redis`` is a URL under which rates are counted for all workers and hosts.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    artefact: str = ""
    worth_usd: float | None = None
    policy: Literal["utility", "satisfice", "quality"] = "utility"
    threshold: float | dict[str, float] = 0.7
    quality: float = 0.95
    max_usd: float | None = None
    profiles: dict[str, PolicySettings] = msgspec.field(default_factory=dict[str, PolicySettings])
    aliases: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    sticky: bool = True
    rules: tuple[Rule, ...] = ()
    analyser: AnalyserSettings | None = None
    default_model: str = ""
    decisions: str = ""
    state: StateSettings | None = None
    content: ContentSettings = ContentSettings()
    max_body_bytes: int = 8 * 1024 * 1024
    timeouts: Timeouts = Timeouts()
    cache: CacheSettings = CacheSettings()
    log: LogSettings = LogSettings()
    otel: OtelSettings = OtelSettings()
    max_in_flight: int = 1024
    workers: int = 1
    auth: Literal["auto", "keys", "open"] = "auto"
    admin_key_file: str = ""
    allowed_hosts: tuple[str, ...] = ()
    redis: Secret = Secret("")

    def choice(self) -> PolicySettings:
        """The policy of every request that says nothing else."""
        return PolicySettings(
            worth_usd=self.worth_usd if self.policy == "utility" else None,
            threshold=self.threshold if self.policy == "satisfice" else None,
            quality=self.quality if self.policy == "quality" else None,
            max_usd=self.max_usd,
        )


class ProviderSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way of calling LLMs; docs/providers.md describes each kind.

    ``preset`` names an OpenAI-compatible endpoint that is known, ``vendor`` a provider of the
    multi-provider library behind kind ``any``; ``api_version`` is Azure's. ``cache_ttl_s`` is how
    long it keeps the prefix of a prompt in its cache after the last use.
    """

    kind: Literal["local", "openai", "anthropic", "gemini", "any"]
    base_url: str = ""
    preset: str = ""
    vendor: str = ""
    api_version: str = ""
    api_key_env: str = ""
    api_key_file: str = ""
    max_concurrency: int = 8
    cache_ttl_s: float = 300.0

    def trouble(self) -> str:
        """What is wrong with these settings, as ``field must …``; "" where nothing is."""
        for field, kind in (("preset", "openai"), ("api_version", "openai"), ("vendor", "any")):
            if getattr(self, field) and self.kind != kind:
                return f'{field} must be left out: it belongs to kind = "{kind}"'
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
