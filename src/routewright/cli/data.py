"""``routewright data``: look at routing data before anything is trained on it."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.group(name="data")
def command() -> None:
    """Look at routing data."""


@command.command(name="show")
@click.argument("path")
@click.option("--json", "as_json", is_flag=True, help="Print the description as JSON.")
@click.option(
    "--format",
    "format_",
    default="auto",
    show_default=True,
    help="Of the files: native, or a published benchmark's format.",
)
@click.option(
    "--duplicates/--no-duplicates",
    default=True,
    show_default=True,
    help="Look for prompts that are the same question.",
)
@click.option("--replicates", type=click.IntRange(min=1), default=2000, show_default=True)
@click.option("--seed", default=0, show_default=True, help="Of the bootstrap.")
def show(
    path: str, as_json: bool, format_: str, duplicates: bool, replicates: int, seed: int
) -> None:
    """Say what the routing data at PATH hold, what routing could gain, and what looks wrong."""
    from routewright.data import RoutingData
    from routewright.data.responses import read_responses
    from routewright.evaluation.describe import describe
    from routewright.evaluation.describe_table import print_description

    data = RoutingData.load(path) if format_ == "auto" else RoutingData.load(path, format=format_)
    folder = Path(path)
    description = describe(
        data,
        responses=read_responses(folder) if folder.is_dir() else (),
        duplicates=duplicates,
        replicates=replicates,
        seed=seed,
    )
    if as_json:
        click.echo(json.dumps(description.to_dict()))
        return
    print_description(description)
