"""``routewright rollback``: the former artefact is put in force again in a running gateway."""

from __future__ import annotations

from pathlib import Path

import click

from routewright.cli.operating import on, roll_out


@click.command(name="rollback")
@on
def command(config: Path, url: str | None) -> None:
    """Put the artefact in force again that the last promotion replaced."""
    roll_out(config, url, "/admin/artefacts/rollback")
