"""A description of routing data for the terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from routewright.evaluation.description import Description, NullWorld, Spread
from routewright.evaluation.table import dollars, interval

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

MOST_TASKS = 20
MOST_DATASETS = 6
_COLOURS = {"error": "bold red", "warning": "yellow", "info": "cyan"}


def print_description(description: Description, console: Console | None = None) -> None:
    """Print what the data hold: models, tasks, spread of scores, bounds, duplicates, warnings."""
    from rich.console import Console

    out = console or Console()
    if console is None and not out.is_terminal:
        out = Console(width=110)  # a pipe has no width of its own

    def say(text: str, style: str = "") -> None:
        out.print(text, style=style, markup=False, highlight=False, soft_wrap=True)

    say(_headline(description), "bold")
    tables = [_models(description)]
    if description.tasks[1:] or description.tasks[0].name:
        tables.append(_tasks(description))
    if 1 < len({facts.dataset for facts in description.spreads}) <= MOST_DATASETS:
        tables.append(_spreads(description))
    if description.answers:
        tables.append(_answers(description))
    for table in tables:
        out.print()
        out.print(table)
    out.print()
    for line in _lines(description):
        say(line)
    if description.warnings:
        out.print()
    for finding in description.warnings:
        colour = _COLOURS[finding.severity]
        say(f"{finding.severity} {finding.code}: {finding.message}", colour)


def _headline(description: Description) -> str:
    plural = "s" if description.models[1:] else ""
    parts = f"{description.prompts:,} prompts, {len(description.models)} model{plural}"
    if description.complete < description.prompts:
        parts += f"; {description.complete:,} prompts complete"
    return f"{description.data}: {parts}"


def _table(*headings: str) -> Table:
    """The first column may fold; a figure is never cut short."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(
        box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold"
    )
    table.add_column(headings[0], overflow="fold")
    for heading in headings[1:]:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _models(description: Description) -> Table:
    from rich.text import Text

    table = _table(
        "model", "score [95 %]", "$/1,000", "missing", "0 / between / 1", "oracle", "hull"
    )
    for model in sorted(description.models, key=lambda facts: -_order(facts.score.value)):
        table.add_row(
            Text(model.name),  # a name may hold brackets, which are markup to rich
            interval(model.score) if math.isfinite(model.score.value) else "–",
            _dollars(model.cost_usd),
            f"{model.missing:,}" if model.missing else "–",
            _shares(model.spread),
            _percent(model.oracle_share),
            "yes" if model.on_hull else "",
        )
    return table


def _tasks(description: Description) -> Table:
    from rich.text import Text

    table = _table("task", "prompts", "score", "best single", "its best model")
    table.columns[-1].justify, table.columns[-1].no_wrap = "left", False
    for task in description.tasks[:MOST_TASKS]:
        table.add_row(
            Text(task.name or "(no task)"),
            f"{task.prompts:,}",
            _score(task.best_score),
            _score(task.single_score),
            Text(task.best_model or "–"),
        )
    if len(description.tasks) > MOST_TASKS:
        table.add_row(f"… and {len(description.tasks) - MOST_TASKS} smaller tasks", style="dim")
    return table


def _spreads(description: Description) -> Table:
    from rich.text import Text

    names = sorted({facts.dataset for facts in description.spreads})
    table = _table("shares of 0 / between / 1", *(name or "(no task)" for name in names))
    at = {(facts.model, facts.dataset): facts.spread for facts in description.spreads}
    for model in description.models:
        table.add_row(Text(model.name), *(_shares(at[model.name, name]) for name in names))
    return table


def _answers(description: Description) -> Table:
    from rich.text import Text

    fields = ("truncated", "empty", "failed", "refused", "unreadable", "ungraded")
    table = _table("answers of", "answers", *fields)
    for rates in description.answers:
        shares = (_percent(getattr(rates, field)) for field in fields)
        table.add_row(Text(rates.model), f"{rates.answers:,}", *shares)
    return table


def _null(null: NullWorld | None) -> list[str]:
    if null is None:
        return []
    worth = null.difficulty_aiq - null.zero_aiq
    return [
        f"null oracle   {null.oracle_score:.3f} in a world without specialisation "
        f"(p = {null.p_value:.2f} that it reaches the oracle above);",
        f"              knowing each prompt's difficulty is worth {worth:+.3f} AIQ there",
    ]


def _lines(description: Description) -> list[str]:
    lines: list[str] = []
    bounds = description.bounds
    if bounds is not None:
        lines += [
            f"best single   {bounds.best_model}: {bounds.best_score:.3f} at "
            f"${dollars(1000 * bounds.best_cost_usd)} per 1,000",
            f"oracle        {bounds.oracle_score:.3f} at ${dollars(1000 * bounds.oracle_cost_usd)} "
            f"per 1,000 (${dollars(1000 * bounds.oracle_cost0_usd)} if unsolved ones are free)",
            f"zero router   AIQ {bounds.zero_aiq:.3f} over costs from "
            f"${dollars(1000 * bounds.c_min_usd)} to ${dollars(1000 * bounds.c_max_usd)} per 1,000",
            *_null(bounds.null),
            f"all agree     on {_percent(bounds.agree)} of the prompts "
            f"({_percent(bounds.agree_solved)} with a score above 0): nothing to route there",
        ]
    found = description.duplicates
    if found is None:
        lines.append(f"groups        {description.groups:,}")
    else:
        lines.append(
            f"duplicates    {found.exact:,} exact, {found.near:,} near; {description.groups:,} "
            f"groups, {found.groups:,} with duplicates joined"
        )
    if description.timed:
        known = (
            "" if description.timed == description.prompts else f" ({description.timed:,} known)"
        )
        lines.append(f"time          {description.first_time} to {description.last_time}{known}")
    return lines


def _shares(spread: Spread) -> str:
    if not spread.cells:
        return "–"
    return f"{100 * spread.zero:.0f} / {100 * spread.between:.0f} / {100 * spread.one:.0f}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if math.isfinite(share) else "–"


def _score(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else "–"


def _dollars(cost_usd: float) -> str:
    return dollars(1000 * cost_usd) if math.isfinite(cost_usd) else "–"


def _order(value: float) -> float:
    return value if math.isfinite(value) else -1.0
