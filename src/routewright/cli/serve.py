"""``routewright serve``: an artefact → an OpenAI-compatible endpoint."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import socket
import sys
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from routewright.cli.options import config_option
from routewright.errors import ConfigError, RoutewrightError

if TYPE_CHECKING:
    from routewright.config import Settings
    from routewright.serve.gateway import Gateway

# M_ARENA_MAX, M_MMAP_THRESHOLD and M_TRIM_THRESHOLD of glibc's mallopt.
_HEAP = {-8: 1, -3: 128 * 1024, -1: 128 * 1024}
_NUMERIC_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@click.command(name="serve")
@config_option
@click.option("--host", help="An address; beyond loopback there must be keys.")
@click.option("--port", type=int, help="0 takes a free one.")
@click.option("--artefact", type=click.Path(path_type=Path), help="A trained router.")
@click.option("--workers", type=click.IntRange(min=1), help="Processes that share the port.")
@click.option("--without-keys", is_flag=True, help="Let everybody ask who reaches the address.")
@click.option("--worth-usd", type=float, help="Dollars for one whole unit of score.")
def command(
    config: Path,
    host: str | None,
    port: int | None,
    artefact: Path | None,
    workers: int | None,
    without_keys: bool,
    worth_usd: float | None,
) -> None:
    """Serve the router behind an OpenAI-compatible endpoint; the model `auto` routes."""
    # Before numpy is imported: its thread pool would fight the models for the cores, and one
    # prompt's arrays are too small to gain from it.
    for name in _NUMERIC_THREADS:
        os.environ.setdefault(name, "1")

    from routewright.config import load_settings
    from routewright.serve import logs, metrics
    from routewright.serve.alone import unshared
    from routewright.serve.configured import with_flags
    from routewright.serve.gateway import Gateway
    from routewright.serve.server import serve
    from routewright.serve.sinks import with_state

    def read() -> Settings:
        given = load_settings(config)
        return with_flags(
            with_state(given),
            host=host,
            port=port,
            auth="open" if without_keys else None,
            artefact=artefact,
            worth_usd=worth_usd,
            workers=workers,
        )

    settings = read()
    logs.install(settings.gateway.log)
    content = settings.gateway.content
    if content.log:
        click.echo(
            f"warning: prompts and answers are kept for {content.days:g} days "
            "([gateway.content] in the configuration)",
            err=True,
        )
    count = settings.gateway.workers
    if count > 1 and settings.gateway.decisions:
        raise ConfigError(
            "gateway.decisions: one journal has one writer; leave it out, or serve with --workers 1"
        )
    # Before any number is made: which kind it is depends on it.
    with metrics.share() if count > 1 else contextlib.nullcontext():
        gateway = Gateway(settings, source=read)
        for line in about(gateway):
            click.echo(line)
        _take_all_descriptors()
        _keep_one_heap()
        if count > 1:
            gateway.check_address()
            for line in unshared(gateway):
                click.echo(f"Warning: {line}", err=True)
            gateway.release()  # no connection may be shared with the workers, each of which
            del gateway  # reads its own
            sys.exit(_serve_with(count, read))
    _run(serve(gateway, on_ready=_announce))


def _serve_with(count: int, read: Callable[[], Settings]) -> int:
    """Serve with several workers; each reads the configuration when it starts."""
    from routewright.serve import metrics
    from routewright.serve.gateway import Gateway
    from routewright.serve.peers import Peers
    from routewright.serve.server import listeners_of, serve, url_of
    from routewright.serve.workers import Workers

    async def work(mine: Sequence[socket.socket], ready: Callable[[], None], parent: int) -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()

        def orphaned() -> None:
            loop.remove_reader(parent)  # its end would be read for ever
            stop.set()

        loop.add_reader(parent, orphaned)
        peers = Peers(shared)
        peers.listen()
        gateway = Gateway(read(), source=read, peers=peers)
        await serve(gateway, listeners=mine, on_ready=lambda _: ready(), stop=stop)

    def worker(mine: Sequence[socket.socket], ready: Callable[[], None], parent: int) -> int:
        try:
            _run(work(mine, ready, parent))
        except RoutewrightError as error:
            click.echo(f"Error: {error}", err=True)
            return error.exit_code
        return 0

    listeners = listeners_of(read().gateway, count)
    url = url_of(listeners[0][0])
    with tempfile.TemporaryDirectory(prefix="routewright-workers-") as folder:
        shared = Path(folder)
        return Workers(listeners, worker, lambda: _announce(url), metrics.forget).run()


def _take_all_descriptors() -> None:
    """A stream takes two descriptors, and what a shell grants at first is few."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _keep_one_heap() -> None:
    """With glibc: threads that wait most of their time need no heap each, and what is large goes
    back when it is freed."""
    try:
        adjust = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library
        return
    for option, value in _HEAP.items():
        adjust(option, value)


def _run(serving: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(serving)


def about(gateway: Gateway) -> list[str]:
    """What a gateway would route, and by what, in a few lines."""
    decider = gateway.decider
    if decider.router is None:
        first = f"no router: {decider.default_model} answers for the model auto"
    else:
        first = f"router: {gateway.settings.gateway.artefact}, {decider.policy}"
    known = decider.router.models_ if decider.router else tuple(decider.pool)
    rules = len(decider.rules)
    return [
        first,
        *([f"rules: {rules}"] if rules else []),
        *(
            f"model: {model.name} ({model.provider})"
            + ("" if model.name in known else ", by name only: the router does not know it")
            for model in decider.pool.values()
        ),
    ]


def _announce(url: str) -> None:
    click.echo(f"listening on {url} (model: auto)")
    click.echo(
        f"try: curl {url}/v1/chat/completions -d "
        '\'{"model": "auto", "messages": [{"role": "user", "content": "What is 17 * 3?"}]}\''
    )


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # Windows has none
        return None
    return uvloop.Loop
