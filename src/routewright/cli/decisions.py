"""``routewright decisions``: what a gateway decided, how it ended, and what follows from that."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from routewright.cli.options import config_option
from routewright.errors import ConfigError

if TYPE_CHECKING:
    from routewright.state.history import Filter, History
    from routewright.state.store import Store


@click.group(name="decisions")
@config_option
@click.pass_context
def command(context: click.Context, config: Path) -> None:
    """List, show and export the decisions of a gateway, from its database."""
    context.obj = config


def _filters(function: Callable[..., None]) -> Callable[..., None]:
    """The options that ``list`` and ``export`` have in common."""
    for name, text in (
        ("--key", "Of an API key, by its id or name."),
        ("--state", "complete, partial, failed, cached, unknown, or open."),
        ("--model", "Answered by this model."),
        ("--until", "Before a moment, likewise."),
        ("--since", "30m, 12h, 7d, a date (UTC), or Unix seconds."),
    ):
        function = click.option(name, help=text)(function)
    return function


@command.command(name="list")
@_filters
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="JSON Lines.")
@click.pass_obj
def list_(config: Path, limit: int, as_json: bool, **given: str | None) -> None:
    """List decisions, latest first: when, id, model, state, dollars, seconds, policy."""
    history, asked = _asked(config, given)
    for row in history.decisions(asked, limit):
        click.echo(_json(row) if as_json else _brief(row))


@command.command(name="show")
@click.argument("id")
@click.option("--with-content", is_flag=True, help="Prompt and answer too, where they are kept.")
@click.option("--json", "as_json", is_flag=True)
@click.pass_obj
def show(config: Path, id: str, with_content: bool, as_json: bool) -> None:
    """Show one decision: every candidate, what removed it, attempts, outcome and feedback."""
    history, _ = _asked(config, {})
    found = history.decision(id, content=with_content)
    if found is None:
        raise ConfigError(f"no decision {id!r}; `routewright decisions list` shows them")
    if as_json:
        click.echo(_json(found))
        return
    for line in _told(found):
        click.echo(line)


@command.command(name="export")
@click.argument("path", type=click.Path(path_type=Path))
@_filters
@click.option("--with-content", is_flag=True, help="Prompts and answers too, where they are kept.")
@click.pass_obj
def export(config: Path, path: Path, with_content: bool, **given: str | None) -> None:
    """Write whole decisions to PATH.jsonl, or graded answers as routing data to the folder PATH.

    The file is a log that `routewright import openai` reads, where it has contents. The folder has
    the prompts that were kept and whose answers got a score by feedback; `routewright train` reads
    it. - is standard output.
    """
    history, asked = _asked(config, given)
    if path.suffix != ".jsonl" and str(path) != "-":
        from routewright.state.evidence import write_evidence

        prompts, cells = write_evidence(history.export(asked, content=True), path)
        click.echo(f"{path}: {cells} graded answers to {prompts} prompts", err=True)
        return
    count = 0
    out = sys.stdout if str(path) == "-" else path.open("x", encoding="utf-8")
    try:
        for row in history.export(asked, content=with_content):
            out.write(_json(row) + "\n")
            count += 1
    finally:
        if out is not sys.stdout:
            out.close()
    click.echo(f"{count} decisions", err=True)


def _asked(config: Path, given: dict[str, str | None]) -> tuple[History, Filter]:
    from routewright.state.history import STATES, Filter, History, moment
    from routewright.state.keys import Keys

    store = _store(config)
    narrowed: dict[str, Any] = {"model": given.get("model"), "state": given.get("state")}
    if narrowed["state"] not in (None, *STATES):
        raise ConfigError(f"state {narrowed['state']!r}: write one of {', '.join(STATES)}")
    for name in ("since", "until"):
        try:
            narrowed[name] = None if given.get(name) is None else moment(str(given[name]))
        except ValueError as error:
            raise ConfigError(f"{name}: {error}") from None
    if key := given.get("key"):
        narrowed["key_id"] = Keys(store).find(key).id
    return History(store), Filter(**narrowed)


def _store(config: Path) -> Store:
    from routewright.config import load_settings
    from routewright.serve.sinks import with_state
    from routewright.state.store import Store

    settings = with_state(load_settings(config))
    if settings.gateway.state is None:
        raise ConfigError(
            f"decisions are in the journal {settings.gateway.decisions}; for questions set "
            "gateway.state.url in place of gateway.decisions"
        )
    return Store(settings.gateway.state.url, Path(settings.folder))


def _json(value: object) -> str:
    import msgspec

    return msgspec.json.encode(value).decode()


def _brief(row: dict[str, Any]) -> str:
    return "  ".join(
        (
            _moment(row["at"]),
            row["id"],
            f"{row['model']:<24}",
            f"{row['state']:<8}",
            f"{_dollars(row['cost_usd']):>11}",
            f"{_seconds(row['latency_s']):>8}",
            row["policy"] + (f" ({row['degraded']})" if row["degraded"] else ""),
        )
    )


def _told(row: dict[str, Any]) -> Iterator[str]:
    decision = row["decision"]
    yield f"{row['id']}  {_moment(row['at'])}  {row['requested']} → {row['model']}"
    yield f"why        {decision['reason']}"
    yield f"policy     {row['policy'] or 'none'}, probability {row['probability']:g}"
    yield f"artefact   {row['artefact'] or 'none'}"
    if row["degraded"]:
        yield f"degraded   {row['degraded']}"
    yield f"outcome    {row['state']}, {_dollars(row['cost_usd'])}, {_seconds(row['latency_s'])}"
    for each in decision["candidates"]:
        excluded = f"  removed: {each['excluded']}" if each.get("excluded") else ""
        cost = _dollars(each["cost_usd"])
        yield f"candidate  {each['model']:<24}  score {each['score']:.3f}  {cost}{excluded}"
    for each in row["attempts"] or ():
        yield f"attempt    {each['model']:<24}  {each['outcome']}  {_seconds(each['latency_s'])}"
    skipped: dict[str, str] = row["skipped"] or {}
    for model, why in skipped.items():
        yield f"skipped    {model:<24}  {why}"
    for said in row["feedback"]:
        told = {k: v for k, v in said.items() if v is not None and k != "at"}
        yield f"feedback   {', '.join(f'{name} {value}' for name, value in told.items())}"
    for name in ("request", "response"):
        if row.get(name) is not None:
            yield f"{name:<11}{_json(row[name])}"


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _dollars(usd: float | None) -> str:
    return "-" if usd is None else f"${usd:.6f}"


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.3f} s"
