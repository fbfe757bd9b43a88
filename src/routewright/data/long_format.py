"""The long format: a folder with a table of prompts and a table of outcomes, a cell a row."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from routewright.data.columns import (
    NO_COSTS,
    Floats,
    Place,
    check_amounts,
    check_columns,
    check_scores,
    filled_texts,
    numbers,
)
from routewright.data.prompt_columns import prompt_frame, prompts_from
from routewright.data.table_file import ENDINGS, read_frame, write_frames
from routewright.data.wording import did_you_mean, first_line, shown
from routewright.errors import DataError, require
from routewright.types import Prompt

if TYPE_CHECKING:
    import polars as pl

    from routewright.data.routing_data import RoutingData

# The matrices of RoutingData and the columns that hold them.
FIELDS = {
    "scores": "score",
    "costs": "cost_usd",
    "latencies": "latency_s",
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
}


@dataclass(frozen=True)
class Table:
    """What a table says: n prompts, m models, and matrices (n, m) by RoutingData's names."""

    prompts: tuple[Prompt, ...]
    models: tuple[str, ...]
    matrices: dict[str, Floats]


def read_long(folder: Path) -> Table:
    """Read ``prompts`` and ``outcomes``, each as .parquet, .csv or .jsonl.

    Raises:
        DataError: the file, row and field that is wrong.
    """
    prompts_path, outcomes_path = _find(folder, "prompts"), _find(folder, "outcomes")
    return table_from(
        read_frame(prompts_path), read_frame(outcomes_path), prompts_path, outcomes_path
    )


def write_long(data: RoutingData, folder: Path) -> None:
    """Write ``prompts.parquet`` and ``outcomes.parquet``; every cell is a row, also an empty one.

    Raises:
        DataError: the data would not be read back, or the folder cannot be written.
    """
    if folder.is_file() or folder.suffix.lower() in ENDINGS:
        raise DataError(f"{folder}: routing data is saved as a folder; give a folder's name")
    for stem in ("prompts", "outcomes"):
        for rival in (folder / f"{stem}.csv", folder / f"{stem}.jsonl"):
            if rival.exists():
                raise DataError(f"{rival}: in the way of {stem}.parquet; save to another folder")
    if not data.prompts or not data.models:
        raise DataError(f"{data.name}: nothing to save: no prompts or no models")
    prompts_path, outcomes_path = folder / "prompts.parquet", folder / "outcomes.parquet"
    try:
        prompts = prompt_frame(data.prompts)
    except (ValueError, OverflowError) as error:  # half a surrogate pair, an endless max_tokens
        raise DataError(
            f"{data.name}: a prompt cannot be written ({first_line(error)}); correct it"
        ) from error
    outcomes = _outcome_frame(data)
    # What is written must be readable: the checks of reading run before the first byte.
    table_from(prompts, outcomes, prompts_path, outcomes_path)
    write_frames(folder, {prompts_path.name: prompts, outcomes_path.name: outcomes})


def table_from(
    prompts: pl.DataFrame, outcomes: pl.DataFrame, prompts_path: Path, outcomes_path: Path
) -> Table:
    """Join the two tables; models stand in the order in which outcomes name them first.

    Raises:
        DataError: the file, row and field that is wrong.
    """
    check_columns(prompts, ("prompt_id",), prompts_path)
    check_columns(outcomes, ("prompt_id", "model", "score", "cost_usd"), outcomes_path)
    rows = prompts_from(prompts, prompts_path)
    ids = filled_texts(outcomes, "prompt_id", outcomes_path)
    names = filled_texts(outcomes, "model", outcomes_path)

    def place(row: int) -> str:
        cell = f"prompt {shown(ids[row])}, model {shown(names[row])}"
        return f"{outcomes_path}: row {row + 1} ({cell})"

    models = tuple(names.unique(maintain_order=True).to_list())
    row_of = _positions(ids, [prompt.id for prompt in rows])
    unknown = np.flatnonzero(row_of < 0)
    if len(unknown):
        row = int(unknown[0])
        hint = did_you_mean(ids[row], (prompt.id for prompt in rows))
        raise DataError(
            f"{place(row)}: no such prompt_id in {prompts_path.name}"
            f"{hint or '; add the prompt or delete the row'}"
        )
    cells = row_of * len(models) + _positions(names, models)
    _check_unique(cells, place)
    return Table(rows, models, _matrices(outcomes, cells, (len(rows), len(models)), place))


def _matrices(
    outcomes: pl.DataFrame,
    cells: NDArray[np.intp],
    shape: tuple[int, int],
    place: Place,
) -> dict[str, Floats]:
    matrices: dict[str, Floats] = {}
    for matrix, field in FIELDS.items():
        if field not in outcomes.columns:
            continue
        values = numbers(outcomes[field], field, place)
        if field == "score":
            check_scores(values, place)
        else:
            check_amounts(values, field, place)
        if field == "cost_usd" and np.isnan(values).all():
            raise DataError(f"{place(0)}: cost_usd is empty, as in every row; {NO_COSTS}")
        flat = np.full(shape[0] * shape[1], np.nan)
        flat[cells] = values
        matrices[matrix] = flat.reshape(shape)
    return matrices


def _positions(values: pl.Series, names: tuple[str, ...] | list[str]) -> NDArray[np.intp]:
    """For each value its index among the names (n,), -1 where it is none of them."""
    pl = require("polars", "train")
    index = pl.DataFrame({"name": names, "at": np.arange(len(names))})
    joined = values.to_frame("name").join(index, on="name", how="left", maintain_order="left")
    return joined["at"].fill_null(-1).to_numpy().astype(np.intp)


def _check_unique(cells: NDArray[np.intp], place: Place) -> None:
    order = np.argsort(cells, kind="stable")
    again = np.flatnonzero(np.diff(cells[order]) == 0)
    if len(again):
        at = again[np.argmin(order[again + 1])]
        first, second = int(order[at]), int(order[at + 1])
        raise DataError(
            f"{place(second)}: already in row {first + 1}; keep one, or one mean of the two"
        )


def _outcome_frame(data: RoutingData) -> pl.DataFrame:
    """All n * m cells, model by model, null where the matrix holds NaN."""
    pl = require("polars", "train")
    ids = [prompt.id for prompt in data.prompts]
    columns = [
        pl.Series("prompt_id", ids * len(data.models), dtype=pl.String),
        pl.Series(
            "model", np.repeat(np.array(data.models, dtype=object), len(ids)), dtype=pl.String
        ),
    ]
    for matrix, field in FIELDS.items():
        cells: Floats = getattr(data, matrix)
        columns.append(pl.Series(field, cells.T.ravel()).fill_nan(None))
    return pl.DataFrame(columns)


def _find(folder: Path, stem: str) -> Path:
    found = [folder / f"{stem}{ending}" for ending in ENDINGS]
    found = [path for path in found if path.is_file()]
    if not found:
        names = ", ".join(f"{stem}{ending}" for ending in ENDINGS)
        raise DataError(f"{folder}: no {stem} table; the folder needs one of {names}")
    if len(found) > 1:
        raise DataError(f"{folder}: both {found[0].name} and {found[1].name}; keep one")
    return found[0]
