"""Prompts → answers: every model asked every prompt, resumable at any moment."""

from __future__ import annotations

from routewright.collect.run import (
    ANSWERS_FILE,
    PROMPTS_FILE,
    Cell,
    collect,
    missing_cells,
    read_answers,
)

__all__ = ["ANSWERS_FILE", "PROMPTS_FILE", "Cell", "collect", "missing_cells", "read_answers"]
