"""The workers of one stage, and a provider that has them make its calls.

To the stage it is a provider like any other, so that journal, budget, pace and retries stay where
they are: in the coordinator. A worker that dies is an upstream that broke off. The call may
have been paid for, it is asked again under the same idempotency key, and a new worker takes the
place of the dead one.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from routewright.config import Secret, Settings
from routewright.errors import ConfigError, RequestError, UpstreamError
from routewright.protocols import Completion, Provider, Stream
from routewright.scale.cluster import Cluster
from routewright.scale.worker import VERSIONS, Failure, Worker
from routewright.types import JsonObject, Model

START_TIMEOUT_S = 120.0
MOST_CALLS = 10_000  # at one time in one worker; the coordinator's pace is what limits them


class LostWorkerError(UpstreamError):
    """A worker died with a call that it may have made: it may have been charged."""

    code = "lost_worker"


@dataclass(eq=False)
class Seat:
    """A place for a worker: empty, being filled, or with a worker that is ready."""

    worker: Any = None
    pid: int = 0
    opening: asyncio.Task[None] | None = None
    calls: Counter[str] = field(default_factory=Counter[str])  # in flight, by model


class Crew:
    """As many workers as the cluster was opened with; they start with the first call.

    Args:
        cluster: where they run.
        settings: which providers they have.
        keys: the providers' keys, as ``providers.api_keys`` found them here.
        stream: ask for streams, to learn when an answer's first words came.
        repeats: how often a call whose worker was lost is made again here, for a stage that
            does not ask again by itself.
    """

    def __init__(
        self,
        cluster: Cluster,
        settings: Settings,
        keys: Mapping[str, Secret],
        *,
        stream: bool = False,
        repeats: int = 0,
    ) -> None:
        self._repeats = repeats
        self._ray = cluster.ray
        self._settings = settings
        self._keys = keys
        self._stream = stream
        self._seats = [Seat() for _ in range(cluster.workers)]
        self._trouble = ""
        self._lost = 0

    @property
    def lost(self) -> int:
        """How many workers have died."""
        return self._lost

    async def call(
        self,
        provider: str,
        model: Model,
        body: JsonObject,
        cache_prefix: int,
        idempotency_key: str,
    ) -> Completion:
        """Have a worker ask a model; each repeat carries the same key, one made here if need be.

        Raises:
            LostWorkerError: the worker died with the call, and so did those of its repeats.
            RoutewrightError: as the provider raises it, or ``_call_once`` does.
        """
        key = idempotency_key or (f"routewright-{secrets.token_hex(16)}" if self._repeats else "")
        for _ in range(self._repeats):
            try:
                return await self._call_once(provider, model, body, cache_prefix, key)
            except LostWorkerError:
                continue
        return await self._call_once(provider, model, body, cache_prefix, key)

    async def _call_once(
        self, provider: str, model: Model, body: JsonObject, cache_prefix: int, idempotency_key: str
    ) -> Completion:
        """Have the least busy worker ask a model.

        Raises:
            LostWorkerError: the worker died with the call.
            UpstreamError: as the provider raises it, or no worker could be started.
            RequestError: as the provider raises it.
            ConfigError: the workers have another version of this package.
        """
        seat = await self._free_seat(model.name)
        worker = seat.worker
        seat.calls[model.name] += 1
        call = worker.complete.remote(
            provider, model, body, cache_prefix, idempotency_key, self._stream
        )
        try:
            done: Completion | Failure = await call
        except asyncio.CancelledError:
            with contextlib.suppress(Exception):  # it may have ended meanwhile, in any way
                self._ray.cancel(call)
            raise
        except self._ray.exceptions.RayTaskError:
            raise  # a mistake in the code itself, and no failure of the cluster
        except (self._ray.exceptions.RayError, ConnectionError) as error:
            self._leave(seat, worker)
            raise LostWorkerError(
                f"{provider}: the worker that asked {model.name} was lost ({type(error).__name__})"
            ) from error
        finally:
            if seat.worker is worker:
                seat.calls[model.name] -= 1
        if isinstance(done, Failure):
            raise done.error()
        return done

    async def aclose(self) -> None:
        """Let every worker close its providers, and end it; safe to call twice."""
        seats, self._seats = self._seats, []
        opening = [seat.opening for seat in seats if seat.opening is not None]
        for task in opening:
            task.cancel()
        await asyncio.gather(*opening, return_exceptions=True)
        workers = [seat.worker for seat in seats if seat.worker is not None]
        closing = [asyncio.wait_for(_whole(worker.aclose.remote()), 10) for worker in workers]
        await asyncio.gather(*closing, return_exceptions=True)
        for worker in workers:
            self._ray.kill(worker)

    async def _free_seat(self, model: str) -> Seat:
        """The seat with the fewest calls to a model, then with the fewest calls."""
        opening = [self._fill(seat) for seat in self._seats if seat.worker is None]
        if len(opening) == len(self._seats):
            await asyncio.wait(opening, return_when=asyncio.FIRST_COMPLETED)
        ready = [seat for seat in self._seats if seat.worker is not None]
        if not ready:
            for task in opening:
                if task.done() and isinstance(task.exception(), ConfigError):
                    task.result()
            raise UpstreamError(
                f"no worker could be started on the cluster: {self._trouble or 'closed'}",
                maybe_paid=False,
            )
        return min(ready, key=lambda seat: (seat.calls[model], seat.calls.total()))

    def _fill(self, seat: Seat) -> asyncio.Task[None]:
        if seat.opening is None or seat.opening.done():
            seat.opening = asyncio.create_task(self._open(seat))
        return seat.opening

    async def _open(self, seat: Seat) -> None:
        worker = self._new_worker()
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                versions, pid = await worker.open.remote(self._settings, self._keys)
            if versions != VERSIONS:
                raise ConfigError(
                    f"the cluster's workers run {versions}, this command {VERSIONS}: install the "
                    "same on every node"
                )
        except TimeoutError:
            self._trouble = f"no room for one in {START_TIMEOUT_S:g} s; it needs a CPU"
            self._ray.kill(worker)
        except self._ray.exceptions.RayError as error:
            self._trouble = " ".join(str(error).split())[:200]
            self._ray.kill(worker)
        except BaseException:
            self._ray.kill(worker)
            raise
        else:
            seat.worker, seat.pid = worker, pid
            seat.calls.clear()

    def _new_worker(self) -> Any:
        actor = self._ray.remote(Worker)
        # Ray itself tries nothing again: who asks again has to be who keeps the books.
        options = {"max_restarts": 0, "max_task_retries": 0, "max_concurrency": MOST_CALLS}
        return actor.options(num_cpus=1, scheduling_strategy="SPREAD", **options).remote()

    def _leave(self, seat: Seat, worker: Any) -> None:
        """Give up a worker that did not answer; all its calls come here, the first one counts."""
        if seat.worker is worker:
            seat.worker = None
            self._lost += 1
            with contextlib.suppress(Exception):
                self._ray.kill(worker)  # where it was out of reach and not dead
            if self._seats:
                self._fill(seat)


async def _whole(reference: Any) -> Any:
    return await reference


class RemoteProvider:
    """A provider whose calls a crew makes; its name is that of the provider behind it."""

    def __init__(self, name: str, crew: Crew) -> None:
        self.name = name
        self.crew = crew

    async def start(self) -> None:
        """Nothing to do: workers start with the first call."""

    async def complete(
        self, model: Model, body: JsonObject, *, cache_prefix: int = 0, idempotency_key: str = ""
    ) -> Completion:
        """Answer in one piece; see ``protocols.Provider``."""
        return await self.crew.call(self.name, model, body, cache_prefix, idempotency_key)

    async def stream(
        self, model: Model, body: JsonObject, *, cache_prefix: int = 0, idempotency_key: str = ""
    ) -> Stream:
        """Refused: a stream ends in its worker, which hands back the whole answer.

        Raises:
            RequestError: always; ``Crew`` with ``stream`` has workers ask for streams.
        """
        del model, body, cache_prefix, idempotency_key
        raise RequestError(f"{self.name}: streams don't leave a cluster; ask for whole answers")

    async def aclose(self) -> None:
        """End the crew; safe to call twice."""
        await self.crew.aclose()


def remote_providers(
    cluster: Cluster, settings: Settings, *, stream: bool = False, repeats: int = 0
) -> dict[str, Provider]:
    """Every configured provider by name, all with one crew; ``Crew`` explains the options.

    Raises:
        ConfigError: a key that the settings name is not there, or a preset is unknown.
    """
    from routewright.providers import api_keys

    crew = Crew(cluster, settings, api_keys(settings), stream=stream, repeats=repeats)
    return {name: RemoteProvider(name, crew) for name in settings.providers}
