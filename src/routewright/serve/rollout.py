"""Reload, promote, roll back: tried by every worker of this host before any takes it."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec

from routewright.errors import RefusedError, RoutewrightError
from routewright.serve.generation import Generation
from routewright.serve.peers import Others, Told
from routewright.serve.promotion import (
    Held,
    Pointer,
    alone,
    candidate,
    pointer_of,
    write_pointer,
)

if TYPE_CHECKING:
    from routewright.serve.gateway import Gateway

logger = logging.getLogger(__name__)

Note = Callable[[Generation], Awaitable[None]]
"""Called when all have tried, before any takes it; what it raises ends it."""


class Rollout:
    """Changes what is in force in all workers of a gateway, or in none.

    A worker that dies on the way is followed by one that reads what is on disk. Each method tells
    what every worker has in force.

    Args:
        gateway: the worker that was asked.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def reload(self) -> dict[str, Any]:
        """Read the configuration again, and the artefact that is in force.

        Raises:
            RefusedError: why a worker will not have it; nothing has changed anywhere.
        """

        async def nothing(fresh: Generation) -> None:
            del fresh

        with alone(self._gateway.configured):
            return await self._everywhere(None, nothing)

    async def promote(self, given: str) -> dict[str, Any]:
        """Put another artefact in force, for restarts too; the former is remembered.

        Raises:
            RefusedError: why a worker will not have it; nothing has changed anywhere.
            StoreAwayError: the pointer cannot be written; likewise.
        """
        gateway, settings = self._gateway, self._gateway.configured
        path = candidate(settings, given)
        with alone(settings):
            pointer = await asyncio.to_thread(pointer_of, settings)
            named = gateway.settings.gateway.artefact
            now = Held(
                str(gateway.settings.path(named).absolute()) if named else "",
                gateway.decider.artefact,
            )
            if now.path == path:
                raise RefusedError(f"{given!r} is in force; reload where its content has changed")

            async def note(fresh: Generation) -> None:
                await self._write(pointer.promoted(now, Held(path, fresh.decider.artefact)))

            return await self._everywhere(path, note)

    async def rollback(self) -> dict[str, Any]:
        """Put the former artefact in force again.

        Raises:
            RefusedError: there is none, its content is no longer what it was, or as ``promote``.
            StoreAwayError: as ``promote``.
        """
        settings = self._gateway.configured
        with alone(settings):
            pointer = await asyncio.to_thread(pointer_of, settings)
            if len(pointer.held) < 2:
                raise RefusedError("nothing was promoted over the configured artefact")
            former = pointer.held[-2]

            async def note(fresh: Generation) -> None:
                if fresh.decider.artefact != former.name:
                    raise RefusedError(
                        f"{former.path} is no longer {former.name}; promote another artefact"
                    )
                await self._write(pointer.rolled_back())

            return await self._everywhere(former.path, note)

    def artefacts(self) -> dict[str, Any]:
        """What is in force, what it was promoted over, and every change. Blocking."""
        pointer = pointer_of(self._gateway.configured)
        return {
            "object": "artefacts",
            "artefact": self._gateway.decider.artefact,
            "former": [held.name for held in reversed(pointer.held[:-1])],
            "log": msgspec.to_builtins(pointer.log),
        }

    async def _write(self, pointer: Pointer) -> None:
        await asyncio.to_thread(write_pointer, self._gateway.configured, pointer)

    async def _everywhere(self, artefact: str | None, note: Note) -> dict[str, Any]:
        gateway = self._gateway
        told: list[Told] = []
        async with Others(gateway.peers, artefact) as others:

            async def agree(fresh: Generation) -> None:
                mine = fresh.decider.artefact
                for each in await others.try_it():
                    _check(each, mine)
                await note(fresh)
                told.extend(await others.apply())
                # A worker may have started meanwhile, and read what was in force before.
                late = await others.try_it()
                told.extend([each for each in late if each.refused])
                told.extend(await others.apply())

            try:
                await gateway.reload(artefact=artefact, agree=agree)
            except RoutewrightError as error:
                if isinstance(error, RefusedError) or error.status >= 500:
                    raise
                raise RefusedError(" ".join(str(error).split())) from error
        told.append(Told(os.getpid(), gateway.decider.artefact))
        logger.warning("in force in %d workers: %s", len(told), gateway.decider.artefact or "none")
        workers = sorted(told, key=lambda each: each.pid)
        return {
            "object": "rollout",
            "artefact": gateway.decider.artefact,
            "workers": [msgspec.to_builtins(each) for each in workers],
        }


def _check(told: Told, mine: str) -> None:
    if told.refused:
        raise RefusedError(f"worker {told.pid}: {told.refused}")
    if told.artefact != mine:
        raise RefusedError(f"worker {told.pid} read {told.artefact}, another {mine}; try again")
