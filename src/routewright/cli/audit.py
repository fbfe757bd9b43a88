"""``routewright judge audit``: a person grades a sample, and the judge is corrected by it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from unicodedata import category

import click

if TYPE_CHECKING:
    from routewright.judge.audit import Audit, Item

REPORT_FILE = "audit.json"


@click.command(name="audit")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--size",
    type=click.IntRange(min=1),
    default=150,
    show_default=True,
    help="Answers to grade; stop before or ask for more later.",
)
@click.option("--browser", is_flag=True, help="Grade in a browser on this machine.")
@click.option("--report", "report_only", is_flag=True, help="Only report on the marks there are.")
@click.option("--apply", is_flag=True, help="Correct the routing data by the marks there are.")
@click.option("--redraw", is_flag=True, help="Draw anew, because the answers have changed.")
@click.option("--seed", default=0, help="Draws the sample.")
def command(
    folder: Path,
    size: int,
    browser: bool,
    report_only: bool,
    apply: bool,
    redraw: bool,
    seed: int,
) -> None:
    """Grade a sample of what an LLM judged in FOLDER, then see what its marks are worth.

    The sample is spread over models, tasks and marks; neither the model nor the judge's mark is
    shown. Every mark is kept at once, so stop at any moment and go on later. --apply moves each
    model's judged scores to the mean that the audit gives it and writes the standard errors to
    corrections.json; routewright judge puts the judge's scores back.
    """
    from routewright.data.corrections import CORRECTIONS_FILE
    from routewright.data.journal import Journal
    from routewright.evaluation.checks.from_folder import read_json
    from routewright.judge.audit import MARKS_FILE, Audit, read_judged
    from routewright.judge.audit_report import audit_report, report_lines
    from routewright.judge.corrections import apply_corrections
    from routewright.judge.table import write_json

    judged = read_judged(folder)
    with Journal(folder / MARKS_FILE) as journal:
        audit = Audit.of(judged, folder, journal, size=size, seed=seed, redraw=redraw)
        if not (report_only or apply):
            _in_browser(audit) if browser else _in_terminal(audit)
        human, skipped = audit.human, audit.skipped
    if not human and not (report_only or apply):
        click.echo("no answer was graded yet; the same command goes on with it")
        return
    report = audit_report(judged, human, skipped)
    write_json(folder / REPORT_FILE, report)
    for line in report_lines(report, _position(read_json(folder / "pairs.json"))):
        click.echo(line)
    if apply:
        told = apply_corrections(judged, human, folder)
        for model, each in told["models"].items():
            click.echo(f"{model}: score {each['shift']:+.3f} ± {each['std_error']:.3f}")
        click.echo(f"scores corrected; how far and how surely: {folder / CORRECTIONS_FILE}")


def _position(pairs: dict[str, Any]) -> dict[str, Any] | None:
    """Of the first judge that compared pairs."""
    judges = [each.get("position") for each in pairs.get("judges", {}).values()]
    return next((each for each in judges if each), None)


def _in_browser(audit: Audit) -> None:
    from routewright.judge.page import serve

    def announce(link: str) -> None:
        click.echo(f"open {link}\n(the link works once, on this machine; Ctrl-C stops)")

    serve(audit, announce)


def _in_terminal(audit: Audit) -> None:
    """Show answer by answer and read marks until the sample is through or the person stops."""
    click.echo("marks 0 to 5; s: can't tell, b: back, q: stop (everything is kept)")
    place: int | None = None
    while True:
        if place is None:
            if not audit.left:
                return
            place = audit.left[0]
        _show(audit.items[place], place, len(audit.items))
        try:
            told = click.prompt("mark", prompt_suffix=" > ").strip().lower()
        except click.Abort:  # end of input or Ctrl-C: what was given is on disk
            return
        if told == "q":
            return
        if told == "b":
            place = max(place - 1, 0)
        elif told == "s" or told in ("0", "1", "2", "3", "4", "5"):
            audit.put(place, None if told == "s" else float(told))
            place = None
        else:
            click.echo("give a whole number from 0 to 5, or s, b, q")


def _show(item: Item, place: int, total: int) -> None:
    click.echo(f"\n{'─' * 72}\n{place + 1} of {total}")
    for message in item.prompt.messages:
        click.echo(f"\n[{message.role}]\n{_printable(message.text)}")
    if item.prompt.reference:
        click.echo(
            f"\n[what a right answer says, or how to grade it]\n{_printable(item.prompt.reference)}"
        )
    click.echo(f"\n[answer]\n{_printable(item.text) or '(empty)'}\n")


def _printable(text: str) -> str:
    """Text without control characters: an answer must not move the cursor or set colours."""
    kept = (c for c in text if c in "\n\t" or c.isprintable() or category(c) == "Zs")
    return "".join(kept).encode("utf-8", "replace").decode("utf-8")
