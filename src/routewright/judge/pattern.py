"""Grader for answers whose form is known: a regular expression."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from routewright.errors import require
from routewright.judge.extract import FULL, BadReferenceError, final_text, grade, shown
from routewright.types import Grade

TIMEOUT_S = 1.0  # an answer can be made so that a careless pattern would search it for years


def pattern(answer_text: str, reference: str) -> Grade:
    """5 when the reference, a Python regular expression, is found in the answer, else 0.

    ``^`` and ``$`` are the ends of the whole answer; put ``(?m)`` in front for those of lines. An
    answer on which the pattern runs out of time is not graded for what it says: it gets 0 and the
    reason says so.

    Raises:
        MissingExtraError: the extra ``judge`` is not installed.
    """
    wanted = _compiled(reference)
    text = final_text(answer_text)
    if not text:
        return grade("regex", 0.0, "empty answer")
    try:
        found: Any = wanted.search(text, timeout=TIMEOUT_S)
    except TimeoutError:
        return grade("regex", 0.0, f"the pattern ran out of time ({TIMEOUT_S:g} s)")
    if found is None:
        return grade("regex", 0.0, f"no match in {shown(text)}")
    return grade("regex", FULL, f"matches {shown(found.group())}")


@lru_cache(maxsize=256)
def _compiled(reference: str) -> Any:
    regex: Any = require("regex", "judge")
    if not reference.strip():
        raise BadReferenceError("is empty: give a regular expression")
    try:
        return regex.compile(reference)
    except (regex.error, OverflowError, RecursionError) as error:
        raise BadReferenceError(f"is no regular expression ({error})") from None
