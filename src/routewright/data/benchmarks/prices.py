"""What an answer cost where a benchmark stores none: prices by model, tokens counted or estimated.

The user's prices stand in ``prices.csv`` beside the data, with the columns ``model``,
``input_usd_per_mtok`` and ``output_usd_per_mtok`` (US dollars per million tokens). They come
before prices that a benchmark brings along.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from routewright.data.columns import check_amounts, check_columns, filled_texts, numbers
from routewright.data.table_file import read_frame
from routewright.data.wording import shown
from routewright.errors import DataError

FILE = "prices.csv"
COLUMNS = ("model", "input_usd_per_mtok", "output_usd_per_mtok")
CHARS_PER_TOKEN = 4  # of English prose; an estimate, about a quarter off for code and numbers
_SHOWN_MODELS = 5


class UnpricedWarning(UserWarning):
    """Models of a benchmark whose costs are unknown, so that their cells stay empty."""


@dataclass(frozen=True)
class Price:
    """US dollars per million tokens."""

    input_usd_per_mtok: float
    output_usd_per_mtok: float

    def cost_usd(self, input_tokens: float, output_tokens: float) -> float:
        """What a call cost."""
        tokens_usd = input_tokens * self.input_usd_per_mtok
        return (tokens_usd + output_tokens * self.output_usd_per_mtok) / 1e6


Prices = Mapping[str, Price]


def estimated_tokens(text: str) -> float:
    """About how many tokens a text has: its characters divided by four, rounded up."""
    return float(math.ceil(len(text) / CHARS_PER_TOKEN))


def read_prices(path: Path) -> dict[str, Price]:
    """The prices in ``prices.csv`` in the folder, or beside the file; none where it is absent.

    Raises:
        DataError: the row and column that is wrong.
    """
    file = (path if path.is_dir() else path.parent) / FILE
    if not file.is_file():
        return {}
    frame = read_frame(file)
    check_columns(frame, COLUMNS, file)
    models = filled_texts(frame, "model", file).to_list()

    def place(row: int) -> str:
        return f"{file}: row {row + 1} (model {shown(models[row])})"

    columns = [numbers(frame[field], field, place) for field in COLUMNS[1:]]
    prices: dict[str, Price] = {}
    for field, column in zip(COLUMNS[1:], columns, strict=True):
        check_amounts(column, field, place)
    for row, model in enumerate(models):
        if any(math.isnan(column[row]) for column in columns):
            raise DataError(f"{place(row)}: a price is empty; give both, 0 where it is free")
        if model in prices:
            raise DataError(f"{place(row)}: the model is already there; keep one row")
        prices[model] = Price(*(float(column[row]) for column in columns))
    return prices


def check_priced(path: Path, models: Iterable[str], unpriced: Iterable[str]) -> None:
    """Say which models have no cost.

    Warns:
        UnpricedWarning: some models; their costs are NaN.

    Raises:
        DataError: every model.
    """
    models, lacking = list(models), sorted(set(unpriced))
    if not lacking:
        return
    named = ", ".join(lacking[:_SHOWN_MODELS]) + (", …" if len(lacking) > _SHOWN_MODELS else "")
    file = (path if path.is_dir() else path.parent) / FILE
    way_out = f"add {file} with the columns {', '.join(COLUMNS)}"
    if len(lacking) >= len(models):
        raise DataError(f"{path}: no costs, and no prices for {named}; {way_out}")
    message = f"{path}: no prices for {named}: their costs stay unknown; {way_out}"
    warnings.warn(message, UnpricedWarning, stacklevel=3)
