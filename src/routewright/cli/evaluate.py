"""``routewright evaluate``: artefact and data → frontier, intervals and a verdict."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from routewright.errors import DataError

if TYPE_CHECKING:
    from routewright.data import RoutingData
    from routewright.evaluation import Evaluation, Note
    from routewright.evaluation.checks import Check
    from routewright.evaluation.results import Finding
    from routewright.routers import BaseRouter

# Fitted on the same training prompts, so that the table shows what the router adds to them.
RIVALS = ("cost-only", "length", "knn", "ridge")
FEWEST_FOR_RIVALS = 30
GATE_CLOSED = 3  # exit code: 1 is a crash, 2 a mistake of the caller


@click.command(name="evaluate")
@click.argument("artefact", type=click.Path(path_type=Path))
@click.option("--data", required=True, type=click.Path(path_type=Path), help="Routing data.")
@click.option("--json", "as_json", is_flag=True, help="Print the evaluation as JSON.")
@click.option("--report", type=click.Path(path_type=Path), help="Also write one HTML file.")
@click.option("--worth-usd", type=float, help="Dollars for one whole unit of score.")
@click.option("--replicates", type=click.IntRange(min=1), default=2000, show_default=True)
@click.option("--seed", default=0, show_default=True, help="Of the bootstrap.")
@click.option(
    "--gate",
    is_flag=True,
    help="Exit with code 3 where the verdict is not to route, or a check finds an error.",
)
def command(
    artefact: Path,
    data: Path,
    as_json: bool,
    report: Path | None,
    worth_usd: float | None,
    replicates: int,
    seed: int,
    gate: bool,
) -> None:
    """Prove on prompts that ARTEFACT was not trained on whether routing pays.

    Prompts of its training, and prompts of their groups, are left out. Checks with codes (RT001
    and on; docs/checks explains each) look for what would make the verdict wrong.

    Exit codes: 0 whatever the verdict; with --gate, 3 where it is not to route or a check finds
    an error; 2 for a mistake in the arguments, the artefact or the data.
    """
    import numpy as np

    from routewright import routers
    from routewright.cli.train import group_digest
    from routewright.data import RoutingData
    from routewright.evaluation import evaluate, print_table, write_report
    from routewright.evaluation.checks import check, unknown
    from routewright.evaluation.checks.gather import gather

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
    test, means = table.subset(~seen), manifest.meta["train_means"]
    train_means = (means["scores"], means["costs"])
    entrants = {router.name: router, **_rivals(router, table.subset(seen))}
    told = {
        name: each.predict(test.prompts)
        for name, each in entrants.items()
        if not each.knows_only_training_prompts
    }
    evaluation = evaluate(
        {**entrants, **told},
        test,
        train_means=train_means,
        worth_usd=router.recommended_worth_usd_ if worth_usd is None else worth_usd,
        seed=seed,
        replicates=replicates,
    )
    facts = gather(
        evaluation,
        router,
        told,
        table,
        trained=seen,
        train_means=train_means,
        folder=data,
        today=datetime.now(UTC).date(),
    )
    evaluation = replace(evaluation, findings=check(facts))
    unmade = unknown(facts)
    if report is not None:
        about = [checks_note(evaluation.findings, unmade)]
        about += notes(data, manifest, int(seen.sum()))
        write_report(evaluation, report, notes=about)
    if as_json:
        click.echo(json.dumps(evaluation.to_dict()))
    else:
        click.echo(f"{int(seen.sum())} prompts of {table.name} were in training and are left out")
        print_table(evaluation)
        print_findings(evaluation.findings, unmade)
        if report is not None:
            click.echo(f"report: {report}")
    if gate:
        _pass_or_exit(evaluation)


def _pass_or_exit(evaluation: Evaluation) -> None:
    """Leave with the gate's exit code, saying why, unless all is well."""
    errors = [finding.code for finding in evaluation.findings if finding.severity == "error"]
    reasons = [] if evaluation.pays else ["the verdict is not to route"]
    if errors:
        reasons.append(f"{', '.join(errors)} found {'an error' if len(errors) == 1 else 'errors'}")
    if reasons:
        click.echo(f"gate closed: {'; '.join(reasons)}", err=True)
        sys.exit(GATE_CLOSED)


