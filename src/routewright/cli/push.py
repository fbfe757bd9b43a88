"""``routewright push``: an artefact is put on the model hub."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(name="push")
@click.argument("artefact", type=click.Path(path_type=Path))
@click.argument("repo")
@click.option("--licence", default="", help="As the hub names it, such as apache-2.0.")
@click.option("--public", is_flag=True, help="If the repository has to be made, for all to see.")
def command(artefact: Path, repo: str, licence: str, public: bool) -> None:
    """Put the folder ARTEFACT into the hub's repository REPO, with a card; prints the commit.

    The token is HF_TOKEN, or that of `hf auth login`.
    """
    from routewright.routers.published import push_to_hub

    commit = push_to_hub(artefact, repo, licence=licence, private=not public)
    click.echo(f"{repo} at {commit}")
    click.echo(f"try: routewright pull {repo} --revision {commit} --out router/")
