"""A CSV file with a prompt a row; see ``table``."""

from __future__ import annotations

from routewright.data.logs.source import Glance
from routewright.data.logs.table import PROMPT_COLUMNS, read

SHAPE = "CSV with a column messages or prompt"

__all__ = ["SHAPE", "claims", "read"]


def claims(seen: Glance) -> bool:
    """Whether a file looks like it."""
    return seen.kind == "csv" and bool(seen.keys & set(PROMPT_COLUMNS))
