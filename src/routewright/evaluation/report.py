"""The evaluation as one HTML file that needs no network: picture, tables and how they were made."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

from routewright.errors import require
from routewright.evaluation.results import Evaluation, Row
from routewright.evaluation.table import dollars, interval, share
from routewright.metrics.bootstrap import Estimate

TEMPLATE = "report.html.jinja"
STEPS = 8  # drawn points from one vertex of a hull to the next


@dataclass(frozen=True)
class Note:
    """A section of the report that the caller fills: judge agreement, a data manifest.

    Attributes:
        title: its heading.
        entries: what it says, as names and values.
        text: a paragraph before them.
    """

    title: str
    entries: Mapping[str, object] = field(default_factory=dict[str, object])
    text: str = ""


def write_report(evaluation: Evaluation, path: str | Path, *, notes: Sequence[Note] = ()) -> Path:
    """Write the report and return its path; folders on the way are made.

    Args:
        evaluation: what ``evaluate`` returned.
        path: the HTML file, about 5 MB: the chart's JavaScript travels inside it.
        notes: sections to append, in order.

    Raises:
        MissingExtraError: jinja2 or plotly is not installed; the extra ``report`` brings both.
    """
    jinja2: Any = require("jinja2", "report")
    offline: Any = require("plotly.offline", "report")
    environment: Any = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "interval": interval,
        "signed": _signed,
        "per_1000": _per_1000,
        "share": share,
        "neutral": _neutral,
        "percent": _percent,
        "worth": _worth,
    }
    template: Any = environment.from_string(
        files("routewright.evaluation").joinpath(TEMPLATE).read_text("utf-8")
    )
    page: str = template.render(
        e=evaluation,
        main=evaluation.row(evaluation.router),
        best=evaluation.row(evaluation.best_model, "model"),
        routers=[row for row in evaluation.rows if row.kind == "router"],
        opponent=_opponent(evaluation),
        traces=traces(evaluation),
        notes=notes,
        plotly=offline.get_plotlyjs(),
    )
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(page, "utf-8")
    return target


def traces(evaluation: Evaluation) -> list[dict[str, Any]]:
    """The picture's data: one entry per mark, costs in US dollars per 1,000 prompts.

    ``role`` names the colour, which the page picks by its light or dark scheme.
    """
    singles = [row for row in evaluation.rows if row.kind == "model"]
    drawn = [
        _line(row, "zero", "zero router: a blind mix of models")
        for row in evaluation.rows
        if row.name == "zero_test"
    ]
    others = 0
    for row in evaluation.rows:
        if row.kind == "oracle":
            drawn.append(_marks([row], "oracle", f"{row.name}: knows every outcome", "star"))
        elif row.kind == "random":
            drawn.append(_marks([row], "random", "random choice", "x"))
        elif row.kind == "router" and row.name == evaluation.router:
            drawn += [
                _line(row, "router", row.name),
                _marks([row], "router", f"{row.name}, recommended setting", "diamond"),
            ]
        elif row.kind == "router":
            drawn.append(_line(row, f"other{others % 4}", row.name))
            others += 1
    drawn.append(_marks(singles, "model", "single models", "circle", labels=True))
    return drawn


def _line(row: Row, role: str, name: str) -> dict[str, Any]:
    knobs = {(s.cost_usd, s.score): s.worth_usd for s in row.settings}
    points: list[tuple[float, float, str]] = []
    for (x0, y0), (x1, y1) in pairwise(row.hull):
        points.append((x0, y0, _knob(knobs.get((x0, y0)))))
        # A mix is straight in dollars, so it must bend where the axis of cost is logarithmic.
        for share_of_next in (step / STEPS for step in range(1, STEPS)):
            x, y = x0 + share_of_next * (x1 - x0), y0 + share_of_next * (y1 - y0)
            points.append((x, y, "<br>a mix of two settings"))
    points.append((*row.hull[-1], _knob(knobs.get(row.hull[-1]))))
    hover = [
        f"{name}<br>score {score:.4f}<br>${dollars(1000 * cost)} per 1,000 prompts{rest}"
        for cost, score, rest in points
    ]
    return {
        "kind": "line",
        "role": role,
        "name": name,
        "x": [1000 * cost for cost, _, _ in points],
        "y": [score for _, score, _ in points],
        "sizes": [0 if at % STEPS else 4 for at in range(len(points))],
        "hover": hover,
    }


def _marks(
    rows: Sequence[Row], role: str, name: str, symbol: str, *, labels: bool = False
) -> dict[str, Any]:
    return {
        "kind": "marks",
        "role": role,
        "name": name,
        "symbol": symbol,
        "x": [1000 * row.cost_usd.value for row in rows],
        "y": [row.score.value for row in rows],
        "labels": [row.name for row in rows] if labels else [],
        "hover": [
            f"{row.name}<br>score {row.score.value:.4f} "
            f"[{row.score.low:.4f}, {row.score.high:.4f}]<br>"
            f"${dollars(1000 * row.cost_usd.value)} per 1,000 prompts"
            + _knob(row.setting.worth_usd)
            for row in rows
        ],
    }


def _knob(worth_usd: float | None) -> str:
    return "" if worth_usd is None else f"<br>a unit of score is worth {_worth(worth_usd)}"


def _worth(worth_usd: float) -> str:
    return "any price" if math.isinf(worth_usd) else f"${dollars(worth_usd)}"


def _opponent(evaluation: Evaluation) -> str:
    trained = any(row.minus_zero_train is not None for row in evaluation.rows)
    return "zero_train" if trained else "zero_test"


def _signed(estimate: Estimate | None) -> str:
    return "–" if estimate is None else interval(estimate, signed=True)


def _per_1000(cost: Estimate | float) -> str:
    if isinstance(cost, Estimate):
        low, high = dollars(1000 * cost.low), dollars(1000 * cost.high)
        return f"{dollars(1000 * cost.value)} [{low}, {high}]"
    return dollars(1000 * cost)


def _neutral(estimate: Estimate) -> str:
    """A share of the best model's cost with its interval, or the word never."""
    if not math.isfinite(estimate.value):
        return "never"
    return f"{share(estimate.value)} [{share(estimate.low)}, {share(estimate.high)}]"


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"
