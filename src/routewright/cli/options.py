"""Options that commands have in common."""

from __future__ import annotations

from pathlib import Path

import click

config_option = click.option(
    "--config",
    type=click.Path(path_type=Path),
    default=Path("routewright.toml"),
    show_default=True,
    help="The configuration.",
)
