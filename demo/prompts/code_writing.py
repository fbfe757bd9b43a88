"""Short Python functions, checked by running asserts on them.

Each request is stored with a solution, so a test can show that the asserts are satisfiable; the
solutions never reach the written prompt file.
"""

from random import Random

from demo.prompts import code_writing_easy, code_writing_hard, code_writing_medium
from demo.prompts.record import Collector, Difficulty, Endings, PromptRecord

OPENINGS = (
    "Write a Python function",
    "In Python, define",
    "Implement the Python function",
    "I need a Python function",
)
ENDINGS = (
    "Only the function, no explanation.",
    "Reply with just the code.",
    "Code only, please.",
    "Give only the function, without comments or examples.",
)


def items() -> list[tuple[Difficulty, str, str, str]]:
    """Return (difficulty, request, solution, asserts) for every prompt, in order."""
    found: list[tuple[Difficulty, str, str, str]] = []
    levels: tuple[tuple[Difficulty, tuple[tuple[str, str, str], ...]], ...] = (
        ("easy", code_writing_easy.ITEMS),
        ("medium", code_writing_medium.ITEMS),
        ("hard", code_writing_hard.ITEMS),
    )
    for difficulty, rows in levels:
        for request, solution, asserts in rows:
            found.append((difficulty, request, solution.strip(), asserts.strip()))
    return found


def make() -> list[PromptRecord]:
    """Return the code writing prompts."""
    rng = Random(105)
    openings, endings = Endings(rng, OPENINGS), Endings(rng, ENDINGS)
    out = Collector("code_writing")
    for difficulty, request, _, asserts in items():
        text = f"{openings.next()} {request}. {endings.next()}"
        out.add(difficulty, text, "code", asserts)
    return out.records
