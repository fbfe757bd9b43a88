"""The audit: a person grades a sample of what an LLM judge graded, and stops whenever they like.

The sample is drawn once and kept beside the answers; each mark is on disk before the next answer
is shown. Neither the model's name nor the judge's mark is part of what is shown.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import msgspec

from routewright.data import RoutingData
from routewright.data.journal import Journal
from routewright.data.responses import Response, read_responses
from routewright.errors import DataError
from routewright.judge.bridge import refuse_mixed
from routewright.judge.run import Key, Verdict, digest_of, key_of
from routewright.judge.sample import Graded, audit_order
from routewright.types import Answer, AnswerState, Prompt, Usage

MARKS_FILE = "audit.journal"
SAMPLE_FILE = "audit.sample.json"


@dataclass(frozen=True)
class Judged:
    """What an LLM judge graded in a folder of routing data.

    Attributes:
        judge: who, in which version.
        prompts: by id.
        responses: the answers with its marks, those without one left out.
    """

    judge: str
    prompts: dict[str, Prompt]
    responses: tuple[Response, ...]

    @property
    def marks(self) -> dict[Key, float]:
        """The judge's mark of each answer."""
        return {key_of(r): r.mark for r in self.responses if r.mark is not None}


@dataclass(frozen=True)
class Item:
    """One answer to grade, as a person may see it but for its key."""

    key: Key
    prompt: Prompt
    text: str
    digest: str


class _Sample(msgspec.Struct, frozen=True):
    seed: int
    population: str
    order: tuple[Key, ...]


def read_judged(folder: Path) -> Judged:
    """The answers of a folder that an LLM judge has graded.

    Raises:
        DataError: there are none, several judges graded them, or a table can't be read.
        MissingExtraError: polars is not installed.
    """
    prompts = {prompt.id: prompt for prompt in RoutingData.load(folder)}
    judged = tuple(
        r
        for r in read_responses(folder)
        if r.mark is not None and r.judge and not r.judge.startswith("verify:")
    )
    if not judged:
        raise DataError(
            f"{folder}: no answer here was graded by an LLM, so there is nothing to audit; "
            f"run routewright judge {folder} --judge MODEL first"
        )
    stray = next((r for r in judged if r.prompt_id not in prompts), None)
    if stray is not None:
        raise DataError(f"{folder}: an answer to {stray.prompt_id!r}, which is no prompt here")
    refuse_mixed(Verdict(r.prompt_id, r.model, r.mark, "", r.judge, r.sample) for r in judged)
    judge = next((r.judge for r in judged if " (bridge from " not in r.judge), judged[0].judge)
    return Judged(judge, prompts, judged)


class Audit:
    """The sample and the marks given so far; ``items`` are in the order of grading."""

    def __init__(self, items: Sequence[Item], journal: Journal) -> None:
        self.items = tuple(items)
        self._journal = journal
        # A mark given to an answer that has changed since is a mark of something else.
        self._given: dict[Key, float | None] = {}
        digests = {item.key: item.digest for item in self.items}
        for row in journal.rows():
            key, mark = _marked(row, journal.path)
            if digests.get(key) == row.get("digest"):
                self._given[key] = mark

    @classmethod
    def of(
        cls, judged: Judged, folder: Path, journal: Journal, *, size: int, seed: int, redraw: bool
    ) -> Self:
        """Open the audit of a folder, drawing its sample where there is none.

        Args:
            judged: what the folder holds.
            folder: where the sample is kept.
            journal: open for writing, where marks are kept.
            size: how many answers to grade; a later call may ask for more, and what was graded
                before counts also where it asks for fewer.
            seed: of the draw; a sample that was drawn before keeps its own.
            redraw: draw again, because the answers have changed.

        Raises:
            DataError: the answers have changed since the sample was drawn.
        """
        items = {item.key: item for r in judged.responses for item in (_item(judged, r),)}
        population = _population(items.values())
        path = folder / SAMPLE_FILE
        sample = None if redraw else _read_sample(path)
        if sample is None:
            tasks = {id: prompt.task for id, prompt in judged.prompts.items()}
            graded = [Graded(key, tasks[key[0]], mark) for key, mark in judged.marks.items()]
            sample = _Sample(seed, population, tuple(audit_order(graded, seed)))
            path.write_bytes(msgspec.json.encode(sample))
        elif sample.population != population:
            raise DataError(
                f"{path}: drawn from other answers than there are now; give --redraw to draw "
                "anew (marks already given count where their answers are drawn again)"
            )
        audit = cls([items[key] for key in sample.order], journal)
        reached = [at for at, item in enumerate(audit.items) if item.key in audit._given]
        audit.items = audit.items[: max(size, max(reached, default=-1) + 1)]
        return audit

    @property
    def left(self) -> list[int]:
        """Places of the items that nobody has looked at."""
        return [at for at, item in enumerate(self.items) if item.key not in self._given]

    @property
    def human(self) -> dict[Key, float]:
        """The marks given, without what was skipped."""
        return {key: mark for key, mark in self._given.items() if mark is not None}

    @property
    def skipped(self) -> int:
        """How many answers were passed over."""
        return len(self._given) - len(self.human)

    def given(self, place: int) -> float | None:
        """The mark at a place; None where there is none."""
        return self._given.get(self.items[place].key)

    def put(self, place: int, mark: float | None) -> None:
        """Write a mark from 0 to 5, or None to pass over; the last one given counts.

        Raises:
            DataError: the mark is off the scale, or there is no such place.
        """
        if not 0 <= place < len(self.items) or (mark is not None and not 0 <= mark <= 5):
            raise DataError(f"mark {mark} at place {place}: marks run from 0 to 5")
        item = self.items[place]
        prompt_id, model, sample = item.key
        self._journal.append(
            {
                "prompt_id": prompt_id,
                "model": model,
                "sample": sample,
                "mark": mark,
                "digest": item.digest,
            }
        )
        self._given[item.key] = mark


def _item(judged: Judged, response: Response) -> Item:
    prompt = judged.prompts[response.prompt_id]
    try:
        state = AnswerState(response.state or AnswerState.COMPLETE)
    except ValueError:
        raise DataError(f"answer to {prompt.id!r}: unknown state {response.state!r}") from None
    key, text = key_of(response), response.response
    answer = Answer(key[0], key[1], text, state, Usage(), 0.0, 0.0, sample=key[2])
    return Item(key, prompt, text, digest_of(prompt, answer))


def _population(items: Iterable[Item]) -> str:
    joined = "\n".join(sorted(item.digest for item in items))
    return hashlib.sha256(joined.encode()).hexdigest()[:32]


def _read_sample(path: Path) -> _Sample | None:
    if not path.is_file():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Sample)
    except msgspec.DecodeError as error:
        raise DataError(
            f"{path}: no sample of an audit ({error}); delete it, or --redraw"
        ) from None


def _marked(row: Mapping[str, Any], path: Path) -> tuple[Key, float | None]:
    try:
        mark = None if row["mark"] is None else float(row["mark"])
        return (str(row["prompt_id"]), str(row["model"]), int(row.get("sample", 0))), mark
    except (KeyError, TypeError, ValueError):
        raise DataError(f"{path}: a row is no mark of an audit; move the file away") from None
