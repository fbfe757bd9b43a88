"""Routing data from and to tables on disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from routewright.data.corrections import score_errors
from routewright.data.long_format import Table, read_long, write_long
from routewright.data.table_file import ENDINGS, read_frame
from routewright.data.wide_format import model_columns, table_from_wide
from routewright.data.wording import missing
from routewright.errors import DataError

if TYPE_CHECKING:
    from routewright.data.routing_data import RoutingData

Data = TypeVar("Data", bound="RoutingData")


def load_table(cls: type[Data], path: str | Path, format: str = "auto") -> Data:
    """Read a native table, or the files of a published benchmark; it takes the path's last name.

    Args:
        cls: the class of the data.
        path: a folder in long format, a file in wide form, a benchmark's files, or ``hub:NAME``.
        format: ``native``, a name in ``data.benchmarks.FORMATS``, or ``auto``.

    Raises:
        DataError: the file, row or field that is wrong, and the way out.
        ConfigError: no such format.
        MissingExtraError: polars, or huggingface_hub for ``hub:``, is not installed.
    """
    name = ""
    if str(path).startswith("hub:"):
        from routewright.data.benchmarks.hub import fetch

        fetched = fetch(path)
        path, name = fetched.path, fetched.name
        format = fetched.format if format == "auto" else format
    path = Path(path)
    table = _read(path, _recognised(path) if format == "auto" else format)
    errors = score_errors(path, table.models) if path.is_dir() else np.empty(0)
    return cls(
        prompts=table.prompts,
        models=table.models,
        name=name or path.resolve().name,
        score_errors=errors,
        **table.matrices,
    )


def _recognised(path: Path) -> str:
    """The format that a path looks like; native tables are known without asking the others."""
    if not path.exists():
        raise missing(path)
    halves = (path / f"{stem}{ending}" for stem in ("prompts", "outcomes") for ending in ENDINGS)
    if path.suffix.lower() == ".parquet" or (path.is_dir() and any(p.is_file() for p in halves)):
        return "native"
    from routewright.data.benchmarks import claimed_by, unknown

    claimed = claimed_by(path)
    if claimed is None and path.is_file() and path.suffix.lower() in ENDINGS:
        return "native"
    if claimed is None:
        raise unknown(path)
    return claimed


def _read(path: Path, format: str) -> Table:
    if format != "native":
        from routewright.data.benchmarks import read_benchmark

        return read_benchmark(path, format)
    if path.is_dir():
        return read_long(path)
    if not path.exists():
        raise missing(path)
    if path.suffix.lower() in ENDINGS:
        return _read_file(path)
    raise DataError(f"{path}: give a folder, or a table that ends in {', '.join(ENDINGS)}")


def _read_file(path: Path) -> Table:
    """A table in wide form, or votes: which of two models answered better."""
    from routewright.data.routing_data import MATRICES
    from routewright.data.votes import COLUMNS, Votes

    frame = read_frame(path)
    if not set(COLUMNS) <= set(frame.columns) or model_columns(frame.columns, path):
        return table_from_wide(frame, path)
    told = Votes.from_frame(frame, path).as_data()
    return Table(told.prompts, told.models, {name: getattr(told, name) for name in MATRICES})


def save_long(data: RoutingData, path: Path) -> None:
    """Write ``prompts.parquet`` and ``outcomes.parquet``, which read back exactly.

    Each file is replaced as a whole, so a reader finds the old one or the new one.

    Raises:
        DataError: the data would not be read back, or the folder cannot be written.
        MissingExtraError: polars is not installed.
    """
    write_long(data, path)
