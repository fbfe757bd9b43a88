"""Settings, with what a flag says instead → the decider that they ask for."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec

from routewright.catalog import known_models
from routewright.config import GatewaySettings, ProviderSettings, Settings
from routewright.errors import ArtefactError, ConfigError
from routewright.providers import native_dialects
from routewright.routers.artefact import fingerprint
from routewright.routers.base import BaseRouter
from routewright.serve.decider import Decider
from routewright.serve.ids import Ids
from routewright.serve.naming import Names
from routewright.serve.needs import lacks, lacks_dialects
from routewright.types import Model, PolicySettings


def with_flags(
    settings: Settings,
    *,
    host: str | None = None,
    port: int | None = None,
    auth: str | None = None,
    artefact: str | Path | None = None,
    worth_usd: float | None = None,
    threshold: float | None = None,
    workers: int | None = None,
) -> Settings:
    """Settings with what a flag or an argument says instead; None leaves a setting alone.

    A ``threshold`` makes ``satisfice`` the policy, a ``worth_usd`` alone ``utility``.

    Raises:
        ConfigError: ``worth_usd`` is negative or not a number.
    """
    if worth_usd is not None and (math.isnan(worth_usd) or worth_usd < 0):
        raise ConfigError(f"worth_usd must be 0 or more, not {worth_usd}")
    flags = {
        "host": host,
        "port": port,
        "auth": auth,
        # A flag's path is relative to where the command runs, not to the file's folder.
        "artefact": None if artefact is None else str(Path(artefact).absolute()),
        "worth_usd": worth_usd,
        "threshold": threshold,
        "workers": workers,
        "policy": _policy(worth_usd, threshold),
    }
    given = {name: value for name, value in flags.items() if value is not None}
    gateway: GatewaySettings = msgspec.structs.replace(settings.gateway, **given)
    return msgspec.structs.replace(settings, gateway=gateway)


def _policy(worth_usd: float | None, threshold: float | None) -> str | None:
    if threshold is not None:
        return "satisfice"
    return None if worth_usd is None else "utility"


def make_decider(
    settings: Settings, router: BaseRouter | None = None, ids: Ids | None = None
) -> Decider:
    """The decider of a configuration; its artefact is read unless ``router`` is given.

    Raises:
        ConfigError: pool, router and settings do not fit together.
        ArtefactError: the artefact cannot be used.
    """
    gateway = settings.gateway
    artefact = settings.path(gateway.artefact) if gateway.artefact else None
    named = artefact.name if artefact else ""
    if router is None and artefact is not None:
        router, named = load_named(artefact)
    pool = tuple(_as_served(model, settings) for model in settings.pool())
    called = () if router is None else (router.name, artefact.name if artefact else "")
    return Decider(
        pool,
        router,
        _with_worth(gateway.choice(), router),
        gateway.default_model,
        names=Names(
            settings.models, profiles=gateway.profiles, aliases=gateway.aliases, routers=called
        ),
        lacks={m.name: _lacks(m, settings.providers[m.provider]) for m in pool},
        artefact=named,
        ids=ids,
        rules=gateway.rules,
        marks=frozenset(m.name for m in pool if settings.providers[m.provider].cache_prefix),
        analysed=gateway.analyser is not None,
    )


def load_named(path: Path) -> tuple[BaseRouter, str]:
    """The router of an artefact folder, and its name with a fingerprint of what it holds.

    Raises:
        ArtefactError: it cannot be used, or was replaced while it was read.
    """
    before = fingerprint(path)
    router = BaseRouter.load(path)
    if fingerprint(path) != before:
        raise ArtefactError(f"{path}: replaced while it was read; reload again")
    return router, f"{path.name}@{before}"


def _lacks(model: Model, provider: ProviderSettings) -> frozenset[str]:
    return lacks(model, provider.kind) | lacks_dialects(native_dialects(provider))


def _with_worth(policy: PolicySettings, router: BaseRouter | None) -> PolicySettings:
    """The policy; where it has no rule, with the worth that the router recommends."""
    if policy.rule or router is None:
        return policy
    return PolicySettings(worth_usd=router.recommended_worth_usd_).over(policy)


def decider_of_artefact(
    path: str | Path, worth_usd: float | None = None, threshold: float | None = None
) -> Decider:
    """A decider whose pool is what the artefact knows: enough to decide, not to call.

    Raises:
        ConfigError: no willingness to pay is given or recommended.
        ArtefactError: the artefact cannot be used.
    """
    router, named = load_named(Path(path))
    pool = (known_models().get(n) or Model(name=n, provider="") for n in router.models_)
    asked = PolicySettings(worth_usd=worth_usd if threshold is None else None, threshold=threshold)
    policy = _with_worth(asked, router)
    return Decider(tuple(pool), router, policy, "", artefact=named)


def _as_served(model: Model, settings: Settings) -> Model:
    """The model with the window it has here: a local one may be run with less than its own."""
    from routewright.providers.local import CONTEXT_TOKENS

    if settings.providers[model.provider].kind != "local":
        return model
    window = min(model.context_window or CONTEXT_TOKENS, CONTEXT_TOKENS)
    return msgspec.structs.replace(model, context_window=window)
