"""``routewright reload``: a running gateway reads its configuration and artefact again."""

from __future__ import annotations

from pathlib import Path

import click

from routewright.cli.operating import on, roll_out


@click.command(name="reload")
@on
def command(config: Path, url: str | None) -> None:
    """Have a running gateway read its configuration again, in all workers or in none."""
    roll_out(config, url, "/admin/reload")
