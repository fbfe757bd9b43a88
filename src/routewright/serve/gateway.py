"""Settings → everything that answering takes: pool, router, providers, ledger."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Literal

from routewright.config import Settings
from routewright.errors import ConfigError
from routewright.protocols import Provider
from routewright.routers.base import BaseRouter
from routewright.serve.access import Guard, admin_key, is_loopback
from routewright.serve.cache import make_cache
from routewright.serve.configured import make_decider
from routewright.serve.content import Contents
from routewright.serve.decider import Decider
from routewright.serve.generation import Generation
from routewright.serve.health import Health
from routewright.serve.ledger import Ledger
from routewright.serve.limits import Admission, RetryBudget
from routewright.serve.logs import AccessLog
from routewright.serve.metrics import Metrics
from routewright.serve.peers import Peers
from routewright.serve.promotion import in_force
from routewright.serve.quota import Quota
from routewright.serve.relay import Relay
from routewright.serve.sinks import make_keyring, make_sink
from routewright.serve.watch import Watch

if TYPE_CHECKING:
    from routewright.serve.otel import Telemetry

State = Literal["starting", "ready", "draining"]


class Gateway:
    """What stands behind the HTTP server and behind the in-process client.

    Building it checks the configuration and opens nothing; ``start`` opens and loads.

    Args:
        settings: the configuration.
        router: instead of the configured artefact.
        source: reads the configuration again for a reload.
        peers: the other workers of the port.

    Raises:
        ConfigError: pool, router and settings do not fit together, or a key is not set.
        ArtefactError: the artefact cannot be used.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        router: BaseRouter | None = None,
        source: Callable[[], Settings] | None = None,
        peers: Peers | None = None,
    ) -> None:
        self.configured = settings  # as the file says it, before what was promoted
        self.peers = peers
        if router is None:
            settings = in_force(settings)
        self.health = Health()
        self.state: State = "starting"
        self.admin_at: int | None = None  # the operator's own port, once it is bound
        self.reload_refused = ""
        self._source = source
        self.budget = RetryBudget()
        self.metrics = Metrics()
        self.watches: list[Watch] = [self.metrics, AccessLog()]
        self._telemetry: Telemetry | None = None
        self._refreshing: asyncio.Task[None] | None = None
        self._reloading = asyncio.Lock()
        self._retiring: dict[asyncio.Task[None], Generation] = {}
        self.sink = make_sink(settings)
        self.ledger = Ledger(self.sink)
        self.keyring = make_keyring(settings, self.sink)
        self.guard = Guard(settings, self.keyring, admin_key(settings))
        self.quota = self._make_quota(settings)
        self.relay = Relay(
            self._generation(settings, router, None),
            self.ledger,
            Admission(settings.gateway.max_in_flight),
            self.watches,
            make_cache(settings.gateway),
            quota=self.quota,
            contents=self._make_contents(settings),
        )

    @property
    def generation(self) -> Generation:
        """What requests that come now are decided and called with."""
        return self.relay.generation

    @property
    def settings(self) -> Settings:
        """The configuration in force."""
        return self.generation.settings

    @property
    def decider(self) -> Decider:
        """The decider in force."""
        return self.generation.decider

    @property
    def providers(self) -> Mapping[str, Provider]:
        """The providers in force, by name."""
        return self.generation.providers

    @property
    def ready(self) -> bool:
        """Whether requests can be routed: not while starting or draining."""
        return self.state == "ready"

    @property
    def retiring(self) -> int:
        """How many former generations still have requests to end."""
        return len(self._retiring)

    def check_address(self) -> None:
        """Whether the configured addresses may be listened on. Blocking.

        Raises:
            ConfigError: other machines reach it, and anybody there could ask; or the operator's
                port is the others'.
        """
        gateway = self.settings.gateway
        host = gateway.host
        if gateway.admin_port and gateway.admin_port == gateway.port:
            raise ConfigError("gateway.admin_port is gateway.port; leave it out, or choose another")
        if self.keyring is not None and not is_loopback(host):
            self.keyring.load()
        self.guard.check_address(host)

    def release(self) -> None:
        """Let go of connections that ``check_address`` has opened. Blocking."""
        if self.keyring is not None:
            self.keyring.keys.close()

    async def start(self, *, preload: bool = True) -> None:
        """Open providers and journal, and load local models, all at once; then be ready.

        Raises:
            RoutewrightError: an extra, a weight file or the journal is missing or unusable.
        """
        await self.ledger.start()
        if self.keyring is not None:
            await self.keyring.start()
        if self.quota is not None:
            await self.quota.start()
        await asyncio.gather(
            self.generation.start(preload=preload), asyncio.to_thread(self.generation.warm)
        )
        if self._telemetry is None and self.settings.gateway.otel.endpoint:
            # Here, not sooner: its threads would not come along into a forked worker.
            from routewright.serve.otel import Telemetry

            self._telemetry = await asyncio.to_thread(Telemetry, self.settings.gateway.otel)
            self.watches.append(self._telemetry)
        self._refreshing = asyncio.create_task(self.metrics.keep_fresh(self))
        if self.peers is not None:
            await self.peers.start(self)
        if self.state == "starting":
            self.state = "ready"

    async def reload(
        self,
        settings: Settings | None = None,
        *,
        router: BaseRouter | None = None,
        artefact: str | None = None,
        agree: Callable[[Generation], Awaitable[None]] | None = None,
    ) -> None:
        """Put a new configuration and artefact in force, once they have been tried.

        Requests that run end with what they began with. Address, journal and bound on requests at
        once stay as they were until a restart.

        Args:
            settings: instead of those that ``source`` reads.
            router: instead of the configured artefact.
            artefact: likewise, its folder.
            agree: called with what has been tried; it takes effect unless that raises.

        Raises:
            RoutewrightError: why it was refused; then the old ones stay in force.
        """
        async with self._reloading:
            try:
                configured, fresh = await self._tried(settings, router, artefact, agree)
            except Exception as error:
                self.reload_refused = " ".join(str(error).split())
                self.metrics.reloaded("refused")
                raise
            old, self.relay.generation = self.generation, fresh
            self.configured = configured
            self.reload_refused = ""
            self.metrics.reloaded("applied")
        retiring = asyncio.create_task(self._retire(old))
        self._retiring[retiring] = old
        retiring.add_done_callback(self._retiring.pop)

    async def aclose(self) -> None:
        """Write what is queued and let go of everything; safe to call twice."""
        self.state = "draining"
        if self.peers is not None:
            await self.peers.aclose()
        if self._refreshing is not None:
            self._refreshing.cancel()
        if self.keyring is not None:
            await self.keyring.aclose()
        await self.ledger.aclose()
        if self.quota is not None:
            await self.quota.aclose()
        if self.relay.cache is not None:
            await self.relay.cache.answers.aclose()
        for retiring, generation in tuple(self._retiring.items()):
            retiring.cancel()
            await generation.aclose(keep=[self.generation])
        await asyncio.gather(*self._retiring, return_exceptions=True)
        await self.generation.aclose()
        telemetry, self._telemetry = self._telemetry, None
        if telemetry is not None:
            self.watches.remove(telemetry)
            await asyncio.to_thread(telemetry.close)

    async def _tried(
        self,
        settings: Settings | None,
        router: BaseRouter | None,
        artefact: str | None,
        agree: Callable[[Generation], Awaitable[None]] | None,
    ) -> tuple[Settings, Generation]:
        """Settings, and their generation: open, and shown to work off the event loop till then."""
        old = self.generation
        if settings is None:
            if self._source is not None:
                settings = await asyncio.to_thread(self._source)
            elif artefact is not None:
                settings = self.configured
            else:
                raise ConfigError("there is no configuration file to read again; restart instead")
        obeyed = settings if router else await asyncio.to_thread(in_force, settings, artefact)
        fresh = await asyncio.to_thread(self._generation, obeyed, router, old)
        try:
            await asyncio.to_thread(fresh.check, old)
            await fresh.start()
            if agree is not None:
                await agree(fresh)
        except BaseException:
            await fresh.aclose(keep=[old])
            raise
        return settings, fresh

    def _make_quota(self, settings: Settings) -> Quota | None:
        """What counts for the keys; None where nothing keeps any."""
        if self.keyring is None or settings.gateway.state is None:
            return None
        spool = settings.path(settings.gateway.state.spool)
        return Quota(self.keyring, spool, settings.gateway.redis)

    def _make_contents(self, settings: Settings) -> Contents | None:
        """What keeps prompts and answers; None where nobody asked for that."""
        content = settings.gateway.content
        if not content.log:
            return None
        if settings.gateway.decisions and settings.gateway.state is None:
            raise ConfigError(
                "gateway.content.log needs a database: set gateway.state.url in place of "
                "gateway.decisions"
            )
        return Contents(self.ledger, int(content.row_kb * 1000))

    def _generation(
        self, settings: Settings, router: BaseRouter | None, before: Generation | None
    ) -> Generation:
        ids = before.decider.ids if before is not None else None
        decider = make_decider(settings, router, ids)
        return Generation(settings, decider, self.health, self.budget, before)

    async def _retire(self, old: Generation) -> None:
        """Close what only the old generation used, when its last request has ended."""
        await old.idle.wait()
        others = [g for g in self._retiring.values() if g is not old]
        await old.aclose(keep=[*others, self.generation])
        gc.unfreeze()  # the server has set it aside with all else: now it may go
