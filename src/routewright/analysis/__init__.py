"""What a prompt is, read off its text: task, domain, language, needs.

    from routewright.analysis import analyse
    analyse("Is this clause enforceable under contract law?").domain     # "law"

It needs no data and no model: the words that give a domain or a task away stand in
``cues.toml``. How hard a prompt is, and how long its answer, only graded answers can tell: a
router that learned from them fills these in. ``analysis.llm`` asks a small LLM instead.
"""

from __future__ import annotations

from routewright.analysis.builtin import analyse
from routewright.analysis.columns import COLUMNS, columns
from routewright.analysis.words import DOMAINS, NEEDS, TASKS

__all__ = ["COLUMNS", "DOMAINS", "NEEDS", "TASKS", "analyse", "columns"]
