"""``routewright config check``: would the gateway start, or reload, with this configuration?"""

from __future__ import annotations

from pathlib import Path

import click

from routewright.cli.options import config_option


@click.group(name="config")
def command() -> None:
    """Look at the gateway's configuration without starting it."""


@command.command(name="check")
@config_option
@click.option("--artefact", type=click.Path(path_type=Path), help="A trained router.")
def check(config: Path, artefact: Path | None) -> None:
    """Read configuration and artefact, and try the router, as a reload does; nothing is called.

    Exit code 0 where a gateway would start with them, 2 with one line where not.
    """
    from routewright.cli.serve import about
    from routewright.config import load_settings
    from routewright.serve.configured import with_flags
    from routewright.serve.gateway import Gateway

    gateway = Gateway(with_flags(load_settings(config), artefact=artefact))
    gateway.generation.check()
    for line in about(gateway):
        click.echo(line)
    missing = gateway.generation.missing()
    if missing:
        click.echo(f"the router knows, the pool lacks: {', '.join(sorted(missing))}")
    click.echo("ok")
