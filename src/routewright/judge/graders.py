"""The table of graders: how an answer with a known key is verified, without asking an LLM."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from routewright.errors import DataError
from routewright.judge.choice import choice, label
from routewright.judge.code import code
from routewright.judge.extract import BadReferenceError
from routewright.judge.formatting import form
from routewright.judge.numeric import numeric
from routewright.judge.pattern import pattern
from routewright.judge.schema import schema
from routewright.judge.structure import json_object, ordering
from routewright.judge.text import contains, exact, translation
from routewright.types import Answer, AnswerState, Grade, Prompt

Grader = Callable[[str, str], Grade]
"""(answer text, reference) → grade. Raises BadReferenceError, never because of the answer."""

GRADERS: Mapping[str, Grader] = {
    "choice": choice,
    "code": code,
    "contains": contains,
    "exact": exact,
    "format": form,
    "json": json_object,
    "label": label,
    "list": ordering,
    "numeric": numeric,
    "regex": pattern,
    "schema": schema,
    "translation": translation,
}

RUBRIC = "rubric"
"""The one grader that no program can be: an LLM judge grades by the rubric in the reference."""


def is_verifiable(prompt: Prompt) -> bool:
    """Whether a program can grade answers to this prompt.

    Raises:
        DataError: the prompt names a grader that does not exist.
    """
    if prompt.grader not in GRADERS and prompt.grader not in (RUBRIC, ""):
        known = ", ".join([*GRADERS, RUBRIC])
        raise DataError(f"prompt {prompt.id!r}: unknown grader {prompt.grader!r}; known: {known}")
    return prompt.grader in GRADERS


def verify(prompt: Prompt, answer: Answer) -> Grade:
    """Grade an answer with the prompt's grader; no text earns 0.

    Raises:
        DataError: the prompt has no grader that verifies, or a reference it cannot read.
    """
    if not is_verifiable(prompt):
        raise DataError(f"prompt {prompt.id!r}: no program verifies grader {prompt.grader!r}")
    text = answer.text if is_gradable(answer) else ""
    try:
        given = GRADERS[prompt.grader](text, prompt.reference)
    except BadReferenceError as error:
        raise DataError(f"prompt {prompt.id!r}: its reference {error}") from None
    if answer.state is AnswerState.FAILED:
        return Grade(mark=0.0, reason="the call failed: no answer", judge=given.judge)
    return given


def is_gradable(answer: Answer) -> bool:
    """Whether there is text to grade; a truncated answer is graded for what it says."""
    ended = answer.state in (AnswerState.COMPLETE, AnswerState.TRUNCATED)
    return ended and bool(answer.text.strip())
