"""``routewright import``: logs → prompts, and the answers that need not be bought again."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import click

from routewright.cli.on import each_step, on_options


@click.command(name="import")
@click.argument("format")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write to.")
@click.option("--column", default="", help="Column of a table that holds the prompt.")
@click.option("--sample", type=click.IntRange(min=1), help="Draw so many that stand for all.")
@click.option("--seed", default=0, show_default=True, help="Of the sample.")
@click.option(
    "--encoder", default="static", show_default=True, help="Whose clusters the sample keeps."
)
@click.option(
    "--near",
    type=click.Choice(["drop", "group"]),
    default="drop",
    show_default=True,
    help="Drop near duplicates, or keep them as one group, never split.",
)
@click.option("--scrub", is_flag=True, help="Take personal data and API keys out of all texts.")
@click.option(
    "--country", default="US", show_default=True, help="Of phone numbers without a country code."
)
@click.option(
    "--rename", multiple=True, metavar="OLD=NEW", help="The log's name of a model, and yours."
)
@click.option("--config", type=click.Path(path_type=Path), help="routewright.toml, for prices.")
@on_options
def command(
    format: str,
    path: Path,
    out: Path,
    column: str,
    sample: int | None,
    seed: int,
    encoder: str,
    near: Literal["drop", "group"],
    scrub: bool,
    country: str,
    rename: tuple[str, ...],
    config: Path | None,
    on: str | None,
    workers: int | None,
) -> None:
    """Read the log at PATH into a folder that collect takes.

    FORMAT is openai, litellm, langfuse, otel, llm, csv, parquet, text (a prompt a line), paragraphs
    (blank lines between), or auto. PATH may be a folder of such files.
    """
    from routewright.catalog import known_models
    from routewright.config import load_settings
    from routewright.data.logs import Source, log_format, recognised
    from routewright.data.logs.importing import Steps, import_log
    from routewright.encoders.named import make

    settings = load_settings(config)
    source = Source(path, column)
    name = recognised(source) if format == "auto" else format
    steps = Steps(
        scrub=country.upper() if scrub else "",
        near=near,
        sample=sample,
        encoder=encoder,
        seed=seed,
        rename=dict(_pair(given) for given in rename),
    )
    models = known_models() | {model.name: model for model in settings.pool()}
    with each_step(on, workers) as each:
        manifest = import_log(
            source,
            name,
            log_format(name),
            out,
            steps=steps,
            encoder=make(encoder, seed=seed),
            models=list(models.values()),
            on_step=lambda step: click.echo(f"{step} ...", err=True),
            each=each,
        )
    _print(manifest, out)


def _pair(given: str) -> tuple[str, str]:
    old, equals, new = given.partition("=")
    if not equals or not old or not new:
        raise click.BadParameter(f"{given!r}; write OLD=NEW", param_hint="--rename")
    return old, new


def _print(manifest: dict[str, Any], out: Path) -> None:
    """The manifest as a short table."""
    log, dropped = manifest["log"], manifest["dropped"]
    click.echo(f"{log['name']} as {log['format']}: {manifest['rows']:,} rows")
    _lines(dropped["rows"], dropped["first"], "dropped")
    click.echo(f"{manifest['prompts']:>11,}  prompts")
    click.echo(f"{manifest['answers']:>11,}  answers that need not be bought")
    for model, told in manifest["models"].items():
        blind = told["without_latency"]
        note = f", latency unknown of {blind:,}" if blind else ""
        click.echo(f"{told['answers']:>11,}    {model}, ${told['cost_usd']:.4f}{note}")
    _lines(dropped["answers"], dropped["first"], "not kept:")
    if manifest["scrubbed"]:
        found = ", ".join(f"{n:,} {kind}" for kind, n in sorted(manifest["scrubbed"].items()))
        click.echo(f"scrubbed: {found}")
    for what in ("languages", "tasks"):
        click.echo(f"{what}: {_shares(manifest[what])}")
    click.echo(f"written to {out}; every drop with its reason: {out / 'dropped.jsonl'}")


def _lines(counts: dict[str, int], first: dict[str, dict[str, str]], verb: str) -> None:
    for reason, count in counts.items():
        seen = first[reason]
        note = f": {seen['note']}" if seen["note"] else ""
        click.echo(f"{count:>11,}  {verb} {reason} (first {seen['place']}{note})")


def _shares(told: dict[str, dict[str, int]]) -> str:
    """The most frequent, with the share before sampling where that was another."""
    after, before = told["after"], told["before"]
    total, whole = sum(after.values()), sum(before.values())
    parts: list[str] = []
    for name, count in list(after.items())[:6]:
        share, was = count / total, before.get(name, 0) / whole
        parts.append(f"{name} {share:.1%}" + (f" (of all {was:.1%})" if total != whole else ""))
    return ", ".join(parts) + (f", {len(after) - 6} more" if len(after) > 6 else "")
