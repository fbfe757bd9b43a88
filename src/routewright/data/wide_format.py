"""The wide form: one table, a prompt a row, with a score and a cost column for every model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from routewright.data.columns import (
    NO_COSTS,
    Floats,
    check_amounts,
    check_scores,
    numbers,
)
from routewright.data.long_format import FIELDS, Table
from routewright.data.prompt_columns import PROMPT_COLUMNS, prompt_ids, prompts_from
from routewright.data.wording import did_you_mean, shown
from routewright.errors import DataError

if TYPE_CHECKING:
    import polars as pl

_FIELD_NAMES = tuple(FIELDS.values())
_ROUTERBENCH_COST = "|total_cost"
_ROUTERBENCH_NAMES = {"sample_id": "prompt_id", "eval_name": "task"}
_EXAMPLE = "score:gpt-4o and cost_usd:gpt-4o"
Columns = dict[str, dict[str, str]]  # model -> field -> column


def table_from_wide(frame: pl.DataFrame, path: Path) -> Table:
    """A table with ``prompt`` and, for every model, ``score:MODEL`` and ``cost_usd:MODEL``.

    ``MODEL:FIELD``, ``MODEL/FIELD`` and RouterBench's ``MODEL`` beside ``MODEL|total_cost`` are
    read as well. Other columns are passed over.

    Args:
        frame: what was read from ``path``.
        path: for messages.

    Raises:
        DataError: the file, row and column that is wrong.
    """
    if path.stem in ("prompts", "outcomes") and not model_columns(frame.columns, path):
        raise DataError(f"{path}: half of a table in long format; give the folder {path.parent}")
    if any(name.endswith(_ROUTERBENCH_COST) for name in frame.columns):
        names = {old: new for old, new in _ROUTERBENCH_NAMES.items() if new not in frame.columns}
        frame = frame.rename(names, strict=False)
    columns = model_columns(frame.columns, path)
    prompts = prompts_from(frame, path)
    _check_models(columns, path)
    return Table(prompts, tuple(columns), _matrices(frame, columns, path))


def model_columns(names: list[str], path: Path) -> Columns:
    """Which column holds which field of which model, models in order of appearance.

    Raises:
        DataError: two columns for one field, or a field that is misspelt.
    """
    columns: Columns = {}
    for name in names:
        if name in PROMPT_COLUMNS:
            continue
        for model, field in _readings(name, names, path):
            fields = columns.setdefault(model, {})
            if field in fields:
                raise DataError(
                    f"{path}: columns {fields[field]!r} and {name!r} both hold {field} of "
                    f"{model}; keep one"
                )
            fields[field] = name
    return columns


def _readings(name: str, names: list[str], path: Path) -> list[tuple[str, str]]:
    """The model and field that a column holds; none for a column of another kind."""
    if f"{name}{_ROUTERBENCH_COST}" in names:
        return [(name, "score")]
    if name.endswith(_ROUTERBENCH_COST):
        return [(name.removesuffix(_ROUTERBENCH_COST), "cost_usd")]
    parts = (name.partition(":")[::2], name.rpartition(":")[::-2], name.rpartition("/")[::-2])
    for field, model in parts:
        if field in _FIELD_NAMES and model:
            return [(model, field)]
    for field, model in parts:
        hint = did_you_mean(field, _FIELD_NAMES) if field and model else ""
        if hint:
            raise DataError(f"{path}: column {name!r}: unknown field {field!r}{hint}")
    return []


def _check_models(columns: Columns, path: Path) -> None:
    if not columns:
        raise DataError(f"{path}: no model columns; name two for every model, such as {_EXAMPLE}")
    if not any("cost_usd" in fields for fields in columns.values()):
        model = next(iter(columns))
        raise DataError(f"{path}: no column 'cost_usd:{model}'; {NO_COSTS}")
    for model, fields in columns.items():
        for field in ("score", "cost_usd"):
            if field not in fields:
                there = ", ".join(shown(column) for column in fields.values())
                raise DataError(f"{path}: no column '{field}:{model}' beside {there}; add it")


def _matrices(frame: pl.DataFrame, columns: Columns, path: Path) -> dict[str, Floats]:
    ids = prompt_ids(frame, path)
    n = frame.height
    matrices: dict[str, Floats] = {}
    for matrix, field in FIELDS.items():
        names = [fields.get(field) for fields in columns.values()]
        if not any(names):
            continue
        stacked = np.full((len(names), n), np.nan)
        for at, name in enumerate(names):

            def place(row: int, name: str | None = name) -> str:
                return f"{path}: row {row + 1} (prompt {shown(ids[row])}), column {name!r}"

            if name is not None:
                stacked[at] = numbers(frame[name], field, place)

        def cell(at: int, names: list[str | None] = names) -> str:
            model, row = divmod(at, n)
            return f"{path}: row {row + 1} (prompt {shown(ids[row])}), column {names[model]!r}"

        if field == "score":
            check_scores(stacked.ravel(), cell)
        else:
            check_amounts(stacked.ravel(), field, cell)
        if field == "cost_usd" and np.isnan(stacked).all():
            raise DataError(f"{path}: every cost_usd is empty; {NO_COSTS}")
        matrices[matrix] = stacked.T
    return matrices
