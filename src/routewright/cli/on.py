"""``--on``: where a stage's work is done; without it in this process."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, TypeVar

import click

from routewright.errors import UsageError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from routewright.config import Settings
    from routewright.data.each import Each
    from routewright.protocols import Provider
    from routewright.scale import Cluster

Command = TypeVar("Command", bound=Callable[..., Any])


def on_options(command: Command) -> Command:
    """The options ``--on`` and ``--workers``."""
    command = click.option(
        "--workers",
        type=click.IntRange(min=1),
        help="With --on: processes to use; without it one a node, or two on this machine.",
    )(command)
    return click.option(
        "--on",
        metavar="ray|ray://HOST:PORT",
        help="Have a Ray cluster do the work: ray for one on this machine.",
    )(command)


def cluster_on(on: str | None, workers: int | None) -> AbstractContextManager[Cluster | None]:
    """The cluster that was asked for, or None; it is left at the end.

    Raises:
        UsageError: workers without a cluster.
    """
    if on is None:
        if workers is not None:
            raise UsageError("--workers goes with --on")
        return nullcontext()
    from routewright.scale import open_cluster

    return open_cluster(on, workers)


@contextmanager
def each_step(on: str | None, workers: int | None) -> Generator[Each]:
    """Who does a stage's steps over single rows: this process, or the cluster's workers.

    Raises:
        UsageError: workers without a cluster.
    """
    with cluster_on(on, workers) as cluster:
        if cluster is None:
            from routewright.data.each import here

            yield here
        else:
            from routewright.scale import each_on

            yield each_on(cluster)


@asynccontextmanager
async def calling(
    settings: Settings, cluster: Cluster | None, *, stream: bool = False, repeats: int = 0
) -> AsyncGenerator[dict[str, Provider]]:
    """Every configured provider by name, all closed at the end.

    ``stream`` has the workers of a cluster ask for streams; here whoever calls does that.
    ``repeats`` is how often a call whose worker died is made again before its stage learns of it.
    """
    if cluster is None:
        from routewright.providers import make_providers

        providers = make_providers(settings)
    else:
        from routewright.scale import remote_providers

        providers = remote_providers(cluster, settings, stream=stream, repeats=repeats)
    try:
        yield providers
    finally:
        for provider in providers.values():
            await provider.aclose()
