"""The leaderboard in a terminal: losses as plain as wins, by sign, colour and word."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from routewright.bench.page import figures
from routewright.bench.results import Leaderboard, Section, Standing
from routewright.bench.verdicts import LEVEL, Verdict, verdict
from routewright.evaluation.results import Kind
from routewright.metrics.bootstrap import Estimate

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

WIDTH = 132
"""Columns of a terminal that isn't one: a file or a pipe."""

WORDS = {"above": "above", "below": "below", "untold": "can't tell"}
COLOURS = {"above": "green", "below": "red", "untold": "yellow"}
BASELINES: tuple[Kind, ...] = ("random", "zero", "oracle")
SINGLES = ("cheapest", "best-single")


def print_leaderboard(board: Leaderboard, console: Console | None = None) -> None:
    """Print a table for each section, and one for each data set over its regimes."""
    from rich.console import Console

    out = console or Console()
    if console is None and not out.is_terminal:
        out = Console(width=WIDTH)
    verdicts = [verdict(each) for each in board.sections]
    for section, told in zip(board.sections, verdicts, strict=True):
        _print_section(section, told, out)
    _say(out, "Difference to the zero router, by regime", style="bold")
    names = dict.fromkeys(section.data for section in board.sections)
    for name in names:
        pairs = zip(board.sections, verdicts, strict=True)
        own = [(section, told) for section, told in pairs if section.data == name]
        if any(section.standings for section, _ in own):
            out.print(_summary(name, own))
    _say(
        out,
        f"{board.claims} claims, Holm's correction over all, level {LEVEL:g}; 95 % intervals of "
        f"{board.replicates} replicates, paired and by groups of prompts; seeds "
        f"{', '.join(map(str, board.seeds))}; version {board.version}.",
    )


def render_text(board: Leaderboard) -> str:
    """The same as plain text."""
    from rich.console import Console

    file = io.StringIO()
    print_leaderboard(board, Console(file=file, width=WIDTH, color_system=None))
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"


def _print_section(section: Section, told: Verdict, out: Console) -> None:
    _say(out, f"{section.data}, {section.regime}", style="bold")
    if not section.standings:
        _say(out, f"  not run: {'; '.join(section.skipped)}\n")
        return
    _say(out, _about(section))
    out.print(_table(section, told))
    for finding in section.findings:
        if finding.severity != "info":
            _say(out, f"{finding.severity} {finding.code} {finding.title}: {finding.message}")
    for reason in section.skipped:
        _say(out, f"left out: {reason}")
    out.print()


def _about(section: Section) -> str:
    sizes = [(fold.train, fold.test) for fold in section.folds]
    dropped = sum(fold.dropped for fold in section.folds)
    train, test = (_range([each[at] for each in sizes]) for at in (0, 1))
    count = f"{len(sizes)} folds" if len(sizes) > 1 else f"1 fold, {section.folds[0].name}"
    rest = f", {dropped} incomplete left out of them" if dropped else ""
    return (
        f"{section.prompts} prompts in {section.groups} groups, {len(section.models)} models; "
        f"{count}: {train} to train on, {test} to test on{rest}. Best single model in training: "
        f"{section.best_model}. AIQ over ${figures.usd_per_1000(section.c_min)} to "
        f"${figures.usd_per_1000(section.c_max)} per 1,000 prompts. One fold shows a difference of "
        f"two routers' scores from {figures.number(section.smallest_effect)} on."
    )


def _range(sizes: Sequence[int]) -> str:
    low, high = min(sizes), max(sizes)
    return f"{low}" if low == high else f"{low} to {high}"


def _table(section: Section, told: Verdict) -> Table:
    from rich.text import Text

    table = _empty()
    # In a narrow terminal names fold; a figure is never cut short.
    table.add_column("router", overflow="fold", min_width=len("best-single"))
    for heading in ("AIQ [95 %]", f"{figures.MINUS} zero [95 %]"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("than zero", no_wrap=True)
    for heading in ("sd", "folds", "p (Holm)", "APGR", "score", "$/1,000", "cost at best"):
        table.add_column(heading, justify="right", no_wrap=True)
    for standings in _blocks(section):
        table.add_section()
        for each in standings:
            table.add_row(
                Text(each.name),  # a name may hold brackets, which are markup to rich
                figures.height(each.aiq),
                _difference(each),
                _word(each, told),
                figures.number(each.minus_zero_sd),
                f"{each.above_zero}/{len(section.folds)}",
                figures.p_value(each.p_holm),
                figures.number(each.pair.apgr.value if each.pair else math.nan),
                figures.number(each.score.value),
                figures.usd_per_1000(each.cost_usd.value),
                figures.part(Estimate(each.neutral_cost.value, math.nan, math.nan)),
            )
    return table


def _blocks(section: Section) -> list[list[Standing]]:
    """Routers, then baselines and bounds, then controls; single models as training picks them."""

    def of(standings: Iterable[Standing]) -> list[Standing]:
        return sorted(standings, key=lambda each: -each.aiq.value)

    return [
        of(each for each in section.standings if each.kind == "router"),
        of(
            each
            for each in section.standings
            if each.kind in BASELINES or (each.kind == "model" and each.name in SINGLES)
        ),
        of(each for each in section.standings if each.kind == "control"),
    ]


def _summary(name: str, own: Sequence[tuple[Section, Verdict]]) -> Table:
    from rich.text import Text

    table = _empty()
    table.add_column(name, overflow="fold")
    ran = [(section, told) for section, told in own if section.standings]
    for section, _ in ran:
        table.add_column(section.regime)
    routers = dict.fromkeys(
        each.name for section, _ in ran for each in section.standings if each.kind == "router"
    )
    for router in routers:
        cells: list[Text] = []
        for section, told in ran:
            found = [s for s in section.standings if s.kind == "router" and s.name == router]
            cells.append(_with_word(found[0], told) if found else Text("failed", style="red"))
        table.add_row(Text(router), *cells)
    return table


def _with_word(each: Standing, told: Verdict) -> Text:
    return _difference(each).append("\n").append_text(_word(each, told))


def _difference(each: Standing) -> Text:
    from rich.text import Text

    d = each.minus_zero
    if each.kind == "zero" and d.value == d.low == d.high == 0:
        return Text(figures.DASH)  # zero less itself says nothing
    return Text(figures.height(d, signed=True))


def _word(each: Standing, told: Verdict) -> Text:
    from rich.text import Text

    if each.kind == "control":
        void = any(other is each for other in told.controls)
        return Text("ABOVE" if void else "null", style="red" if void else "dim")
    word = told.word(each)
    return Text("") if word is None else Text(WORDS[word], style=COLOURS[word])


def _empty() -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    return Table(
        box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold"
    )


def _say(out: Console, line: str, *, style: str = "") -> None:
    out.print(line, style=style, markup=False, highlight=False)
