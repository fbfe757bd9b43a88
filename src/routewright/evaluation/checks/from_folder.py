"""What the files beside routing data tell the checks: answers, prices, the judge's agreement."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from routewright.catalog import known_models
from routewright.data.table_file import read_frame
from routewright.errors import DataError, require
from routewright.types import json_object

MANIFEST = "manifest.json"
AGREEMENT = "agreement.json"
RESPONSES = "responses.parquet"
"""As ``collect``, ``judge`` and ``judge audit`` write them."""


def unusable(
    folder: Path, models: Sequence[str], prompt_ids: Collection[str]
) -> dict[str, dict[str, float]] | None:
    """For each model the share of its answers in each bad state; None where no answers are kept.

    Raises:
        DataError: the answers cannot be read.
        MissingExtraError: polars is not installed.
    """
    path = folder / RESPONSES
    if not path.is_file():
        return None
    pl: Any = require("polars", "train")
    frame: Any = read_frame(path)
    if not {"prompt_id", "model", "state", "mark"} <= set(frame.columns):
        return None
    ungraded: Any = (pl.col("state") == "complete") & pl.col("mark").is_null()
    counts: Any = (
        frame.filter(pl.col("prompt_id").is_in(list(prompt_ids)), pl.col("model").is_in(models))
        .with_columns(state=pl.when(ungraded).then(pl.lit("ungraded")).otherwise(pl.col("state")))
        .group_by("model", "state")
        .len()
        .with_columns(share=pl.col("len") / pl.col("len").sum().over("model"))
        .sort("model", "state")
    )
    shares: dict[str, dict[str, float]] = {}
    for model, state, share in counts.select("model", "state", "share").iter_rows():
        own = shares.setdefault(model, {})
        if state != "complete":
            own[state] = share
    return shares or None


def prices_of(folder: Path) -> dict[str, date]:
    """For each model of a collection the day from which the price is valid it was costed at."""
    models = json_object(read_json(folder / MANIFEST).get("models")) or {}
    dated: dict[str, date] = {}
    for model, facts in models.items():
        price = json_object((json_object(facts) or {}).get("price")) or {}
        day = _day(price.get("valid_from"))
        if day is not None:
            dated[model] = day
    return dated


def catalogue_of(models: Sequence[str]) -> dict[str, date]:
    """For each model that the catalogue knows the day of its newest price."""
    known = known_models()
    dated = {model: _day(known[model].price.valid_from) for model in models if model in known}
    return {model: day for model, day in dated.items() if day is not None}


def priced_from(
    recorded: Mapping[str, Any], folder: Path, models: Sequence[str]
) -> dict[str, date]:
    """For each model the older of the prices that an artefact recorded and those of the data."""
    trained = {model: day for model, told in recorded.items() if (day := _day(told)) is not None}
    here = prices_of(folder)
    return {
        model: min(days[model] for days in (trained, here) if model in days)
        for model in models
        if model in trained or model in here
    }


def kappa(folder: Path) -> float | None:
    """Agreement of the LLM judge with the graders, where ``judge --audit`` has measured it."""
    told = read_json(folder / AGREEMENT).get("weighted_kappa")
    return float(told) if isinstance(told, int | float) else None


def _day(told: Any) -> date | None:
    try:
        return date.fromisoformat(str(told))
    except ValueError:
        return None


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object beside the data; empty where there is no such file.

    Raises:
        DataError: it is not JSON.
    """
    if not path.is_file():
        return {}
    try:
        return json_object(json.loads(path.read_bytes())) or {}
    except ValueError as error:
        raise DataError(f"{path}: not valid JSON ({error}); write it again") from error
