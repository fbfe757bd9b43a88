"""What the journal of a collection says: calls that were sent, and answers.

    {"sent": [["p1", "small", 0, 0.0004], …]}     calls that are about to go out, before they do
    {"prompt_id": "p1", "model": "small", …}      an ``Answer``

An answer closes its cell: it says itself how many calls for it may have been charged without an
answer. A cell that was sent and not closed (the process was killed) may have been charged too.
Journals written before the first kind of row existed have the second alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from routewright.collect.cells import Cell, Key
from routewright.data.journal import Journal
from routewright.errors import DataError
from routewright.types import Answer, AnswerState, Model, Prompt

ANSWERS_FILE = "answers.journal"

SentCall = tuple[str, str, int, float]
"""Prompt id, model, sample, and the most that the call can cost in US dollars."""


class Unsure(msgspec.Struct, frozen=True):
    """Calls that may have been charged without an answer, and what they can have cost at most."""

    calls: int = 0
    most_usd: float = 0.0

    def __add__(self, other: Unsure) -> Unsure:
        return Unsure(self.calls + other.calls, self.most_usd + other.most_usd)


NONE = Unsure()


@dataclass
class Known:
    """What the answers of one model have shown so far."""

    answers: int = 0
    cost_usd: float = 0.0
    output_tokens: int = 0


class _Written(msgspec.Struct, frozen=True, gc=False):
    output_tokens: int = 0


class _Row(msgspec.Struct, frozen=True, gc=False):
    """The fields of a row that a resumed run needs: its texts stay on disk."""

    sent: list[SentCall] | None = None
    prompt_id: str | None = None
    model: str = ""
    sample: int = 0
    state: AnswerState | None = None
    usage: _Written | None = None
    cost_usd: float = 0.0
    unsure_calls: int = 0
    unsure_usd: float = 0.0


class Ledger:
    """What a collection has answered, spent and left open, without its texts.

    One byte a cell: a million rows are a megabyte beside the prompts' ids.
    """

    def __init__(self, prompts: Sequence[Prompt]) -> None:
        self.prompts = prompts
        self.spent_usd = 0.0
        self.states: Counter[AnswerState] = Counter()
        self.known: dict[str, Known] = {}
        self.open: dict[Key, Unsure] = {}  # cells that were tried and have no answer
        self._closed = NONE
        self._places = {prompt.id: place for place, prompt in enumerate(prompts)}
        self._done: dict[tuple[str, int], bytearray] = {}

    @classmethod
    def read(cls, folder: Path, prompts: Sequence[Prompt]) -> Ledger:
        """Read a collection's journal, row by row.

        Raises:
            DamagedError: a line is damaged.
            DataError: a row is neither of the two kinds.
        """
        ledger = cls(prompts)
        for number, row in Journal(folder / ANSWERS_FILE).read(_Row):
            if row.sent is not None:
                for call in row.sent:
                    ledger._sent(call[:3], call[3])
            elif row.prompt_id is not None and row.state is not None:
                ledger._answered(
                    (row.prompt_id, row.model, row.sample),
                    row.state,
                    row.cost_usd,
                    row.usage.output_tokens if row.usage else 0,
                    Unsure(row.unsure_calls, row.unsure_usd) if row.unsure_calls else NONE,
                )
            else:
                raise DataError(f"{folder / ANSWERS_FILE}: line {number} is no answer")
        return ledger

    @property
    def unsure(self) -> Unsure:
        """All calls that may have been charged without an answer."""
        return sum(self.open.values(), self._closed)

    def add(self, answer: Answer) -> None:
        """Note an answer as if it had been read."""
        self._answered(
            (answer.prompt_id, answer.model, answer.sample),
            answer.state,
            answer.cost_usd,
            answer.usage.output_tokens,
            Unsure(answer.unsure_calls, answer.unsure_usd),
        )

    def missing(self, models: Sequence[Model], samples: int = 1) -> list[Cell]:
        """The cells without an answer, prompt by prompt."""
        columns = [
            (model, sample, self._done.get((model.name, sample)))
            for sample in range(samples)
            for model in models
        ]
        return [
            Cell(prompt, model, sample)
            for place, prompt in enumerate(self.prompts)
            for model, sample, done in columns
            if done is None or not done[place]
        ]

    def _sent(self, key: Key, most_usd: float) -> None:
        call = Unsure(1, most_usd)
        before = self.open.get(key)
        self.open[key] = call if before is None else before + call

    def _answered(
        self, key: Key, state: AnswerState, cost_usd: float, output_tokens: int, unsure: Unsure
    ) -> None:
        self.open.pop(key, None)
        self.spent_usd += cost_usd
        if state is AnswerState.FAILED:
            self.open[key] = unsure  # the cell is asked again, and then closed
            return
        if unsure.calls:
            self._closed += unsure
        self.states[state] += 1
        prompt_id, model, sample = key
        known = self.known.get(model)
        if known is None:
            known = self.known[model] = Known()
        known.answers += 1
        known.cost_usd += cost_usd
        known.output_tokens += output_tokens
        place = self._places.get(prompt_id)
        if place is not None:
            if (model, sample) not in self._done:
                self._done[model, sample] = bytearray(len(self.prompts))
            self._done[model, sample][place] = 1


def read_answers(folder: Path) -> list[Answer]:
    """Every answer recorded in a collection folder, each sample of a cell, failures left out.

    Raises:
        DamagedError: a line of the journal is damaged.
        DataError: a row in it is no answer.
    """
    path = folder / ANSWERS_FILE
    answers: list[Answer] = []
    for number, row in Journal(path).read(dict[str, Any]):
        if "sent" in row:
            continue
        try:
            answer = msgspec.convert(row, Answer)
        except msgspec.ValidationError as error:
            raise DataError(f"{path}: line {number} is no answer ({error})") from error
        if answer.state is not AnswerState.FAILED:
            answers.append(answer)
    return answers


def missing_cells(
    prompts: Sequence[Prompt],
    models: Sequence[Model],
    answers: Iterable[Answer],
    samples: int = 1,
) -> list[Cell]:
    """The cells that no answer has been recorded for, prompt by prompt."""
    ledger = Ledger(prompts)
    for answer in answers:
        ledger.add(answer)
    return ledger.missing(models, samples)
