"""What a prompt asks once worked examples and wrappers are taken off, to group equal questions."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Sequence

from routewright.data.routing_data import text_group

# More different prompts than this with one ending share a formula ("Answer:"), not a question.
MOST_ALIKE = 20
_MAX_LITERAL_CHARS = 1_000_000
# A worked multiple-choice example ends in its letter and a blank line.
_ANSWERED = re.compile(r"Answer:\s*\(?[A-J]\)?\s*\n\s*\n")
_NEXT_QUESTION = re.compile(r"\n\n(?=(?:Question|Q|Problem):)")
_BEFORE = re.compile(r"^Please answer with the letter of the correct answer\.\s*")
_AFTER = re.compile(r"\s*(?:Print only a single choice[^\n]*)?\s*Answer:\s*$")


def prompt_parts(text: str) -> list[str]:
    """The parts of a prompt that was stored as the text of a Python list; else the text alone.

    Only a list of texts is read, as a literal: nothing is evaluated.
    """
    bare = text.strip()
    if not (bare.startswith("[") and bare.endswith("]")) or len(bare) > _MAX_LITERAL_CHARS:
        return [text]
    try:
        found: object = ast.literal_eval(bare)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return [text]
    if not isinstance(found, list):
        return [text]
    parts = [part for part in found if isinstance(part, str)]  # pyright: ignore[reportUnknownVariableType] -- a literal has no type
    return parts if parts and len(parts) == len(found) else [text]  # pyright: ignore[reportUnknownArgumentType]


def bare_question(text: str) -> str:
    """The last question of a prompt, without worked examples and the wrapper around choices."""
    last = _ANSWERED.split(text)[-1]
    last = _NEXT_QUESTION.split(last)[-1]
    bare = _AFTER.sub("", _BEFORE.sub("", last)).strip()
    return bare or text


def question_groups(parts: Sequence[Sequence[str]]) -> list[str]:
    """For each prompt the group of its bare question; of its whole text where that says nothing.

    Args:
        parts: the parts of each prompt, the question last.
    """
    texts = ["\n\n".join(part) for part in parts]
    bare = [bare_question(part[-1]) for part in parts]
    different: dict[str, set[str]] = defaultdict(set)
    for question, text in zip(bare, texts, strict=True):
        if len(different[question]) <= MOST_ALIKE:
            different[question].add(text)
    return [
        text_group(question if len(different[question]) <= MOST_ALIKE else text)
        for question, text in zip(bare, texts, strict=True)
    ]
