"""``routewright evaluate``: artefact and data → frontier, intervals and a verdict."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from routewright.errors import DataError

if TYPE_CHECKING:
    from routewright.data import RoutingData
    from routewright.evaluation import Note
    from routewright.routers import BaseRouter

# Fitted on the same training prompts, so that the table shows what the router adds to them.
RIVALS = ("length", "knn", "ridge")
FEWEST_FOR_RIVALS = 30
TRUSTED_KAPPA = 0.6


@click.command(name="evaluate")
@click.argument("artefact", type=click.Path(path_type=Path))
@click.option("--data", required=True, type=click.Path(path_type=Path), help="Routing data.")
@click.option("--json", "as_json", is_flag=True, help="Print the evaluation as JSON.")
@click.option("--report", type=click.Path(path_type=Path), help="Also write one HTML file.")
@click.option("--worth-usd", type=float, help="Dollars for one whole unit of score.")
@click.option("--replicates", type=click.IntRange(min=1), default=2000, show_default=True)
@click.option("--seed", default=0, show_default=True, help="Of the bootstrap.")
def command(
    artefact: Path,
    data: Path,
    as_json: bool,
    report: Path | None,
    worth_usd: float | None,
    replicates: int,
    seed: int,
) -> None:
    """Prove on prompts that ARTEFACT was not trained on whether routing pays.

    Prompts of its training, and prompts of their groups, are left out.
    """
    import numpy as np

    from routewright import routers
    from routewright.cli.train import group_digest
    from routewright.data import RoutingData
    from routewright.evaluation import evaluate, print_table, write_report

    router = routers.load(artefact)
    manifest = routers.read_manifest(artefact)
    table = RoutingData.load(data)
    trained_on = set(manifest.extra.get("training_groups", ()))
    seen = np.array([group_digest(group) in trained_on for group in table.groups])
    if seen.all():
        raise DataError(
            f"{data}: the artefact was trained on all {len(table)} prompts; train again with "
            "--holdout 0.3, or give other data"
        )
    means = manifest.meta["train_means"]
    evaluation = evaluate(
        {router.name: router, **_rivals(router, table.subset(seen))},
        table.subset(~seen),
        train_means=(means["scores"], means["costs"]),
        worth_usd=router.recommended_worth_usd_ if worth_usd is None else worth_usd,
        seed=seed,
        replicates=replicates,
    )
    if report is not None:
        write_report(evaluation, report, notes=notes(data, manifest, int(seen.sum())))
    if as_json:
        click.echo(json.dumps(evaluation.to_dict()))
        return
    click.echo(f"{int(seen.sum())} prompts of {table.name} were in training and are left out")
    print_table(evaluation)
    if report is not None:
        click.echo(f"report: {report}")


def _rivals(router: BaseRouter, training: RoutingData) -> dict[str, BaseRouter]:
    """Simpler routers on the router's own training prompts, where the data hold them."""
    from routewright import routers

    if len(training) < FEWEST_FOR_RIVALS:
        return {}
    shared = training.select_models(router.models_)
    return {
        name: routers.make(name, seed=router.seed).fit(shared)
        for name in RIVALS
        if name != router.name
    }


def notes(data: Path, manifest: Any, seen: int) -> list[Note]:
    """Sections for the report: what it was trained on, how the answers came about, the judge."""
    from routewright.evaluation import Note

    extra = {key: value for key, value in manifest.extra.items() if key != "training_groups"}
    found = [Note("Training", {**extra, "prompts left out of this test": seen})]
    collection = _read_json(data / "manifest.json")
    if collection:
        facts = {key: collection.get(key) for key in ("date", "engine", "decoding")}
        facts |= {name: given.get("sha256", "") for name, given in collection["models"].items()}
        found.append(Note("How the answers were collected", facts, text="SHA-256 of each model."))
    agreement = _read_json(data / "agreement.json")
    if agreement:
        kappa = agreement["weighted_kappa"]
        found.append(
            Note("How well the LLM judge agrees with the graders", agreement, text=_in_words(kappa))
        )
    return found


def _in_words(kappa: float) -> str:
    """What a weighted kappa means for the scores that the judge gave."""
    if kappa >= TRUSTED_KAPPA:
        return f"Weighted kappa is {kappa:.2f}: the judge's scores are fit to train a router."
    return (
        f"Weighted kappa is only {kappa:.2f}, below the {TRUSTED_KAPPA} that scores should reach "
        "before a router learns from them: read the judged tasks' rows with caution, or take a "
        "stronger judge. Verified answers are not touched by this."
    )


def _read_json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text("utf-8")) if path.is_file() else {}
