"""The record every task module produces, and a small collector that numbers the records.

Task modules only state what differs between prompts; identifiers and field order live here so
that the written file has one shape.
"""

import json
from dataclasses import asdict, dataclass
from random import Random
from typing import Literal

Difficulty = Literal["easy", "medium", "hard"]

# Answers are asked to be brief, but a model that thinks aloud first must be able to finish.
REASONED = 128
MAX_TOKENS = {
    "code_writing": 192,
    "extraction": 96,
    "explain": 120,
    "facts": 48,
    "formatting": 96,
    "multiple_choice": 64,
    "ordering": 64,
    "rewrite": 120,
    "sentiment": 48,
    "translation": 64,
}

NUMBER_ONLY = (
    "Answer with the number only.",
    "Just the number.",
    "Reply with only a number.",
    "Give the number, nothing else.",
    "No working, only the final number.",
    "Only the result, please.",
)


@dataclass(frozen=True)
class PromptRecord:
    """One prompt with the reference its grader compares an answer to."""

    prompt_id: str
    task: str
    difficulty: Difficulty
    prompt: str
    grader: str
    reference: str
    max_tokens: int

    def to_json_line(self) -> str:
        """Return the record as one line of JSON, keys in field order, newline included."""
        return json.dumps(asdict(self), ensure_ascii=False) + "\n"


class Collector:
    """Collects one task's records and gives each the next identifier."""

    def __init__(self, task: str) -> None:
        self.task = task
        self.records: list[PromptRecord] = []

    def add(self, difficulty: Difficulty, prompt: str, grader: str, reference: str) -> None:
        """Append a record; the identifier follows from its position."""
        prompt_id = f"{self.task}-{len(self.records) + 1:03d}"
        max_tokens = MAX_TOKENS.get(self.task, REASONED)
        self.records.append(
            PromptRecord(prompt_id, self.task, difficulty, prompt, grader, reference, max_tokens)
        )


class Endings:
    """Hands out closing instructions in shuffled rounds, so wording varies evenly."""

    def __init__(self, rng: Random, choices: tuple[str, ...]) -> None:
        self._rng = rng
        self._choices = choices
        self._left: list[str] = []

    def next(self) -> str:
        """Return the next closing instruction."""
        if not self._left:
            self._left = list(self._choices)
            self._rng.shuffle(self._left)
        return self._left.pop()


def show_number(value: float) -> str:
    """Write a number without a needless fraction or rounding noise."""
    rounded = round(value, 6)
    return str(int(rounded)) if rounded == int(rounded) else str(rounded)
