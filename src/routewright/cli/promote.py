"""``routewright promote``: another artefact is put in force in a running gateway."""

from __future__ import annotations

from pathlib import Path

import click

from routewright.cli.operating import on, roll_out


@click.command(name="promote")
@click.argument("artefact")
@on
def command(artefact: str, config: Path, url: str | None) -> None:
    """Put ARTEFACT in force in a running gateway, in all workers or in none, and after restarts.

    Its folder is relative to the gateway's configuration, and lies below that or beside the
    configured artefact. `routewright rollback` takes it back.
    """
    roll_out(config, url, "/admin/artefacts/promote", {"artefact": artefact})
