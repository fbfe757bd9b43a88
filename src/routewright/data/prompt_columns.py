"""The columns that describe prompts, in every kind of table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from routewright.data.columns import Place, check_columns, filled_texts, numbers, texts
from routewright.data.messages import check_messages, is_plain, parse_messages
from routewright.data.times import iso_time
from routewright.data.wording import shown
from routewright.errors import DataError, require
from routewright.types import Message, Prompt

if TYPE_CHECKING:
    import polars as pl

PROMPT_COLUMNS = (
    "prompt_id",
    "prompt",
    "messages",
    "task",
    "dataset",
    "subject",
    "group",
    "grader",
    "reference",
    "difficulty",
    "time",
    "created_at",
    "max_tokens",
)


def prompts_from(frame: pl.DataFrame, path: Path) -> tuple[Prompt, ...]:
    """One prompt per row. Without ``prompt_id`` the ids are ``row-1``, ``row-2`` and so on.

    ``messages`` (JSON text) outweighs ``prompt`` where it is filled in. The task is ``task``, or
    else ``dataset``, or else ``dataset/subject`` where the two differ. The time is ``time``, or
    else ``created_at``: ISO 8601, or seconds since 1970.

    Raises:
        DataError: the row and field that is wrong.
    """
    if "messages" not in frame.columns:
        check_columns(frame, ("prompt",), path)
    ids = prompt_ids(frame, path)

    def place(row: int) -> str:
        return f"{path}: row {row + 1} (prompt {shown(ids[row])})"

    prompts: list[Prompt] = []
    values = {name: _optional(frame, name, path) for name in PROMPT_COLUMNS[1:-1]}
    limits = _max_tokens(frame, place)
    for row, id in enumerate(ids):
        known = {name: column[row] for name, column in values.items()}
        try:
            messages = _messages(known["messages"], known["prompt"])
            check_messages(messages)
            time = iso_time(known["time"] or known["created_at"] or "")
        except DataError as error:
            raise DataError(f"{place(row)}: {error}") from error
        task = known["task"]
        prompts.append(
            Prompt(
                id=id,
                messages=messages,
                task=_task(known["dataset"], known["subject"]) if task is None else task,
                grader=known["grader"] or "",
                reference=known["reference"] or "",
                group=known["group"] or "",
                difficulty=known["difficulty"] or "",
                max_tokens=limits[row],
                time=time,
            )
        )
    return tuple(prompts)


def prompt_ids(frame: pl.DataFrame, path: Path) -> list[str]:
    """The id of every row.

    Raises:
        DataError: an empty or repeated id.
    """
    if "prompt_id" not in frame.columns:
        return [f"row-{number}" for number in range(1, frame.height + 1)]
    ids: list[str] = filled_texts(frame, "prompt_id", path).to_list()
    rows: dict[str, int] = {}
    for row, id in enumerate(ids, start=1):
        first = rows.setdefault(id, row)
        if first != row:
            raise DataError(
                f"{path}: row {row}: prompt_id {shown(id)} is already in row {first}; "
                "ids are unique"
            )
    return ids


def prompt_frame(prompts: Sequence[Prompt]) -> pl.DataFrame:
    """The rows that ``prompts_from`` reads back as equal prompts."""
    pl = require("polars", "train")
    columns: dict[str, list[str | None]] = {
        "prompt_id": [p.id for p in prompts],
        "task": [p.task for p in prompts],
        "difficulty": [p.difficulty for p in prompts],
        "prompt": [p.text for p in prompts],
        "grader": [p.grader for p in prompts],
        "reference": [p.reference for p in prompts],
        "group": [p.group for p in prompts],
    }
    if not all(is_plain(p.messages) for p in prompts):
        columns["messages"] = [
            None if is_plain(p.messages) else msgspec.json.encode(p.messages).decode()
            for p in prompts
        ]
    if any(p.time for p in prompts):
        columns["time"] = [p.time for p in prompts]
    series = [pl.Series(name, cells, dtype=pl.String) for name, cells in columns.items()]
    limits = pl.Series("max_tokens", [p.max_tokens for p in prompts], dtype=pl.Int64)
    return pl.DataFrame([*series, limits])


def _optional(frame: pl.DataFrame, column: str, path: Path) -> list[str | None]:
    if column not in frame.columns:
        return [None] * frame.height
    return texts(frame, column, path).to_list()


def _messages(turns: str | None, prompt: str | None) -> tuple[Message, ...]:
    if turns is None:
        return (Message("user", prompt or ""),)
    try:
        raw = msgspec.json.decode(turns)
    except (msgspec.DecodeError, RecursionError) as error:
        raise DataError("messages is not JSON; write a list of turns as JSON text") from error
    return parse_messages(raw)


def _task(dataset: str | None, subject: str | None) -> str:
    if dataset and subject and subject != dataset:
        return f"{dataset}/{subject}"
    return dataset or ""


def _max_tokens(frame: pl.DataFrame, place: Place) -> list[int | None]:
    if "max_tokens" not in frame.columns:
        return [None] * frame.height
    limits = numbers(frame["max_tokens"], "max_tokens", place)
    wrong = np.isfinite(limits) & ((limits < 1) | (limits != np.floor(limits)))
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(f"{place(row)}: max_tokens is {limits[row]:g}; give a whole number from 1")
    return [None if np.isnan(limit) else int(limit) for limit in limits]
