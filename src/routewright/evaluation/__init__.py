"""What a router is worth: frontiers, the zero router, the oracle, intervals and a verdict."""

from __future__ import annotations

from routewright.evaluation.evaluate import evaluate
from routewright.evaluation.report import Note, write_report
from routewright.evaluation.results import Evaluation, Row, Setting, TaskRow
from routewright.evaluation.table import print_table, render_table
from routewright.metrics.bootstrap import Estimate
from routewright.metrics.calibration import Calibration

__all__ = [
    "Calibration",
    "Estimate",
    "Evaluation",
    "Note",
    "Row",
    "Setting",
    "TaskRow",
    "evaluate",
    "print_table",
    "render_table",
    "write_report",
]
