"""The answers beside the outcomes: what each model said and how it was graded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from routewright.data.table_file import write_frames
from routewright.errors import require


@dataclass(frozen=True)
class Response:
    """One answer with its grade; ``mark`` is None where nobody graded it."""

    prompt_id: str
    model: str
    response: str
    state: str
    mark: float | None
    reason: str
    judge: str
    cpu_s: float | None


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
    }
    frame = pl.DataFrame([asdict(response) for response in responses], schema=schema)
    write_frames(folder, {"responses.parquet": frame})