def print_findings(findings: Sequence[Finding], unmade: Sequence[Check]) -> None:
    """Print what the checks found, and which could not be made."""
    from routewright.evaluation.checks import line

    click.echo()
    for finding in findings:
        click.echo(line(finding))
    click.echo(_not_made(findings, unmade))


def checks_note(findings: Sequence[Finding], unmade: Sequence[Check]) -> Note:
    """The checks as a section of the report."""
    from routewright.evaluation import Note

    entries = {f"{each.severity} {each.code}": f"{each.title}: {each.message}" for each in findings}
    return Note("Checks", entries, text=_not_made(findings, unmade))


def _not_made(findings: Sequence[Finding], unmade: Sequence[Check]) -> str:
    from routewright.evaluation.checks import CHECKS

    made = len(CHECKS) - len(unmade)
    codes = ", ".join(each.code for each in unmade)
    rest = f"; unknown, so not checked: {codes}" if unmade else ""
    return f"{made} checks made, {len(findings)} fired{rest}"


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
    from routewright.evaluation.checks.from_folder import AGREEMENT, MANIFEST, read_json

    extra = {key: value for key, value in manifest.extra.items() if key != "training_groups"}
    found = [Note("Training", {**extra, "prompts left out of this test": seen})]
    collection = read_json(data / MANIFEST)
    if collection.get("format") == "routewright-collection":
        facts = {key: collection.get(key) for key in ("date", "engine", "decoding")}
        facts |= {name: given.get("sha256", "") for name, given in collection["models"].items()}
        found.append(Note("How the answers were collected", facts, text="SHA-256 of each model."))
    agreement = read_json(data / AGREEMENT)
    if agreement:
        title = "How well the LLM judge agrees with the graders"
        told = {name: value for name, value in agreement.items() if name != "members"}
        found.append(Note(title, told, text=_in_words(agreement.get("weighted_kappa"))))
    found += audited(data)
    return found


def audited(data: Path) -> list[Note]:
    """What a person's audit of the judge says of the scores that were evaluated."""
    from routewright.data.corrections import CORRECTIONS_FILE
    from routewright.evaluation import Note
    from routewright.evaluation.checks.from_folder import read_json

    models = read_json(data / CORRECTIONS_FILE).get("models")
    if not models:
        return []
    moved = {name: f"{m['shift']:+.3f} ± {m['std_error']:.3f}" for name, m in models.items()}
    worst = max(m["std_error"] for m in models.values())
    text = (
        "By how much each model's mean score was moved, with the standard error of that. The "
        "intervals of scores, frontiers and differences hold both errors, that of the prompts and "
        f"that of the audit, which is at most a standard error of {worst:.3f} in a mean score, and "
        f"of {1.414 * worst:.3f} in a difference of two."
    )
    return [Note("Scores corrected by a person's audit of the judge", moved, text=text)]


def _in_words(kappa: float | None) -> str:
    """What a weighted kappa means for the scores that the judge gave."""
    from routewright.evaluation.checks.labels import TRUSTED_KAPPA

    if kappa is None:
        return "Weighted kappa is undefined: one of the two gave every answer the same mark."
    if kappa >= TRUSTED_KAPPA:
        return f"Weighted kappa is {kappa:.2f}: the judge's scores are fit to train a router."
    return (
        f"Weighted kappa is only {kappa:.2f}, below the {TRUSTED_KAPPA} that scores should reach "
        "before a router learns from them: read the judged tasks' rows with caution, or take a "
        "stronger judge. Verified answers are not touched by this."
    )
