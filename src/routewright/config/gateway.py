"""What ``[gateway]`` says: the server, and what it decides by, keeps and tells."""

from __future__ import annotations

from typing import Literal

import msgspec

from routewright.config.secret import Secret
from routewright.types import PolicySettings

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
    """Whether prompts and answers are kept in the state's database, and how much of them.

    ``days`` is for how long, ``max_mb`` how much in all, ``row_kb`` how much of one request, and
    of one answer.
    """

    log: bool = False
    days: float = 30.0
    max_mb: float = 500.0
    row_kb: float = 256.0

    def trouble(self) -> str:
        """What is wrong with these settings, as ``field must …``; "" where nothing is."""
        for field in ("days", "max_mb", "row_kb"):
            if not 0 < getattr(self, field) < float("inf"):
                return f"{field} must be a number above 0"
        return ""


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
    """Whether answers are given again to the same request of the same key.

    ``exact`` turns it on for requests that ask for the one likeliest answer (temperature 0),
    ``all`` for every request. ``shared`` keeps the answers in ``gateway.redis``, for all workers
    and hosts, instead of each worker's memory. ``max_mb`` bounds that memory, and an answer to an
    eighth of it; ``ttl_s`` says for how long one is given again. ``similar`` is the cosine from
    which an answer is given to a prompt that is nearly the same, and ``encoder`` what it was found
    for; ``routewright cache calibrate`` prints both.
    """

    exact: bool = False
    all: bool = False
    shared: bool = False
    max_mb: float = 64.0
    ttl_s: float = 3600.0
    similar: float | None = None
    encoder: str = ""

    def trouble(self) -> str:
        """What is wrong with these settings, as ``field must …``; "" where nothing is."""
        for field in ("max_mb", "ttl_s"):
            if not 0 < getattr(self, field) < float("inf"):
                return f"{field} must be a number above 0"
        if (self.similar is None) == bool(self.encoder):
            return "encoder must be given with similar: routewright cache calibrate prints both"
        if self.similar is not None and not 0 < self.similar <= 1:
            return "similar must be a cosine above 0 and at most 1"
        for field in ("all", "shared", "similar"):
            if getattr(self, field) and not self.exact:
                return f"exact must be true where {field} is: it turns the cache on"
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
    ``admin_key_file`` holds the operator's key, unless ROUTEWRIGHT_ADMIN_KEY does. With an
    ``admin_port`` the operator's routes are at that port of ``admin_host`` and nowhere else, and
    nothing else is there; 0 takes a free one.
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
    admin_host: str = "127.0.0.1"
    admin_port: int | None = None
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
