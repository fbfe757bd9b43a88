"""Routing data from and to tables on disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from routewright.data.long_format import read_long, write_long
from routewright.data.table_file import ENDINGS
from routewright.data.wide_format import read_wide
from routewright.data.wording import missing
from routewright.errors import DataError

if TYPE_CHECKING:
    from routewright.data.routing_data import RoutingData

Data = TypeVar("Data", bound="RoutingData")


def load_table(cls: type[Data], path: Path) -> Data:
    """Read a folder in long format or one file in wide form; it takes the path's last name.

    Raises:
        DataError: the file, row or field that is wrong, and the way out.
        MissingExtraError: polars is not installed.
    """
    if path.is_dir():
        table = read_long(path)
    elif not path.exists():
        raise missing(path)
    elif path.suffix.lower() in ENDINGS:
        table = read_wide(path)
    else:
        raise DataError(f"{path}: give a folder, or a table that ends in {', '.join(ENDINGS)}")
    return cls(
        prompts=table.prompts, models=table.models, name=path.resolve().name, **table.matrices
    )


def save_long(data: RoutingData, path: Path) -> None:
    """Write ``prompts.parquet`` and ``outcomes.parquet``, which read back exactly.

    Each file is replaced as a whole, so a reader finds the old one or the new one.

    Raises:
        DataError: the data would not be read back, or the folder cannot be written.
        MissingExtraError: polars is not installed.
    """
    write_long(data, path)
