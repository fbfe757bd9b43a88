"""``routewright doctor``: look whether something is wrong."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.group(name="doctor")
def command() -> None:
    """Look whether something is wrong."""


@command.command(name="reconcile")
@click.option("--store", required=True, help="The database's URL.")
@click.option("--client", type=click.Path(path_type=Path), help="What clients saw, JSON Lines.")
@click.option("--upstream", type=click.Path(path_type=Path), help="What upstreams did, likewise.")
def reconcile_(store: str, client: Path | None, upstream: Path | None) -> None:
    """Count what is missing, doubled or different in the database; exit with 1 if anything is.

    docs/state.md describes the lines of both logs.
    """
    import msgspec

    from routewright.config import Secret
    from routewright.state.reconcile import ClientLine, UpstreamLine, read_lines, reconcile
    from routewright.state.store import Store

    opened = Store(Secret(store))
    report = reconcile(
        read_lines(client, ClientLine) if client else (),
        read_lines(upstream, UpstreamLine) if upstream else (),
        opened,
    )
    opened.close()
    told = {**msgspec.to_builtins(report), "unexplained": report.unexplained}
    click.echo(msgspec.json.format(msgspec.json.encode(told)))
    sys.exit(1 if report.unexplained or report.missing or report.gaps else 0)
