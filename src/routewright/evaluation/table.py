"""The evaluation as a table for the terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from routewright.evaluation.results import Evaluation, Row
from routewright.metrics.bootstrap import Estimate

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

MINUS = "\N{MINUS SIGN}"


def render_table(evaluation: Evaluation) -> Table:
    """A rich table with one line per policy; 95 % intervals in brackets."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    opponent = "zero" if _knows_training(evaluation) else "zero_test"
    table = Table(
        box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold"
    )
    # In a narrow terminal names fold; a figure is never cut short.
    table.add_column("router", overflow="fold")
    for heading in (
        "score",
        "$/1,000",
        "AIQ [95 %]",
        f"{MINUS} {opponent} [95 %]",
        "cost at best",
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    last = None
    for row in evaluation.rows:
        if last not in (None, row.kind) and "model" in (last, row.kind):
            table.add_section()
        last = row.kind
        table.add_row(
            Text(row.name),  # a name may hold brackets, which are markup to rich
            f"{row.score.value:.3f}",
            dollars(1000 * row.cost_usd.value),
            interval(row.aiq),
            _difference(row, opponent),
            share(row.neutral_cost.value),
            style="bold" if row.kind == "router" and row.name == evaluation.router else "",
        )
    return table


def print_table(evaluation: Evaluation, console: Console | None = None) -> None:
    """Print the table, what its columns mean, and the verdict."""
    from rich.console import Console

    out = console or Console()
    if console is None and not out.is_terminal:
        out = Console(width=100)  # a pipe has no width of its own
    out.print(render_table(evaluation))
    left_out = f", {evaluation.dropped} incomplete left out" if evaluation.dropped else ""
    low, high = dollars(1000 * evaluation.c_min), dollars(1000 * evaluation.c_max)
    out.print(
        f"\n{evaluation.prompts} prompts in {evaluation.groups} groups{left_out}; "
        f"{evaluation.replicates} replicates, seed {evaluation.seed}. AIQ: mean score over costs "
        f"from ${low} to ${high} per 1,000 prompts. Cost at best: to match "
        f"{evaluation.best_model}, in its own cost.",
        style="dim",
        markup=False,
        highlight=False,
    )
    out.print(evaluation.verdict, style="bold", markup=False, highlight=False)


def _knows_training(evaluation: Evaluation) -> bool:
    return any(row.minus_zero_train is not None for row in evaluation.rows)


def _difference(row: Row, opponent: str) -> str:
    # Zero against itself is 0 by definition and says nothing.
    if row.kind == "zero" and row.name in (opponent, f"{opponent}_train"):
        return "–"
    return interval(row.minus_zero, signed=True)


def dollars(usd: float) -> str:
    """An amount to three significant digits, without an exponent."""
    if usd == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(usd))))
    return f"{usd:,.{digits}f}"


def share(value: float) -> str:
    """A ratio in per cent, or a word where it was never reached."""
    return f"{100 * value:.0f} %" if math.isfinite(value) else "never"


def interval(estimate: Estimate, *, signed: bool = False) -> str:
    """A figure with its interval: ``.812 [.790, .834]``, signed ``+.012 [-.004, +.020]``."""

    def short(value: float) -> str:
        text = f"{value:+.3f}" if signed else f"{value:.3f}"
        return text.replace("0.", ".", 1).replace("-", MINUS)

    return f"{short(estimate.value)} [{short(estimate.low)}, {short(estimate.high)}]"
