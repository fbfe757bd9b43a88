"""A log → a folder of prompts, and the answers that need not be bought again.

Rows are read once and kept on disk; of each, memory holds a few dozen bytes. In this order:
personal data is scrubbed, equal prompts become one, near duplicates become one, languages and
tasks are told, a sample is drawn, and the folder is put in place.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from routewright.analysis import analyse
from routewright.data.duplicates import normalise
from routewright.data.each import Each, here
from routewright.data.logs import LogFormat
from routewright.data.logs.answer_journal import AnswerJournal
from routewright.data.logs.entry import READING, Dropped, Logged, Reason, Said
from routewright.data.logs.folder import (
    ANSWERS,
    DROPPED,
    PROMPTS,
    SOURCES,
    ImportFolder,
    fingerprint,
)
from routewright.data.logs.identity import digest, history, number
from routewright.data.logs.sample import representative
from routewright.data.logs.scrub import Scrubber
from routewright.data.logs.source import Source
from routewright.data.logs.spool import Spool, Spooled
from routewright.data.logs.tally import Tally
from routewright.data.messages import is_plain
from routewright.data.near import near_clusters
from routewright.errors import DataError
from routewright.protocols import Encoder
from routewright.types import Model, Prompt

Rows = NDArray[np.intp]
Step = Callable[[str], None]


@dataclass(frozen=True)
class Steps:
    """What is done with a log between reading and writing.

    Attributes:
        scrub: the country of phone numbers, where personal data is scrubbed; empty: it is not.
        near: near duplicates are dropped, or kept and marked as one ``group``.
        sample: how many prompts to draw; all where None.
        encoder: whose vectors the sample's clusters are made of.
        seed: of the sample.
        rename: the log's names of models → those of routewright.toml.
    """

    scrub: str = ""
    near: Literal["drop", "group"] = "drop"
    sample: int | None = None
    encoder: str = "static"
    seed: int = 0
    rename: Mapping[str, str] = field(default_factory=dict[str, str])


def import_log(
    source: Source,
    name: str,
    format: LogFormat,
    out: Path,
    *,
    steps: Steps,
    encoder: Encoder,
    models: Sequence[Model] = (),
    on_step: Step = lambda _: None,
    each: Each = here,
) -> dict[str, Any]:
    """Import a log into a folder, and return the manifest with what was kept and dropped.

    A folder that holds the same import already is left as it is.

    Args:
        source: the log.
        name: of the format, for the manifest.
        format: its module.
        out: the folder.
        steps: what is done with the log.
        encoder: the one that ``steps`` names, not yet fitted.
        models: with their prices, for answers whose cost the log doesn't tell.
        on_step: told what is being done.
        each: who does the steps that look at one row; the folder is the same whoever does.

    Raises:
        DataError: no log of this format, no prompt in it, or the folder holds something else.
        MissingExtraError: an optional dependency is not installed.
    """
    if steps.scrub:
        Scrubber(steps.scrub)  # whether it can be done
    facts = {
        "format": "routewright-import",
        "format_version": 1,
        "log": {"name": source.path.name, "format": name, "sha256": fingerprint(source)},
        "options": {**asdict(steps), "rename": dict(steps.rename), "column": source.column},
    }
    with ImportFolder(out) as folder:
        done = folder.begin(facts)
        if done is not None:
            return done
        try:
            with Tally(folder.work / DROPPED) as tally, Spool(folder.work / "spool") as spool:
                run = _Run(folder.work, spool, tally, steps, models, each)
                on_step("reading")
                run.read(source, format)
                if not len(spool):
                    raise _nothing(source, name, format, tally)
                on_step("looking for near duplicates")
                run.merge_near()
                on_step("telling languages and tasks")
                run.tell()
                on_step("choosing and writing")
                run.write(run.choose(encoder))
        except DataError:
            folder.abandon()
            raise
        return folder.finish(facts, run.told())


class _Known(NamedTuple):
    """A row of the log with all that its own words tell."""

    entry: Logged
    exact: bytes  # digest of the normalised messages
    to_the_letter: bytes  # and of the messages as they are
    history: int  # and of the turns before the last, normalised
    scrubbed: dict[str, int]  # finds by kind


def _known(scrub: str, entries: Sequence[Logged | Dropped]) -> list[_Known | Dropped]:
    """Rows scrubbed, where asked for, and their digests; rows that were dropped stay so."""
    return [each if isinstance(each, Dropped) else _know(scrub, each) for each in entries]


def _know(scrub: str, entry: Logged) -> _Known:
    found: dict[str, int] = {}
    if scrub:
        scrubber = Scrubber(scrub)
        entry, found = scrubber.entry(entry), dict(scrubber.found)
    return _Known(
        entry,
        digest(entry.messages, normalise),
        digest(entry.messages, str),
        number(digest(history(entry.messages), normalise)),
        found,
    )


def _told(texts: Sequence[str]) -> list[tuple[str, str]]:
    """Language and task of each text, by the built-in analysis."""
    analyses = [analyse(text) for text in texts]
    return [(analysis.language, analysis.task) for analysis in analyses]


class _Run:
    """One import between its passes; lists hold an item for each different prompt."""

    def __init__(
        self,
        work: Path,
        spool: Spool,
        tally: Tally,
        steps: Steps,
        models: Sequence[Model],
        each: Each,
    ) -> None:
        self.work = work
        self.spool = spool
        self.tally = tally
        self.steps = steps
        self.models = {model.name: model for model in models}
        self.each = each
        self.ids: list[str] = []
        self.identical = array("Q")  # digests of the messages to the letter
        self.histories = array("Q")  # and of the turns before the last, normalised
        self.copies = array("L")
        self.more: list[tuple[int, str, tuple[Said, ...]]] = []
        self.first = np.empty(0, dtype=np.intp)
        self.languages: list[str] = []
        self.tasks: list[str] = []
        self.scrubbed: Counter[str] = Counter()
        self.counts: dict[str, Any] = {}

    def read(self, source: Source, format: LogFormat) -> None:
        """Every row into the spool, or to the dropped ones."""
        rows: dict[bytes, int] = {}
        named: set[str] = set()
        for known in self.each(partial(_known, self.steps.scrub), format.read(source)):
            if isinstance(known, Dropped):
                self.tally.row(known)
                continue
            self.scrubbed.update(known.scrubbed)
            for lost in known.entry.lost:
                self.tally.answer(lost)
            row = rows.setdefault(known.exact, len(self.ids))
            if row < len(self.ids):
                self._repeat(known, row)
            elif known.entry.prompt_id in named:
                del rows[known.exact]
                self._drop(known.entry, Reason.ID_TAKEN, "its id names another prompt already")
            else:
                self._add(known)
                named.add(self.ids[-1])

    def _add(self, known: _Known) -> None:
        entry = known.entry
        id = entry.prompt_id.strip() or f"log-{known.to_the_letter.hex()}"
        self.ids.append(id)
        self.identical.append(number(known.to_the_letter))
        self.histories.append(known.history)
        self.copies.append(1)
        prompt = Prompt(
            id=id,
            messages=entry.messages,
            task=entry.task,
            grader=entry.grader,
            reference=entry.reference,
            group=entry.group,
            max_tokens=entry.max_tokens,
            time=entry.time,
        )
        self.spool.append(Spooled(entry.place, prompt, entry.answers))

    def _repeat(self, known: _Known, row: int) -> None:
        """A prompt that is there: answers to the very same words are answers to it."""
        entry = known.entry
        self.copies[row] += 1
        if entry.answers and number(known.to_the_letter) == self.identical[row]:
            self.more.append((row, entry.place, entry.answers))
            entry = msgspec.structs.replace(entry, answers=())
        self._drop(entry, Reason.DUPLICATE, kept=self.ids[row])

    def _drop(
        self, entry: Logged | Spooled, reason: Reason, note: str = "", kept: str = ""
    ) -> None:
        self.tally.row(Dropped(entry.place, reason, note, kept))
        for _ in entry.answers:
            self.tally.answer(Dropped(entry.place, Reason.OF_DROPPED))

    def merge_near(self) -> None:
        """Find the row that stands for each: alike in the last turn after the same history."""
        clusters = near_clusters(self.spool.texts(), each=self.each)
        pairs = np.stack([clusters.astype(np.uint64), np.asarray(self.histories, dtype=np.uint64)])
        _, first, member = np.unique(pairs, axis=1, return_index=True, return_inverse=True)
        self.first = first[member.reshape(-1)].astype(np.intp)

    def tell(self) -> None:
        """Language and task of every prompt."""
        for language, task in self.each(_told, self.spool.texts()):
            self.languages.append(language)
            self.tasks.append(task)

    def choose(self, encoder: Encoder) -> Rows:
        """The rows to write, in order."""
        rows: Rows = np.arange(len(self.spool), dtype=np.intp)
        if self.steps.near == "drop":
            rows = np.unique(self.first)
        self.counts["different"] = len(rows)
        size = self.steps.sample
        if size is None or size >= len(rows):
            return rows
        languages = [self.languages[int(row)] for row in rows]
        texts = self.spool.texts(rows.tolist())
        drawn = representative(
            texts, languages, size, encoder, seed=self.steps.seed, each=self.each
        )
        return rows[drawn]

    def write(self, rows: Rows) -> None:
        """The files of the folder; what is not among ``rows`` is dropped."""
        wanted = np.zeros(len(self.spool), dtype=np.bool_)
        wanted[rows] = True
        is_group = np.bincount(self.first, minlength=len(self.spool))[self.first] > 1
        told = {"before": _shares(self, np.unique(self.first)), "after": _shares(self, rows)}
        self.counts |= {"languages": {k: v[0] for k, v in told.items()}}
        self.counts |= {"tasks": {k: v[1] for k, v in told.items()}}
        answers = AnswerJournal(
            self.work / ANSWERS, self.ids, self.tally, rename=self.steps.rename, models=self.models
        )
        with (
            answers,
            (self.work / PROMPTS).open("wb") as prompts,
            (self.work / SOURCES).open("wb") as sources,
        ):
            for row, item in enumerate(self.spool):
                if not wanted[row]:
                    first = int(self.first[row])
                    if self.steps.near == "drop" and first != row:
                        self._drop(item, Reason.NEAR_DUPLICATE, kept=self.ids[first])
                    else:
                        self._drop(item, Reason.NOT_SAMPLED)
                    continue
                group = f"near-{self.ids[self.first[row]]}" if is_group[row] else item.prompt.group
                if self.steps.near == "drop":
                    group = item.prompt.group
                task = item.prompt.task or self.tasks[row]
                prompts.write(_line(msgspec.structs.replace(item.prompt, group=group, task=task)))
                sources.write(msgspec.json.encode(self._origin(row, item)) + b"\n")
                answers.add(row, item.place, item.answers)
            for row, place, said in self.more:
                if wanted[row]:
                    answers.add(row, place, said)
                else:
                    for _ in said:
                        self.tally.answer(Dropped(place, Reason.OF_DROPPED))
        self.counts["models"] = answers.models
        self.counts["prompts"] = len(rows)

    def _origin(self, row: int, item: Spooled) -> dict[str, Any]:
        return {
            "prompt_id": item.prompt.id,
            "place": item.place,
            "copies": self.copies[row],
            "language": self.languages[row],
            "task": self.tasks[row],
        }

    def told(self) -> dict[str, Any]:
        """What the manifest says."""
        rows = self.counts["prompts"] + sum(self.tally.rows.values())
        kept = sum(model["answers"] for model in self.counts["models"].values())
        return {
            "rows": rows,
            "prompts": self.counts["prompts"],
            "different": self.counts["different"],
            "answers": kept,
            "dropped": self.tally.told(),
            "languages": self.counts["languages"],
            "tasks": self.counts["tasks"],
            "models": self.counts["models"],
            "scrubbed": dict(self.scrubbed),
        }


def _line(prompt: Prompt) -> bytes:
    """A prompt as ``load_prompts`` reads it."""
    fields = msgspec.to_builtins(prompt)
    fields["prompt_id"] = fields.pop("id")
    if is_plain(prompt.messages):
        del fields["messages"]
        fields["prompt"] = prompt.messages[0].text
    return msgspec.json.encode(fields) + b"\n"


def _shares(run: _Run, rows: Rows) -> tuple[dict[str, int], dict[str, int]]:
    """How many of the rows are in each language, and of each task, most frequent first."""
    languages = Counter(run.languages[int(row)] for row in rows)
    tasks = Counter(run.tasks[int(row)] for row in rows)
    return dict(languages.most_common()), dict(tasks.most_common())


def _nothing(source: Source, name: str, format: LogFormat, tally: Tally) -> DataError:
    rows = sum(tally.rows.values())
    if not rows:
        return DataError(f"{source.path}: no rows in it; {name} reads {format.SHAPE}")
    reason, most = tally.rows.most_common(1)[0]
    first = tally.first[reason]
    why = f"{reason} ({first.note})" if first.note else str(reason)
    hint = f"; {name} reads {format.SHAPE}" if reason in READING else ""
    return DataError(
        f"{source.path}: no prompt in {rows:,} row{'s' * (rows != 1)}; {most:,}: {why}, first at "
        f"{first.place}{hint}"
    )
