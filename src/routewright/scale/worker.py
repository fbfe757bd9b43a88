"""What runs in a worker's process: the providers, with their connections and models kept warm."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from typing import Any

import msgspec

from routewright import __version__, errors
from routewright.config import Secret, Settings
from routewright.errors import RequestError, RoutewrightError, UpstreamError, UpstreamLimitError
from routewright.protocols import Completion, Provider
from routewright.types import JsonObject, Model

VERSIONS = f"routewright {__version__} on Python {platform.python_version()}"


class Failure(msgspec.Struct, frozen=True):
    """An error of this package as data: which one, its words, and its own fields."""

    kind: str
    message: str
    fields: dict[str, Any]

    @classmethod
    def of(cls, error: RoutewrightError) -> Failure:
        """The failure that an error is; one of a subclass from elsewhere is its nearest base."""
        kind = next(base for base in type(error).__mro__ if base.__module__ == errors.__name__)
        names: tuple[str, ...] = ()
        if isinstance(error, RequestError):
            names = ("param", "status")
        elif isinstance(error, UpstreamLimitError):
            names = ("retry_after_s",)
        elif isinstance(error, UpstreamError):
            names = ("maybe_paid",)
        return cls(kind.__name__, str(error), {name: getattr(error, name) for name in names})

    def error(self) -> RoutewrightError:
        """The error, as it was raised where it happened."""
        made: RoutewrightError = getattr(errors, self.kind)(self.message, **self.fields)
        return made


class Worker:
    """Calls models; becomes a Ray actor. It keeps nothing that a successor would need.

    Keys come by a call and not with the constructor, whose arguments Ray's control service keeps.
    """

    def __init__(self) -> None:
        self._providers: dict[str, Provider] = {}

    async def open(self, settings: Settings, keys: Mapping[str, Secret]) -> tuple[str, int]:
        """Get the providers ready; tells the versions here and the process's id."""
        from routewright.providers import make_providers

        self._providers = make_providers(settings, keys)
        return VERSIONS, os.getpid()

    async def complete(
        self,
        provider: str,
        model: Model,
        body: JsonObject,
        cache_prefix: int,
        idempotency_key: str,
        stream: bool,
    ) -> Completion | Failure:
        """Ask a model once. A failure is handed back as a value: Ray would wrap it in its own."""
        from routewright.providers.completion import complete_streamed

        own = self._providers[provider]
        hints: dict[str, Any] = {"cache_prefix": cache_prefix, "idempotency_key": idempotency_key}
        try:
            if stream:
                return await complete_streamed(own, model, body, **hints)
            return await own.complete(model, body, **hints)
        except RoutewrightError as error:
            return Failure.of(error)

    async def aclose(self) -> None:
        """End connections and the processes of local models."""
        for provider in self._providers.values():
            await provider.aclose()
