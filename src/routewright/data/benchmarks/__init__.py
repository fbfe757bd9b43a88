"""Published benchmarks as routing data: one file a format, each with ``claims`` and ``read``.

A format module has ``SHAPE`` (what it reads, in a few words), ``claims(path)`` (whether the path
looks like it, by names and a first glance, never by reading it whole) and ``read(path)``.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Protocol, cast

from routewright.data.long_format import Table
from routewright.data.table_file import ENDINGS
from routewright.data.wording import missing
from routewright.errors import ConfigError, DataError

# In the order in which they are asked; the modules are imported when they are.
FORMATS: dict[str, str] = {
    "routerbench": "routewright.data.benchmarks.routerbench",
    "routellm": "routewright.data.benchmarks.routellm",
    "routerarena": "routewright.data.benchmarks.routerarena",
    "llmrouterbench": "routewright.data.benchmarks.llmrouterbench",
    "alpaca-eval": "routewright.data.benchmarks.alpaca_eval",
}


class Format(Protocol):
    """What the module of a format offers."""

    SHAPE: str

    def claims(self, path: Path) -> bool:
        """Whether the path looks like this format."""
        ...

    def read(self, path: Path) -> Table:
        """The table; a DataError names the file, record and field that is wrong."""
        ...


def format_module(name: str) -> Format:
    """The module of a format.

    Raises:
        ConfigError: no such format.
    """
    if name not in FORMATS:
        known = ", ".join(["auto", "native", *FORMATS])
        raise ConfigError(f"format {name!r} is unknown; give one of {known}")
    return cast("Format", importlib.import_module(FORMATS[name]))


def claimed_by(path: Path) -> str | None:
    """The name of the first format that the path looks like."""
    return next((name for name in FORMATS if format_module(name).claims(path)), None)


def read_benchmark(path: str | Path, format: str = "auto") -> Table:
    """Read the files of a published benchmark.

    Args:
        path: the file or folder as its makers publish it.
        format: a name in ``FORMATS``, or ``auto`` to recognise it.

    Raises:
        DataError: the file, record and field that is wrong; or no format knows the path.
        ConfigError: no such format.
    """
    path = Path(path)
    if format != "auto":
        format_module(format)
    if not path.exists():
        raise missing(path)
    name = claimed_by(path) if format == "auto" else format
    if name is None:
        raise unknown(path)
    return format_module(name).read(path)


def unknown(path: Path) -> DataError:
    """The error for a path that no format knows, with what is understood."""
    shapes = "; ".join(f"{name}: {format_module(name).SHAPE}" for name in FORMATS)
    native = f"a folder with prompts and outcomes, a table that ends in {', '.join(ENDINGS)}"
    return DataError(f"{path}: no data that is understood; give {native}, or {shapes}")
