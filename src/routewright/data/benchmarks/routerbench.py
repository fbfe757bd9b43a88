"""RouterBench (data set withmartian/routerbench): pickled tables of 36,497 prompts x 11 models.

``routerbench_0shot.pkl`` and ``routerbench_5shot.pkl`` have a prompt a row, with the columns
``sample_id``, ``prompt``, ``eval_name``, and for every model ``MODEL`` (its score),
``MODEL|model_response`` and ``MODEL|total_cost`` (US dollars). ``routerbench_raw.pkl`` has an
answer a row: ``model_name``, ``performance``, ``cost``. Both are read, also as Parquet, CSV or
JSON Lines. The task is ``eval_name`` as it stands, such as ``mmlu-anatomy`` or ``mbpp``.

Scores and costs are RouterBench's own; NaN, which it writes where a cell is missing, leaves the
cell empty. A prompt stored as the text of a Python list becomes its parts, joined by a blank
line. Prompts are grouped by their bare last question, so that a question stays on one side of a
split however many worked examples stand before it; a sample that comes in two wordings is two
prompts of one group.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from routewright.data.benchmarks.questions import prompt_parts, question_groups
from routewright.data.benchmarks.unpickle import Pickled, read_pickle
from routewright.data.columns import check_columns, filled_texts
from routewright.data.long_format import Table, table_from
from routewright.data.table_file import read_frame
from routewright.data.wide_format import table_from_wide
from routewright.errors import DataError, require

if TYPE_CHECKING:
    import polars as pl

SHAPE = "RouterBench's .pkl"
PICKLES = (".pkl", ".pickle")
COLUMNS = ("sample_id", "prompt", "eval_name")
_NAMES = {"sample_id": "prompt_id", "eval_name": "task"}
_RAW = {"model_name": "model", "performance": "score", "cost": "cost_usd"}


def claims(path: Path) -> bool:
    """Whether it is a pickle: the only format that comes as one."""
    return path.suffix.lower() in PICKLES and path.is_file()


def read(path: Path) -> Table:
    """The table, wide or raw.

    Raises:
        DataError: the pickle is refused or damaged, or the row and column that is wrong.
        MissingExtraError: polars is not installed.
    """
    if path.suffix.lower() in PICKLES:
        # The answers are most of the file, and nothing here reads them.
        pickled = read_pickle(path, without=("model_response",))
        frame = pickled.frame
        _check_others(pickled, path)
    else:
        frame = read_frame(path)
    check_columns(frame, COLUMNS, path)
    for column in COLUMNS:
        filled_texts(frame, column, path)
    raw = "model_name" in frame.columns
    wide = any(name.endswith("|total_cost") for name in frame.columns)
    if not raw and not wide:
        raise DataError(f"{path}: no column 'MODEL|total_cost', nor 'model_name'; not RouterBench")
    return _from_raw(frame, path) if raw else table_from_wide(_prepared(frame), path)


def _check_others(pickled: Pickled, path: Path) -> None:
    """Refuse a column that is needed, and holds neither numbers nor texts."""
    for name, kinds in pickled.others.items():
        scores = f"{name}|total_cost" in pickled.frame.columns
        if scores or name.endswith("|total_cost") or name in (*COLUMNS, *_RAW):
            raise DataError(f"{path}: column {name!r} holds {kinds}; give numbers or texts alone")


def _prepared(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with our names, plain prompts, unique ids, and a column of groups."""
    pl = require("polars", "train")
    texts: list[str] = frame["prompt"].cast(pl.String).to_list()
    parts = [prompt_parts(text) for text in texts]
    ids = _ids(frame["sample_id"].cast(pl.String).to_list(), texts)
    return frame.with_columns(
        pl.Series("sample_id", ids, dtype=pl.String),
        pl.Series("prompt", ["\n\n".join(part) for part in parts], dtype=pl.String),
        pl.Series("group", question_groups(parts), dtype=pl.String),
    ).rename(_NAMES)


def _ids(samples: list[str], texts: list[str]) -> list[str]:
    """An id for every prompt; a sample's second wording becomes ``SAMPLE#2``, and so on."""
    wordings: dict[str, dict[str, int]] = {}
    ids: list[str] = []
    for sample, text in zip(samples, texts, strict=True):
        known = wordings.setdefault(sample, {})
        number = known.setdefault(text, len(known) + 1)
        ids.append(sample if number == 1 else f"{sample}#{number}")
    return ids


def _from_raw(frame: pl.DataFrame, path: Path) -> Table:
    check_columns(frame, tuple(_RAW), path)
    wordings = frame.select(COLUMNS).unique(maintain_order=True)
    prompts = _prepared(wordings)
    ids = wordings.with_columns(prompts["prompt_id"])
    answers = frame.join(ids, on=list(COLUMNS), how="left", maintain_order="left")
    return table_from(prompts, answers.select("prompt_id", *_RAW).rename(_RAW), path, path)
