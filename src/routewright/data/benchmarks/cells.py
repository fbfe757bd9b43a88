"""Collects prompts and outcomes one by one into a table, with every cell checked."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from routewright.data.columns import Floats
from routewright.data.long_format import FIELDS, Table
from routewright.data.messages import check_messages
from routewright.data.wording import shown
from routewright.errors import DataError
from routewright.types import Message, Prompt


class UngradedWarning(UserWarning):
    """Models of a benchmark whose answers nobody graded, so that they are left out."""


def checked_number(value: object, field: str, place: str) -> float:
    """A number of a record; NaN where the value is null.

    Raises:
        DataError: it is no number, or not a finite one.
    """
    if value is None:
        return math.nan
    if isinstance(value, bool | int | float):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if math.isfinite(number):
            return number
        raise DataError(f"{place}: {field} is {number}; give a finite number, or null if unknown")
    raise DataError(f"{place}: {field} is {shown(value)}, not a number; correct it")


def checked_text(value: object, field: str, place: str) -> str:
    """A text of a record that says something.

    Raises:
        DataError: it is no text, or blank.
    """
    if not isinstance(value, str):
        raise DataError(f"{place}: {field} is {shown(value)}; give a text")
    if not value.strip():
        raise DataError(f"{place}: {field} is empty; fill it in or delete the record")
    return value


class Cells:
    """A table in the making: prompts and models in the order in which they first appear."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.prompts: dict[str, Prompt] = {}
        self.models: dict[str, int] = {}
        self._rows: dict[str, int] = {}
        self._values: dict[str, list[float]] = {field: [] for field in FIELDS.values()}
        self._at: dict[tuple[int, int], str] = {}

    def add_prompt(self, id: str, text: str, place: str, **known: Any) -> None:
        """Take a prompt in; one that is already there stays as it is.

        Raises:
            DataError: the prompt is blank or too large.
        """
        if id in self.prompts:
            return
        messages = (Message("user", text),)
        try:
            check_messages(messages)
        except DataError as error:
            raise DataError(f"{place}: {error}") from error
        self._rows[id] = len(self.prompts)
        self.prompts[id] = Prompt(id=id, messages=messages, **known)

    def add(self, id: str, model: str, place: str, **values: object) -> None:
        """Take in the outcome of a model on a prompt that is there; NaN and None are unknown.

        Args:
            id: of the prompt.
            model: its column.
            place: the file and record, for messages.
            values: by the names of the long format, such as ``score`` and ``cost_usd``.

        Raises:
            DataError: a value of the wrong type or range, or a second outcome of the cell.
        """
        cell = self._rows[id], self.models.setdefault(model, len(self.models))
        if cell in self._at:
            raise DataError(
                f"{place}: prompt {shown(id)} of model {shown(model)} is already in "
                f"{self._at[cell]}; keep one"
            )
        self._at[cell] = place.rpartition("/")[2]
        for field, column in self._values.items():
            given = values.get(field)
            unknown = isinstance(given, float) and math.isnan(given)
            number = math.nan if unknown else checked_number(given, field, place)
            if field == "score" and not math.isnan(number) and not 0.0 <= number <= 1.0:
                raise DataError(f"{place}: score is {number:g}, outside [0, 1]; correct it")
            if number < 0.0:
                raise DataError(f"{place}: {field} is {number:g}; give 0 or more")
            column.append(number)

    def table(self) -> Table:
        """What was taken in, but for models without a single score, which nothing can be learnt of.

        Raises:
            DataError: nothing, or no score at all.

        Warns:
            UngradedWarning: models that are left out.
        """
        if not self._at:
            raise DataError(f"{self.path}: no outcomes in it; check the path")
        if all(math.isnan(score) for score in self._values["score"]):
            raise DataError(f"{self.path}: every score is empty; grade the answers first")
        index = np.array(list(self._at), dtype=np.intp)
        matrices: dict[str, Floats] = {}
        for matrix, field in FIELDS.items():
            values = np.full((len(self.prompts), len(self.models)), np.nan)
            values[index[:, 0], index[:, 1]] = self._values[field]
            matrices[matrix] = values
        graded = ~np.isnan(matrices["scores"]).all(axis=0)
        names = np.array(list(self.models), dtype=object)
        if not graded.all():
            left_out = ", ".join(names[~graded])
            message = f"{self.path}: no score for {left_out}: left out; grade their answers first"
            warnings.warn(message, UngradedWarning, stacklevel=3)
            matrices = {name: matrix[:, graded] for name, matrix in matrices.items()}
        return Table(tuple(self.prompts.values()), tuple(names[graded]), matrices)
