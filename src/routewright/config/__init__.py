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

from routewright.config.gateway import (
    AnalyserSettings,
    CacheSettings,
    ContentSettings,
    GatewaySettings,
    LogSettings,
    OtelSettings,
    Rule,
    StateSettings,
    Timeouts,
    When,
    Words,
)
from routewright.config.secret import Secret
from routewright.config.settings import ModelSettings, ProviderSettings, Settings, load_settings

__all__ = [
    "AnalyserSettings",
    "CacheSettings",
    "ContentSettings",
    "GatewaySettings",
    "LogSettings",
    "ModelSettings",
    "OtelSettings",
    "ProviderSettings",
    "Rule",
    "Secret",
    "Settings",
    "StateSettings",
    "Timeouts",
    "When",
    "Words",
    "load_settings",
]
