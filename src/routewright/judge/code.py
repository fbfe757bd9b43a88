"""The code grader: takes the Python out of an answer and runs the asked-for asserts on it."""

from __future__ import annotations

import ast
import re

from routewright.judge.extract import FULL, BadReferenceError, code_blocks, final_text, grade
from routewright.judge.sandbox import run_asserts
from routewright.types import Grade

_DEFINES = re.compile(r"^[ \t]*(?:async[ ]+)?def[ ]+\w|^\w+\s*=\s*lambda\b", re.MULTILINE)
_CODE_LINE = re.compile(r"\s|(?:async def|def|class|import|from|@|#)|\w+\s*=[^=]|\)|\]|\}|$")


def code(answer_text: str, reference: str) -> Grade:
    """5 times the share of the reference's asserts that pass on the answer's code.

    The code runs in a sandbox: see ``routewright.judge.sandbox``.
    """
    asserts = _asserts(reference)
    text = final_text(answer_text)
    if not text:
        return grade("code", 0.0, "empty answer")
    run = run_asserts(sources(text), asserts)
    passed = sum(run.passed)
    reason = f"{passed} of {len(asserts)} asserts pass"
    return grade(
        "code", FULL * passed / len(asserts), f"{reason}; {run.error}" if run.error else reason
    )


def _asserts(reference: str) -> list[str]:
    found = [line.strip() for line in reference.splitlines() if line.strip()]
    try:
        trees = [ast.parse(line).body for line in found]
    except (SyntaxError, ValueError):
        trees = []
    if not trees or any(len(t) != 1 or not isinstance(t[0], ast.Assert) for t in trees):
        raise BadReferenceError("must be Python, one assert a line")
    return found


def sources(text: str) -> list[str]:
    """Readings of an answer as Python, the likeliest first; the first that compiles is run."""
    fenced = next((block for block in code_blocks(text) if _DEFINES.search(block)), None)
    if fenced is not None:
        return [fenced]
    bare = text.strip("`\n ")
    return list(dict.fromkeys([bare, _code_lines(bare)]))


def _code_lines(text: str) -> str:
    """From the first definition or import on, as long as lines look like code."""
    rows = text.splitlines()
    starts = (
        i
        for i, row in enumerate(rows)
        if re.match(r"(?:async def|def|class|import|from|@)\b|@", row)
    )
    kept: list[str] = []
    for row in rows[next(starts, len(rows)) :]:
        if not _CODE_LINE.match(row):
            break
        kept.append(row)
    return "\n".join(kept)
