"""Settings → everything that answering takes: pool, router, providers, ledger."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path

import msgspec

from routewright.analysis.llm import LlmAnalyser
from routewright.catalog import known_models
from routewright.config import GatewaySettings, Settings
from routewright.errors import ConfigError
from routewright.protocols import Provider
from routewright.providers import account_names, api_keys, make_providers
from routewright.routers.base import BaseRouter
from routewright.routers.hybrid import HybridRouter
from routewright.serve.decider import Decider
from routewright.serve.fallback import Fallbacks
from routewright.serve.health import Health
from routewright.serve.ledger import Ledger
from routewright.serve.limits import Admission, RetryBudget
from routewright.serve.naming import Names
from routewright.serve.needs import lacks
from routewright.serve.relay import Relay
from routewright.types import Model, PolicySettings


def with_flags(
    settings: Settings,
    *,
    host: str | None = None,
    port: int | None = None,
    artefact: str | Path | None = None,
    worth_usd: float | None = None,
    threshold: float | None = None,
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
        # A flag's path is relative to where the command runs, not to the file's folder.
        "artefact": None if artefact is None else str(Path(artefact).absolute()),
        "worth_usd": worth_usd,
        "threshold": threshold,
        "policy": _policy(worth_usd, threshold),
    }
    given = {name: value for name, value in flags.items() if value is not None}
    gateway: GatewaySettings = msgspec.structs.replace(settings.gateway, **given)
    return msgspec.structs.replace(settings, gateway=gateway)


def _policy(worth_usd: float | None, threshold: float | None) -> str | None:
    if threshold is not None:
        return "satisfice"
    return None if worth_usd is None else "utility"


def make_decider(settings: Settings, router: BaseRouter | None = None) -> Decider:
    """The decider of a configuration; its artefact is read unless ``router`` is given.

    Raises:
        ConfigError: pool, router and settings do not fit together.
        ArtefactError: the artefact cannot be used.
    """
    gateway = settings.gateway
    artefact = settings.path(gateway.artefact) if gateway.artefact else None
    if router is None and artefact is not None:
        router = BaseRouter.load(artefact)
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
        lacks={m.name: lacks(m, settings.providers[m.provider].kind) for m in pool},
        artefact=artefact.name if artefact else "",
        rules=gateway.rules,
        analysed=gateway.analyser is not None,
    )


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
    router = BaseRouter.load(path)
    pool = (known_models().get(n) or Model(name=n, provider="") for n in router.models_)
    asked = PolicySettings(worth_usd=worth_usd if threshold is None else None, threshold=threshold)
    policy = _with_worth(asked, router)
    return Decider(tuple(pool), router, policy, "", artefact=Path(path).name)


class Gateway:
    """What stands behind the HTTP server and behind the in-process client.

    Building it checks the configuration and opens nothing; ``start`` opens and loads.

    Raises:
        ConfigError: pool, router and settings do not fit together, or a key is not set.
        ArtefactError: the artefact cannot be used.
    """

    def __init__(self, settings: Settings, *, router: BaseRouter | None = None) -> None:
        self.settings = settings
        self.decider = make_decider(settings, router)
        used = {model.provider for model in self.decider.pool.values()}
        wanted = {name: given for name, given in settings.providers.items() if name in used}
        used_settings = msgspec.structs.replace(settings, providers=wanted)
        keys = api_keys(used_settings)
        self.providers: dict[str, Provider] = make_providers(used_settings, keys)
        accounts = account_names(used_settings, keys)
        decisions = settings.gateway.decisions
        self.ledger = Ledger(settings.path(decisions) if decisions else None)
        self.health = Health()
        self.relay = Relay(
            self.decider,
            self.ledger,
            self._analyser(),
            fallbacks=Fallbacks(
                self.decider.pool,
                self.providers,
                accounts,
                self.health,
                RetryBudget(),
                total_s=settings.gateway.timeouts.total_s,
            ),
            admission=Admission(settings.gateway.max_in_flight),
        )
        self.ready = False

    async def start(self, *, preload: bool = True) -> None:
        """Open providers and journal, and load local models, all at once; then be ready.

        Raises:
            RoutewrightError: an extra, a weight file or the journal is missing or unusable.
        """
        await self.ledger.start()
        await asyncio.gather(*(provider.start() for provider in self.providers.values()))
        if preload:
            await self._load()
        self.ready = True

    async def aclose(self) -> None:
        """Write what is queued and let go of everything; safe to call twice."""
        self.ready = False
        await self.ledger.aclose()
        await asyncio.gather(*(provider.aclose() for provider in self.providers.values()))

    def _analyser(self) -> LlmAnalyser | None:
        """The LLM that analyses prompts, brought to the router if that learned from one."""
        given = self.settings.gateway.analyser
        router = self.decider.router
        learned_from_llm = isinstance(router, HybridRouter) and router.analyser == "llm"
        if given is None:
            if learned_from_llm:
                raise ConfigError(
                    "the router learned from an LLM's analyses; set gateway.analyser.model to it"
                )
            return None
        model = self.decider.pool.get(given.model)
        if model is None:
            raise ConfigError(
                f"gateway.analyser.model {given.model!r} is not in the pool; "
                f"name one of: {', '.join(self.decider.pool)}"
            )
        provider = self.providers[model.provider]
        analyser = LlmAnalyser(provider, model, timeout_s=given.timeout_s)
        if isinstance(router, HybridRouter) and learned_from_llm:
            router.use_analyses(analyser.known)
        return analyser

    async def _load(self) -> None:
        from routewright.providers.local import LocalProvider

        loads = [
            provider.load(model)
            for model in self.decider.pool.values()
            if isinstance(provider := self.providers[model.provider], LocalProvider)
        ]
        await asyncio.gather(*loads)


def _as_served(model: Model, settings: Settings) -> Model:
    """The model with the window it has here: a local one may be run with less than its own."""
    from routewright.providers.local import CONTEXT_TOKENS

    if settings.providers[model.provider].kind != "local":
        return model
    window = min(model.context_window or CONTEXT_TOKENS, CONTEXT_TOKENS)
    return msgspec.structs.replace(model, context_window=window)
