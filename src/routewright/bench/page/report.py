"""A benchmark run as one HTML file that needs no network: verdicts, charts, every figure, notes."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from routewright.bench.page import figures
from routewright.bench.page.columns import COLUMNS
from routewright.bench.page.drawings import drawing, tasks_of
from routewright.bench.results import Leaderboard, Section, Standing
from routewright.bench.verdicts import Verdict, by_difference, by_severity, verdict
from routewright.errors import require
from routewright.evaluation.checks import CHECKS

TEMPLATE, SCRIPT, STYLE = (f"leaderboard.{end}" for end in ("html.jinja", "js", "css"))
REGIMES = {
    "in-distribution": "training and test prompts are drawn from the same tasks, one fold a seed.",
    "leave-one-task-out": "the test prompts are of a task that training never saw, one fold a "
    "task.",
    "temporal": "training prompts are older than test prompts.",
    "new-model": "of one model only 300 training labels are left, as after its release.",
}
PICKED = "picked"
"""A single model under the name of what picked it, such as ``cheapest``."""

KINDS = (
    ("Routers", ("router",)),
    ("Baselines and bounds", ("zero", "random", "oracle", PICKED)),
    ("Controls, which know nothing", ("control",)),
    ("Single models", ("model",)),
)
WORDS = {"above": "above zero", "below": "below zero", "untold": "can’t be told"}


class View(NamedTuple):
    """A section with its number on the page and its verdict."""

    at: int
    section: Section
    verdict: Verdict


class Data(NamedTuple):
    """A data set, its routers, and its sections."""

    name: str
    routers: tuple[str, ...]
    views: tuple[View, ...]


def write_report(board: Leaderboard, path: str | Path) -> Path:
    """Write the report and return its path; folders on the way are made.

    Args:
        board: the run.
        path: the HTML file, about 5 MB: the charts' JavaScript travels inside it.

    Raises:
        MissingExtraError: jinja2 or plotly is not installed; the extra ``report`` brings both.
    """
    jinja2: Any = require("jinja2", "report")
    offline: Any = require("plotly.offline", "report")
    environment: Any = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "by_severity": by_severity,
        "difference": figures.difference,
        "height": figures.height,
        "percent": figures.percent,
        "per_1000": figures.usd_per_1000,
        "number": figures.number,
    }
    template: Any = environment.from_string(_read(TEMPLATE))
    views = [View(at, each, verdict(each)) for at, each in enumerate(board.sections)]
    scripts: list[str] = [offline.get_plotlyjs(), _read(SCRIPT)]
    page: str = template.render(
        board=board,
        data=_by_data(views),
        views=views,
        ran=[view for view in views if view.section.standings],
        columns=COLUMNS,
        groups=[(name, len(list(own))) for name, own in groupby(c.group for c in COLUMNS)],
        kinds=KINDS,
        words=WORDS,
        regimes=REGIMES,
        pages={check.code: check.page for check in CHECKS},
        of_kinds=_of_kinds,
        share_rows=_share_rows,
        task_rows=_task_rows,
        drawing=drawing(board),
        style=_read(STYLE),
        scripts=scripts,
        hashes=[_hash(script) for script in scripts],
    )
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(page, "utf-8", newline="\n")
    return target


def _read(name: str) -> str:
    return files("routewright.bench.page").joinpath(name).read_text("utf-8")


def _hash(script: str) -> str:
    """What the page's policy allows to run; a name that slipped through as markup could not."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _by_data(views: list[View]) -> list[Data]:
    by_name: dict[str, list[View]] = {}
    for view in views:
        by_name.setdefault(view.section.data, []).append(view)
    return [
        Data(
            name,
            tuple(
                dict.fromkeys(s.name for view in own for s in _of_kinds(view.section, ("router",)))
            ),
            tuple(own),
        )
        for name, own in by_name.items()
    ]


def _of_kinds(section: Section, kinds: tuple[str, ...]) -> list[Standing]:
    def kind(s: Standing) -> str:
        return PICKED if s.kind == "model" and s.name not in section.models else s.kind

    return by_difference(s for s in section.standings if kind(s) in kinds)


def _share_rows(section: Section) -> list[tuple[str, list[float]]]:
    """Of each model the oracle's share and every router's; the oracle's favourite first."""
    routers = _of_kinds(section, ("router",))
    return [
        (
            model,
            [section.oracle_shares.get(model, 0.0), *(s.shares.get(model, 0.0) for s in routers)],
        )
        for model in sorted(section.models, key=lambda m: -section.oracle_shares.get(m, 0.0))
    ]


def _task_rows(section: Section) -> list[tuple[str, list[float | None]]]:
    """Of each task every router's difference to zero."""
    routers = _of_kinds(section, ("router",))
    named = [*tasks_of(section), *(task for s in routers for task in s.task_minus_zero)]
    return [(task, [s.task_minus_zero.get(task) for s in routers]) for task in dict.fromkeys(named)]
