"""Logs of LLM calls as prompts, with the answers that they hold: one file a format.

A format module has ``SHAPE`` (what it reads, in a few words), ``claims(seen)`` (whether a first
glance looks like it) and ``read(source)``, which gives every row as ``Logged`` or, with its reason,
as ``Dropped``. A row never raises; a file that is no such log at all does.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Protocol, cast

from routewright.data.logs.entry import Dropped, Entry, Logged, Reason, Said
from routewright.data.logs.source import Glance, Source, glance
from routewright.data.wording import did_you_mean
from routewright.errors import ConfigError, DataError

__all__ = [
    "FORMATS",
    "Dropped",
    "Entry",
    "LogFormat",
    "Logged",
    "Reason",
    "Said",
    "Source",
    "log_format",
    "recognised",
]

# In the order in which they are asked; the modules are imported when they are.
FORMATS: dict[str, str] = {
    "llm": "routewright.data.logs.llm_tool",
    "otel": "routewright.data.logs.otel",
    "litellm": "routewright.data.logs.litellm",
    "langfuse": "routewright.data.logs.langfuse",
    "openai": "routewright.data.logs.openai",
    "csv": "routewright.data.logs.csv_table",
    "parquet": "routewright.data.logs.parquet_table",
    "text": "routewright.data.logs.text",
    "paragraphs": "routewright.data.logs.paragraphs",
}


class LogFormat(Protocol):
    """What the module of a format offers."""

    SHAPE: str

    def claims(self, seen: Glance) -> bool:
        """Whether a file looks like this format."""
        ...

    def read(self, source: Source) -> Iterator[Entry]:
        """Every row in order; a DataError where the file is no such log at all."""
        ...


def log_format(name: str) -> LogFormat:
    """The module of a format.

    Raises:
        ConfigError: no such format.
    """
    if name not in FORMATS:
        hint = did_you_mean(name, FORMATS) or f"; give auto, {', '.join(FORMATS)}"
        raise ConfigError(f"no log format {name!r}{hint}")
    return cast("LogFormat", importlib.import_module(FORMATS[name]))


def recognised(source: Source) -> str:
    """The name of the first format that the first file looks like.

    Raises:
        DataError: none does, or there is no file.
    """
    file = source.files()[0]
    seen = glance(file)
    for name in FORMATS:
        if log_format(name).claims(seen):
            return name
    shapes = "; ".join(f"{name}: {log_format(name).SHAPE}" for name in FORMATS)
    raise DataError(f"{file}: no log that is understood; say which of {shapes}")
