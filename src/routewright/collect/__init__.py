"""Prompts → answers: every model asked every prompt, resumable at any moment."""

from __future__ import annotations

from routewright.collect.bill import Bill, estimate
from routewright.collect.budget import Budget
from routewright.collect.cells import Cell
from routewright.collect.lanes import Terms
from routewright.collect.manifest import PROMPTS_FILE
from routewright.collect.rows import ANSWERS_FILE, Ledger, missing_cells, read_answers
from routewright.collect.run import Run, collect
from routewright.collect.tally import Tally

__all__ = [
    "ANSWERS_FILE",
    "PROMPTS_FILE",
    "Bill",
    "Budget",
    "Cell",
    "Ledger",
    "Run",
    "Tally",
    "Terms",
    "collect",
    "estimate",
    "missing_cells",
    "read_answers",
]
