"""``routewright cache calibrate``: from which similarity on an answer may be given again."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from routewright.errors import DataError

if TYPE_CHECKING:
    from routewright.evaluation.reuse import Asked, Calibration


@click.group(name="cache")
def command() -> None:
    """Calibrate the cache of answers to similar prompts."""


@command.command(name="calibrate")
@click.argument("data")
@click.option("--encoder", default="static", show_default=True, help="What similarity is.")
@click.option(
    "--most-wrong",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.01,
    show_default=True,
    help="Share of reused answers that may belong to another question.",
)
@click.option(
    "--confidence",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.95,
    show_default=True,
    help="With which that is to hold.",
)
@click.option("--seed", default=0, show_default=True, help="Of the split into two halves.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def calibrate(
    data: str, encoder: str, most_wrong: float, confidence: float, seed: int, as_json: bool
) -> None:
    """Find the similarity from which an answer may be given to another prompt.

    DATA are routing data, or a .jsonl file of logged prompts: {"prompt": ..., "answer": ...,
    "group": ..., "system": ...}, the last two where they are known. Prompts of one group may share
    an answer, and so may those whose answers are the same words.
    """
    from routewright.encoders.alike import opened
    from routewright.evaluation import reuse

    ready, identity = opened(encoder)
    found = reuse.calibrate(
        _asked(data), ready, wanted=most_wrong, confidence=confidence, seed=seed
    )
    if as_json:
        click.echo(json.dumps({**asdict(found), "encoder": identity}))
        return
    click.echo(_table(found))
    if found.threshold is None:
        click.echo(
            f"none: no threshold keeps wrong answers under {most_wrong:.2%} of those reused with "
            f"{confidence:.0%} confidence; leave the cache exact"
        )
        return
    click.echo("[gateway.cache]\nexact = true")
    click.echo(f'similar = {found.threshold:g}\nencoder = "{identity}"')


def _asked(data: str) -> list[Asked]:
    """The prompts of routing data or of a log.

    Raises:
        DataError: the file cannot be read, or a line of it is no such prompt.
    """
    from routewright.data import RoutingData
    from routewright.evaluation.reuse import asked_of

    if Path(data).suffix == ".jsonl":
        return _logged(Path(data))
    return asked_of(RoutingData.load(data))


def _logged(path: Path) -> list[Asked]:
    import msgspec

    from routewright.evaluation.reuse import Asked

    class Line(msgspec.Struct):
        prompt: str
        answer: str = ""
        group: str = ""
        system: str = ""

    asked: list[Asked] = []
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            said = msgspec.json.decode(line, type=Line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise DataError(f"{path}, line {number}: {error}") from error
        asked.append(Asked(said.prompt, said.system, said.group, said.answer))
    return asked


def _table(found: Calibration) -> str:
    """Every threshold with what it did to the half that tests."""
    lines = ["threshold  prompts   hits  hit rate  wrong  wrong share  at most"]
    for row in found.rows:
        seen = row.testing
        share = f"{seen.wrong / seen.hits:.2%}" if seen.hits else "-"
        lines.append(
            f"{row.threshold:>9g}  {seen.prompts:>7}  {seen.hits:>5}  "
            f"{seen.hits / max(seen.prompts, 1):>8.2%}  {seen.wrong:>5}  {share:>11}  "
            f"{seen.most_wrong(found.confidence):>7.2%}{'  kept' if row.kept else ''}"
        )
    lines.append(
        f"at most: upper bound of the share, {found.confidence:.0%} confidence (Clopper-Pearson); "
        f"{found.skipped} prompts are longer than a line"
    )
    return "\n".join(lines)
