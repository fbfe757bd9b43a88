"""What an audit found: agreement, bias of the judge per model, by length and by position."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from routewright.errors import DataError
from routewright.judge.agreement import kappa_with_interval
from routewright.judge.audit import Judged
from routewright.judge.correct import FEWEST, ModelAudit, audit_models
from routewright.judge.run import Key, key_of
from routewright.metrics.bootstrap import Draws, Estimate

REPORT_FILE = "audit.json"
FEWEST_FOR_LENGTH = 20


def audit_report(judged: Judged, human: Mapping[Key, float], skipped: int) -> dict[str, Any]:
    """The audit as plain data, NaN as None; ``report_lines`` puts it into words.

    Raises:
        DataError: no mark was given.
    """
    if not human:
        raise DataError("no answer was graded yet, so there is nothing to report")
    marks = judged.marks
    keys = list(human)
    ours, theirs = [human[key] for key in keys], [marks[key] for key in keys]
    models = audit_models(marks, human)
    return _plain(
        {
            "judge": judged.judge,
            "judged": len(marks),
            "audited": len(keys),
            "skipped": skipped,
            "weighted_kappa": asdict(kappa_with_interval(ours, theirs, [key[0] for key in keys])),
            "models": {each.model: _told(each) for each in models},
            "length_bias": _length(judged, human),
        }
    )


def report_lines(report: Mapping[str, Any], position: Mapping[str, Any] | None) -> list[str]:
    """The report in words, a line each.

    Args:
        report: of ``audit_report``.
        position: what ``judge --pairs`` measured, where it has.
    """
    kappa = report["weighted_kappa"]
    lines = [
        f"judge {report['judge']}: {report['audited']} of {report['judged']} answers audited, "
        f"{report['skipped']} skipped",
        f"weighted kappa {_shown(kappa)}",
        "",
        f"{'model':32} {'answers':>7} {'audited':>7} {'judge':>6} {'bias':>22} {'corrected':>20}",
    ]
    for name, model in report["models"].items():
        mean = _shown(model["mean"]) if model["mean"] else f"needs {_needed(model)} audited"
        lines.append(
            f"{name[:32]:32} {model['judged']:7} {model['audited']:7} {model['judge_mean']:6.2f} "
            f"{_shown(model['bias']):>22} {mean:>20}"
        )
        if model["passes"]:
            rate = _shown(model["passes"])
            lines.append(f"{'':32} passed {model['passed']:.2f}, corrected {rate}")
    lines.append("")
    length = report["length_bias"]
    lines.append(
        f"length bias {_shown(length)} marks for one standard deviation more of log length"
        if length
        else f"length bias: needs {FEWEST_FOR_LENGTH} audited answers of different lengths"
    )
    lines.append(
        f"position bias: the first of two answers wins {_shown(position['first'])}; the orders "
        f"agree on {_shown(position['consistent'])} of {position['pairs']} pairs"
        if position
        else "position bias: unknown; routewright judge DIR --judge MODEL --pairs measures it"
    )
    return lines


def _told(audit: ModelAudit) -> dict[str, Any]:
    told = asdict(audit)
    del told["model"]
    return told | {"shift": audit.shift}


def _needed(model: Mapping[str, Any]) -> int:
    return min(FEWEST, int(model["judged"]))


def _length(judged: Judged, human: Mapping[Key, float]) -> dict[str, Any] | None:
    """The judge's error regressed on log length within models; None where there is too little.

    Within models, or a model that writes at length and is judged kindly would pass for a bias.
    """
    audited = [r for r in judged.responses if key_of(r) in human]
    if len(audited) < FEWEST_FOR_LENGTH:
        return None
    error = np.array([(r.mark or 0.0) - human[key_of(r)] for r in audited])
    size = np.log1p([len(r.response) for r in audited])
    _, model = np.unique([r.model for r in audited], return_inverse=True)
    counts = np.bincount(model)
    size = size - (np.bincount(model, size) / counts)[model]
    error = error - (np.bincount(model, error) / counts)[model]
    if not np.ptp(size) > 0:
        return None
    size = size / size.std()
    draws = Draws.over(np.array([r.prompt_id for r in audited]), replicates=1000)
    means = draws.means(np.column_stack([size * error, size**2]))
    return asdict(Estimate.of(means[:, 0] / means[:, 1]))


def _shown(estimate: Mapping[str, Any]) -> str:
    value, low, high = (estimate[name] for name in ("value", "low", "high"))
    if value is None:
        return "can't be told"
    return f"{value:.2f}" if low is None else f"{value:.2f} [{low:.2f}, {high:.2f}]"


def _plain(value: Any) -> Any:
    """Plain data as JSON can hold it."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] -- JSON
    return None if isinstance(value, float) and not math.isfinite(value) else value
