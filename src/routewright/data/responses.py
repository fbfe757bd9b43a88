"""The answers beside the outcomes: what each model said and how it was graded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from routewright.data.columns import check_columns, filled_texts, texts
from routewright.data.table_file import ENDINGS, read_frame, write_frames
from routewright.errors import require


@dataclass(frozen=True)
class Response:
    """One answer with its grade; ``mark`` is None where nobody graded it.

    ``sample`` counts repeated answers of one cell from 0.
    """

    prompt_id: str
    model: str
    response: str
    state: str
    mark: float | None
    reason: str
    judge: str
    cpu_s: float | None
    sample: int = 0


def save_responses(responses: Sequence[Response], folder: Path) -> None:
    """Write ``responses.parquet``, replaced as a whole.

    Raises:
        MissingExtraError: polars is not installed.
    """
    pl = require("polars", "train")
    schema = {
        "prompt_id": pl.String,
        "model": pl.String,
        "response": pl.String,
        "state": pl.String,
        "mark": pl.Float64,
        "reason": pl.String,
        "judge": pl.String,
        "cpu_s": pl.Float64,
        "sample": pl.Int64,
    }
    frame = pl.DataFrame([asdict(response) for response in responses], schema=schema)
    write_frames(folder, {"responses.parquet": frame})


def read_responses(folder: Path) -> list[Response]:
    """The answers of a folder's ``responses`` table; none where it has no such table.

    ``prompt_id``, ``model`` and ``response`` are needed; other texts are empty and other numbers
    None where the table does not have them.

    Raises:
        DataError: the file, row or field that is wrong.
        MissingExtraError: polars is not installed.
    """
    found = [folder / f"responses{ending}" for ending in ENDINGS]
    path = next((path for path in found if path.is_file()), None)
    if path is None:
        return []
    pl = require("polars", "train")
    frame = read_frame(path)
    check_columns(frame, ("prompt_id", "model", "response"), path)
    height = frame.height

    def optional(column: str) -> list[str]:
        if column not in frame.columns:
            return [""] * height
        return texts(frame, column, path).fill_null("").to_list()

    def numbers(column: str) -> list[float | None]:
        if column not in frame.columns:
            return [None] * height
        return frame[column].cast(pl.Float64, strict=False).to_list()

    columns = (
        filled_texts(frame, "prompt_id", path).to_list(),
        filled_texts(frame, "model", path).to_list(),
        optional("response"),
        optional("state"),
        numbers("mark"),
        optional("reason"),
        optional("judge"),
        numbers("cpu_s"),
        [int(number or 0) for number in numbers("sample")],
    )
    return [Response(*row) for row in zip(*columns, strict=True)]
