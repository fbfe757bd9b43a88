"""Corrected means carried into routing data, with how sure they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from routewright.data import RoutingData
from routewright.data.corrections import CORRECTIONS_FILE
from routewright.data.responses import read_responses
from routewright.judge.audit import Judged
from routewright.judge.correct import correct, shifted
from routewright.judge.run import Key, key_of
from routewright.judge.table import cell_scores, write_json


def apply_corrections(judged: Judged, human: Mapping[Key, float], folder: Path) -> dict[str, Any]:
    """Move the judged scores of a folder's routing data to each model's corrected mean.

    The judge's own marks stay in ``responses``, so applying again changes nothing more, and
    ``routewright judge`` puts the judge's scores back. ``corrections.json`` says by how much each
    model's mean score was moved, and the standard error of that.

    Returns:
        What ``corrections.json`` holds.

    Raises:
        DataError: the audit is too small for some model; nothing is written.
    """
    audits = {each.model: each for each in correct(judged.marks, human)}
    moved: dict[Key, float] = {}
    for model, audit in audits.items():
        own = {key: mark for key, mark in judged.marks.items() if key[1] == model}
        if audit.mean is not None:
            new = shifted(list(own.values()), audit.mean.value)
            moved.update(zip(own, new, strict=True))
    data = RoutingData.load(folder)
    marks = {key_of(r): r.mark for r in read_responses(folder) if r.mark is not None}
    raw = cell_scores(data.prompts, data.models, marks)
    scores = cell_scores(data.prompts, data.models, marks | moved)
    shares = cell_scores(data.prompts, data.models, {k: 5.0 * (k in moved) for k in marks})
    told: dict[str, Any] = {}
    for column, model in enumerate(data.models):
        if model in audits:
            known = np.isfinite(raw[:, column])
            error = (audits[model].shift_error or 0.0) / 5
            told[model] = {
                "shift": float((scores - raw)[known, column].mean()),
                "std_error": error * float(shares[known, column].mean()),
                "prompts": int(known.sum()),
                "judged": audits[model].judged,
                "audited": audits[model].audited,
            }
    corrections = {
        "format": "routewright-corrections",
        "format_version": 1,
        "judge": judged.judge,
        "unit": "mean score of a model over its scored prompts, from 0 to 1",
        "models": told,
    }
    scores = np.where(np.isfinite(scores), scores, data.scores)
    # The note first: scores that were moved must never stand without it.
    write_json(folder / CORRECTIONS_FILE, corrections)
    replace(data, scores=scores).save(folder)
    return corrections
