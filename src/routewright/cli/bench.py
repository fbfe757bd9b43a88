"""``routewright bench``: data sets and routers → a leaderboard."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from routewright.cli.on import cluster_on, on_options
from routewright.cli.progress import progress_bar
from routewright.errors import UsageError

if TYPE_CHECKING:
    from routewright.bench.pool import Hands
    from routewright.scale import Cluster


@click.command(name="bench")
@click.option(
    "--data", required=True, multiple=True, help="Routing data or hub:NAME; may be repeated."
)
@click.option("--models", help="Only these models, separated by commas.")
@click.option(
    "--routers",
    default="all",
    show_default=True,
    help="Names separated by commas; baselines, bounds and controls always join.",
)
@click.option(
    "--router",
    "files",
    multiple=True,
    metavar="FILE.py:CLASS",
    help="A router of your own; the file is run. May be repeated.",
)
@click.option(
    "--regimes",
    help="in-distribution, leave-one-task-out, temporal, new-model, separated by commas; by "
    "default all that the data allow.",
)
@click.option("--seeds", type=click.IntRange(min=1), default=5, show_default=True, help="How many.")
@click.option(
    "--holdout",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.3,
    show_default=True,
    help="Share of the prompts to test on, where the regime leaves it open.",
)
@click.option("--replicates", type=click.IntRange(min=1), default=2000, show_default=True)
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Folder; a run goes on there."
)
@click.option(
    "--jobs", type=click.IntRange(min=1), help="Processes; by default one for each processor."
)
@click.option("--json", "as_json", is_flag=True, help="Print the leaderboard as JSON.")
@on_options
def command(
    data: tuple[str, ...],
    models: str | None,
    routers: str,
    files: tuple[str, ...],
    regimes: str | None,
    seeds: int,
    holdout: float,
    replicates: int,
    out: Path,
    jobs: int | None,
    as_json: bool,
    on: str | None,
    workers: int | None,
) -> None:
    """Compare routers on data sets, each parted in up to four ways.

    Every fit is written to --out as soon as it is done; a run that was stopped goes on where it
    was. --out then holds leaderboard.json, leaderboard.txt and report.html.

    Exit codes: 0 whatever the standings; 1 where a router failed on some fold (the leaderboard is
    written without it); 2 for a mistake in the arguments or the data.
    """
    from routewright.bench import bench
    from routewright.bench.table import print_leaderboard

    # With --router alone, the others aren't meant.
    default = click.get_current_context().get_parameter_source("routers")
    alone = files and default is ParameterSource.DEFAULT
    if on is not None and jobs is not None:
        raise UsageError("--jobs are processes of this machine; with --on give --workers")
    with cluster_on(on, workers) as cluster:
        done = bench(
            data,
            "" if alone else routers,
            out=out,
            files=files,
            models=_listed(models),
            regimes=_listed(regimes),
            seeds=seeds,
            holdout=holdout,
            replicates=replicates,
            jobs=jobs,
            hands=_hands(cluster),
            watch=progress_bar,
        )
    if as_json:
        click.echo(json.dumps(done.board.to_dict()))
    else:
        print_leaderboard(done.board)
    failed = f", {len(done.failed)} failed" if done.failed else ""
    click.echo(f"{done.found} fits found in {out}, {done.fitted} made{failed}", err=True)
    if done.report is not None:
        click.echo(f"report: {done.report}", err=True)
    if done.failed:
        sys.exit(1)


def _hands(cluster: Cluster | None) -> Hands | None:
    if cluster is None:
        return None
    from routewright.scale import ClusterHands

    return ClusterHands(cluster)


def _listed(told: str | None) -> list[str] | None:
    return None if told is None else [part.strip() for part in told.split(",") if part.strip()]
