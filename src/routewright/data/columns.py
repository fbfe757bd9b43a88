"""Columns of a table as checked numbers and texts, with the faulty row named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from routewright.data.wording import nearest, shown
from routewright.errors import DataError, require

if TYPE_CHECKING:
    import polars as pl

Floats = NDArray[np.float64]
Place = Callable[[int], str]
SCALES = (5, 10, 100)  # marks that people give where a score in [0, 1] is due

NO_COSTS = (
    "routing weighs score against cost; add it in US dollars per call, for example "
    "input_tokens and output_tokens times the prices in the catalogue"
)


def check_columns(frame: pl.DataFrame, needed: Sequence[str], path: Path) -> None:
    """Refuse a table that lacks a column, naming the nearest that it has.

    Raises:
        DataError: the first missing column.
    """
    for column in needed:
        if column in frame.columns:
            continue
        others = [name for name in frame.columns if name not in needed]
        raise DataError(f"{path}: no column {column!r}; {_way_to(column, others, frame.columns)}")


def texts(frame: pl.DataFrame, column: str, path: Path) -> pl.Series:
    """A column as texts, null where the cell is empty.

    Raises:
        DataError: the column holds something that has no text, such as lists.
    """
    pl = require("polars", "train")
    series = frame[column]
    if series.dtype.is_nested() or series.dtype == pl.Binary:
        raise DataError(f"{path}: {column} has type {series.dtype}; give texts")
    return series.cast(pl.String)


def filled_texts(frame: pl.DataFrame, column: str, path: Path) -> pl.Series:
    """A column of texts, none of them empty or blank.

    Raises:
        DataError: the first row without one.
    """
    series = texts(frame, column, path)
    blank = (series.is_null() | (series.str.strip_chars() == "")).to_numpy()
    if blank.any():
        raise DataError(f"{path}: row {blank.argmax() + 1}: {column} is empty; fill it in")
    return series


def numbers(series: pl.Series, field: str, place: Place) -> Floats:
    """A column as floats (n,), NaN where the cell is empty; ``place`` names a row by index.

    Raises:
        DataError: the first cell that is no number, NaN, infinite, or out of range.
    """
    pl = require("polars", "train")
    dtype = series.dtype
    if dtype == pl.String:
        text = series.str.strip_chars()
        text = text.set(text == "", None)
        cells = text.cast(pl.Float64, strict=False)
        _refuse(
            text.is_not_null() & cells.is_null(),
            lambda row: f"{place(row)}: {field} is {shown(text[row])}, not a number; correct it",
        )
    elif dtype.is_numeric() or dtype in (pl.Boolean, pl.Null):
        cells = series.cast(pl.Float64)
    else:
        raise DataError(f"{place(0)}: {field} has type {dtype}; give numbers")
    _refuse(
        cells.is_nan(),
        lambda row: f"{place(row)}: {field} is NaN; {_way_out_of_nan(field)}",
    )
    _refuse(
        cells.is_infinite(),
        lambda row: f"{place(row)}: {field} is infinite; give a number or leave the cell empty",
    )
    return cells.to_numpy().astype(np.float64)  # null becomes NaN, which no cell is any more


def check_scores(scores: Floats, place: Place) -> None:
    """Refuse scores outside [0, 1], with the divisor that would bring all of them inside.

    Raises:
        DataError: the first such score.
    """
    wrong = (scores < 0.0) | (scores > 1.0)
    if not wrong.any():
        return
    row = int(wrong.argmax())
    lowest, highest = np.nanmin(scores), np.nanmax(scores)
    divisor = next((scale for scale in SCALES if lowest >= 0.0 and highest <= scale), None)
    hint = f"divide all scores by {divisor}" if divisor else "rescale all scores"
    raise DataError(f"{place(row)}: score is {scores[row]:g}, outside [0, 1]; {hint}")


def check_amounts(amounts: Floats, field: str, place: Place) -> None:
    """Refuse a negative cost, latency or token count.

    Raises:
        DataError: the first such row.
    """
    wrong = amounts < 0.0
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(f"{place(row)}: {field} is {amounts[row]:g}; give 0 or more")


def _way_to(column: str, others: Sequence[str], columns: Sequence[str]) -> str:
    if len(columns) == 1 and any(mark in columns[0] for mark in ";\t|"):
        return f"its only column is {shown(columns[0])}: separate values by commas"
    near = nearest(column, others)
    if near:
        return f"rename {shown(near)} if that is it"
    if column == "cost_usd":
        return NO_COSTS
    return "it has " + ", ".join(columns[:12]) + (", …" if len(columns) > 12 else "")


def _way_out_of_nan(field: str) -> str:
    if field == "score":
        return "leave the cell empty if the model was not asked"
    return "leave the cell empty if it is not known"


def _refuse(wrong: pl.Series, message: Callable[[int], str]) -> None:
    rows = wrong.fill_null(value=False).arg_true()
    if len(rows):
        raise DataError(message(int(rows[0])))
