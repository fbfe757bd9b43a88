"""What requests are decided and called with: one configuration and one artefact, never half of two.

A reload makes another generation. Requests that were begun on the old one end on it; its
providers are closed when the last of them has.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping
from functools import partial

import msgspec
import numpy as np

from routewright.analysis.llm import LlmAnalyser
from routewright.config import Secret, Settings
from routewright.errors import ArtefactError, ConfigError
from routewright.protocols import Provider
from routewright.providers import account_names, api_keys, make_providers
from routewright.routers.base import BaseRouter
from routewright.routers.hybrid import HybridRouter
from routewright.serve.decider import Decider
from routewright.serve.fallback import Fallbacks
from routewright.serve.health import Health
from routewright.serve.limits import RetryBudget, Turns
from routewright.serve.sticky import Memory
from routewright.types import Prompt

logger = logging.getLogger(__name__)

# A router that cannot tell anything of these would fail on the first odd request.
PROBES = ("", "What is 17 * 3?", "Сколько будет 17 × 3? 十七乘三是多少?", "prove it. " * 2000)
TIMED_TOKENS = (len(PROBES[-1]) // 4, 2000, 500)  # lengths by which routers are timed


# A router of the package that decides about a long prompt in this time does so on the event loop:
# a thread costs more than it frees. A plug-in may wait for anything, and gets a thread and a limit.
INLINE_S = 0.004
OPEN_S = 2.0  # one that takes so long for the first has more to it than arithmetic


class Generation:
    """A decider with the providers of its pool; building it opens nothing.

    Args:
        settings: what the generation was made from.
        decider: made from the same settings.
        health: of the upstreams; it outlives generations, as the upstreams do.
        budget: of second calls, likewise.
        before: the generation to take over unchanged providers from, with their connections and
            the local models that they have loaded, and the memory of conversations.

    Raises:
        ConfigError: a key is not set, or the analyser is not in the pool.
    """

    def __init__(
        self,
        settings: Settings,
        decider: Decider,
        health: Health,
        budget: RetryBudget,
        before: Generation | None = None,
    ) -> None:
        self.settings = settings
        self.decider = decider
        self.inline_tokens = 0  # up to which deciding is so quick that a thread would cost more
        self.running = 0
        self.idle = asyncio.Event()
        self.idle.set()
        used = {model.provider for model in decider.pool.values()}
        given = {name: p for name, p in settings.providers.items() if name in used}
        narrowed = msgspec.structs.replace(settings, providers=given)
        keys = api_keys(narrowed)
        self._made_of = {name: _made_of(name, narrowed, keys[name]) for name in given}
        kept = before.unchanged(self._made_of) if before is not None else {}
        fresh = {name: p for name, p in given.items() if name not in kept}
        made = make_providers(msgspec.structs.replace(narrowed, providers=fresh), keys)
        self.providers: Mapping[str, Provider] = {**made, **kept}
        self.analyser = self._analyser()
        self.memory = self._memory(before)
        self.fallbacks = Fallbacks(
            decider.pool,
            self.providers,
            account_names(narrowed, keys),
            health,
            budget,
            turns=Turns(_bounds(narrowed), before.fallbacks.turns if before else None),
            total_s=settings.gateway.timeouts.total_s,
        )

    def check(self, before: Generation | None = None) -> None:
        """Try the router before a request does.

        Raises:
            ArtefactError: it predicts nothing finite for some prompt, or it names models that
                the pool lacks and that the generation before it did not lack already.
        """
        router = self.decider.router
        if router is None:
            return
        missing = self.missing() - (before.missing() if before is not None else set())
        if before is not None and missing:
            raise ArtefactError(
                f"{self.decider.artefact}: the pool has no {', '.join(sorted(missing))}; "
                "add them to routewright.toml, or train without them"
            )
        for text in PROBES:
            predicted = router.predict([Prompt.from_text("probe", text)])
            if not (np.isfinite(predicted.scores).all() and np.isfinite(predicted.costs).all()):
                raise ArtefactError(
                    f"{self.decider.artefact}: a prediction is not finite; train it again"
                )
        self.warm()

    def warm(self) -> None:
        """Have the router open its tables, and see whether it is quick enough for the event loop.

        A router that fails here is for requests to find out: they have a ladder to go down.
        """
        router = self.decider.router
        if router is None or not type(router).__module__.startswith("routewright."):
            return
        try:
            began = time.perf_counter()
            _cpu_s(router, TIMED_TOKENS[0])
            if time.perf_counter() - began < OPEN_S:
                self.inline_tokens = next(filter(partial(_is_quick, router), TIMED_TOKENS), 0)
        except Exception:
            logger.exception("the router cannot decide about a long prompt")

    def missing(self) -> set[str]:
        """The models that the router knows and the pool lacks."""
        router = self.decider.router
        return set(router.models_ if router else ()) - set(self.decider.pool)

    def decides_inline(self, tokens: int) -> bool:
        """Whether a prompt is decided on the event loop: none longer than what was timed is."""
        return tokens <= self.inline_tokens

    async def start(self, *, preload: bool = True) -> None:
        """Open providers, and load local models, all at once; safe to call twice.

        Raises:
            RoutewrightError: an extra or a weight file is missing or unusable.
        """
        await asyncio.gather(*(provider.start() for provider in self.providers.values()))
        if preload:
            await self._load()

    async def aclose(self, keep: Iterable[Generation] = ()) -> None:
        """Let go of the providers that no generation to ``keep`` uses; safe to call twice."""
        kept = {id(provider) for other in keep for provider in other.providers.values()}
        closing = [p for p in self.providers.values() if id(p) not in kept]
        await asyncio.gather(*(provider.aclose() for provider in closing))

    def enter(self) -> None:
        """A request begins on this generation; one ``leave`` follows."""
        self.running += 1
        self.idle.clear()

    def leave(self) -> None:
        """A request has ended."""
        self.running -= 1
        if not self.running:
            self.idle.set()

    def unchanged(self, wanted: Mapping[str, object]) -> dict[str, Provider]:
        """The providers that are made of just what is wanted."""
        return {
            name: provider
            for name, provider in self.providers.items()
            if name in wanted and self._made_of[name] == wanted[name]
        }

    def _memory(self, before: Generation | None) -> Memory | None:
        """The memory of conversations, which goes on where there was one before."""
        if not self.settings.gateway.sticky:
            return None
        kept_s = {name: given.cache_ttl_s for name, given in self.settings.providers.items()}
        pool = self.decider.pool
        ttl_s = {model.name: kept_s[model.provider] for model in pool.values()}
        return Memory(pool, ttl_s, before=before.memory if before is not None else None)

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


def _is_quick(router: BaseRouter, tokens: int) -> bool:
    return min(_cpu_s(router, tokens) for _ in range(3)) <= INLINE_S


def _cpu_s(router: BaseRouter, tokens: int) -> float:
    """What a prompt takes, whoever else computes on this machine meanwhile."""
    prompt = Prompt.from_text("probe", PROBES[-1][: 4 * tokens])
    began = time.thread_time()
    router.expected(prompt)
    return time.thread_time() - began


def _bounds(settings: Settings) -> dict[str, int]:
    """How many calls at once this process makes at most, by provider that bounds them.

    Workers know nothing of each other's calls, so that each gets its part of the bound.
    """
    workers = settings.gateway.workers
    return {
        name: max(given.max_concurrency // workers, 1)
        for name, given in settings.providers.items()
        if given.max_concurrency is not None
    }


def _made_of(name: str, settings: Settings, key: Secret) -> object:
    """All that a provider depends on: two that are equal in it are interchangeable."""
    weights = {
        model: settings.weights_file(model)
        for model, given in settings.models.items()
        if given.weights_file
    }
    timeouts = settings.gateway.timeouts
    return (name, settings.providers[name], timeouts, key.reveal(), weights)
