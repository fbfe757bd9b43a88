"""``routewright pull``: an artefact is taken from the model hub."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(name="pull")
@click.argument("repo")
@click.option("--revision", required=True, help="The whole commit hash.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The folder to write.")
def command(repo: str, revision: str, out: Path) -> None:
    """Write the router of the hub's repository REPO at one commit to a folder.

    Its checksums are looked at and a trial prediction is made before it is there. No code comes
    with it, and none is run.
    """
    from routewright.errors import ConfigError
    from routewright.routers.artefact import ARRAYS, MANIFEST
    from routewright.routers.base import BaseRouter
    from routewright.routers.published import pulled

    folder = pulled(repo, revision=revision)
    router = BaseRouter.load(folder)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out}: there is something already; name another folder")
    out.mkdir(parents=True, exist_ok=True)
    for name in (ARRAYS, MANIFEST):
        (out / name).write_bytes((folder / name).read_bytes())
    click.echo(f"{out}: {router.name} for {', '.join(router.models_)}")
