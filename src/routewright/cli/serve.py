"""``routewright serve``: an artefact → an OpenAI-compatible endpoint."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from routewright.config import Settings
    from routewright.serve.gateway import Gateway

_NUMERIC_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@click.command(name="serve")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    default=Path("routewright.toml"),
    show_default=True,
    help="The configuration.",
)
@click.option("--host", help="A loopback address.")
@click.option("--port", type=int, help="0 takes a free one.")
@click.option("--artefact", type=click.Path(path_type=Path), help="A trained router.")
@click.option("--worth-usd", type=float, help="Dollars for one whole unit of score.")
def command(
    config: Path, host: str | None, port: int | None, artefact: Path | None, worth_usd: float | None
) -> None:
    """Serve the router behind an OpenAI-compatible endpoint; the model `auto` routes."""
    # Before numpy is imported: its thread pool would fight the models for the cores, and one
    # prompt's arrays are too small to gain from it.
    for name in _NUMERIC_THREADS:
        os.environ.setdefault(name, "1")
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")

    from routewright.config import load_settings
    from routewright.serve.gateway import Gateway, with_flags
    from routewright.serve.server import serve

    def read() -> Settings:
        return with_flags(
            load_settings(config), host=host, port=port, artefact=artefact, worth_usd=worth_usd
        )

    gateway = Gateway(read(), source=read)
    for line in about(gateway):
        click.echo(line)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(serve(gateway, on_ready=_announce))


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
