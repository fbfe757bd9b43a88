"""What clients saw, what upstreams did and what the database holds, counted against each other.

Both logs are JSON Lines. A client's line, one a request whose response headers arrived:

    {"request": "r1", "decision_id": "01J…", "state": "complete", "at": 1764194400.5}

and one a feedback call that was answered 2xx: ``{"feedback_id": "…"}``. An upstream's, one a call
that produced tokens: ``{"request": "r1"}``, or with ``decision_id`` where it knows that. ``state``
is what the client saw, ``complete`` or ``partial``, and ``at`` when, in Unix seconds; without a
state nothing is compared.

A worker that was killed loses the last rows that it had numbered. Nothing else explains a loss: a
number that is missing before a worker's last ones, or from one that ended well, and a decision
whose time lies in no killed worker's last moments were lost in silence.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from routewright.errors import DataError
from routewright.state import tables
from routewright.state.store import Store

MOST_NAMED = 20
SLOW_S = 2.5  # from a decision's id to its number at most: a router that is later has failed
LATE_S = 1.0  # between the end of an answer here and at its client
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class ClientLine(msgspec.Struct, frozen=True):
    """One thing that a client knows."""

    request: str = ""
    decision_id: str = ""
    state: str = ""
    feedback_id: str = ""
    at: float = 0.0


class UpstreamLine(msgspec.Struct, frozen=True):
    """One upstream call that produced tokens."""

    request: str = ""
    decision_id: str = ""


class Gap(msgspec.Struct, frozen=True):
    """Numbers ``first`` to ``last`` of a worker's decisions that are nowhere.

    ``killed`` where they are the last of a worker that died: what it had not yet written. Those
    were given out within ``over_s`` seconds.
    """

    boot: str
    first: int
    last: int
    killed: bool = False
    over_s: float = 0.0

    @property
    def rows(self) -> int:
        """How many decisions it is."""
        return self.last - self.first + 1


class Report(msgspec.Struct, frozen=True):
    """What does not agree; nothing is lost in silence where ``unexplained`` is 0.

    ``missing`` are decisions that a client was told of and the database lacks, ``gaps`` numbers
    that workers gave out and the database lacks: what a killed worker had not yet written stands
    in both, and ``silent`` are those missing that are in no gap. ``unknown`` are outcomes that a
    client saw and a killed worker had not yet written. ``without_outcome`` are decisions that
    neither ended nor belong to a worker that is known to have died.
    """

    decisions: int
    missing: int
    silent: int
    duplicated: int
    mismatched: int
    unknown: int
    without_outcome: int
    upstream_missing: int
    feedback_missing: int
    gaps: tuple[Gap, ...]
    examples: tuple[str, ...]

    @property
    def gap_rows(self) -> int:
        """How many decisions the gaps are."""
        return sum(gap.rows for gap in self.gaps)

    @property
    def unexplained(self) -> int:
        """How many rows are wrong, twice there, or missing though no killed worker had them."""
        silent = self.silent + sum(gap.rows for gap in self.gaps if not gap.killed)
        others = self.duplicated + self.mismatched + self.without_outcome
        return silent + others + self.upstream_missing + self.feedback_missing


@dataclass
class _Life:
    """One boot: the numbers that are there with their times, and how it ended, where known."""

    seqs: list[tuple[int, float]]
    started: float = 0.0
    ended: float = 0.0
    last_seq: int = 0
    killed: bool = False
    last_outcome: float = 0.0


@dataclass(frozen=True)
class _Slots:
    """So many decisions with ids from between two moments are nowhere."""

    since: float
    until: float
    rows: int


def read_lines(path: Path, kind: type[Any]) -> Iterator[Any]:
    """The lines of a log.

    Raises:
        DataError: it cannot be read, or a line is not of this kind.
    """
    decode = msgspec.json.Decoder(kind).decode
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    yield decode(line)
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    raise DataError(f"{path}: line {number}: {error}") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error


def reconcile(
    client: Iterable[ClientLine], upstream: Iterable[UpstreamLine], store: Store
) -> Report:
    """Compare; the workers should have ended, or what they are doing counts as missing.

    Raises:
        StoreAwayError: the database cannot be asked now.
    """
    lives, boot_of, states = _read(store)
    feedback = {row["id"] for row in store.select(sa.select(tables.feedback.c.id))}
    seen = list(client)
    told = {line.decision_id: line for line in seen if line.decision_id}
    by_request = {line.request: line.decision_id for line in seen if line.request}
    missing = sorted(set(told) - set(boot_of))
    gaps = [found for boot in sorted(lives) for found in _gaps(boot, lives[boot])]
    unplaced, free = _placed(missing, [slots for _, slots in gaps])
    unknown: list[str] = []
    mismatched: list[str] = []
    for id_, line in sorted(told.items()):
        stored = states.get(id_, line.state)
        if id_ in boot_of and line.state and stored != line.state:
            died = stored == "unknown" and _may_be_unwritten(lives[boot_of[id_]], line)
            (unknown if died else mismatched).append(id_)
    # A request may have been asked of several models, each of which answered.
    calls: dict[str | int, UpstreamLine] = {
        line.decision_id or line.request or number: line for number, line in enumerate(upstream)
    }
    asked = [line.decision_id or by_request.get(line.request, "") for line in calls.values()]
    # A missing decision is counted once, whatever lacks besides.
    unseen = {id_ for id_ in asked if id_ in boot_of and id_ not in states}
    # Of whom no client knows: decisions whose clients were cut off, or lost with a worker.
    strangers = asked.count("") - len(set(boot_of) - set(told)) - free
    ended = sorted(id_ for id_ in boot_of if id_ not in states)
    said = sorted({line.feedback_id for line in seen if line.feedback_id} - feedback)
    twice = sum(_repeated(seq for seq, _ in life.seqs) for life in lives.values())
    twice += _repeated(line.decision_id for line in seen if line.decision_id)
    return Report(
        decisions=len(boot_of),
        missing=len(missing),
        silent=len(unplaced),
        duplicated=twice,
        mismatched=len(mismatched),
        unknown=len(unknown),
        without_outcome=len(ended),
        upstream_missing=len(unseen) + max(strangers, 0),
        feedback_missing=len(said),
        gaps=tuple(gap for gap, _ in gaps),
        examples=tuple([*unplaced, *mismatched, *ended, *said, *missing][:MOST_NAMED]),
    )


def _read(store: Store) -> tuple[dict[str, _Life], dict[str, str], dict[str, str]]:
    """The boots, the boot of every decision, and the state of every outcome."""
    d, o, b = tables.decisions.c, tables.outcomes.c, tables.boots.c
    lives: dict[str, _Life] = {}
    boot_of: dict[str, str] = {}
    states: dict[str, str] = {}
    for row in store.select(sa.select(d.id, d.boot, d.seq, d.at)):
        boot_of[row["id"]] = row["boot"]
        lives.setdefault(row["boot"], _Life([])).seqs.append((row["seq"], row["at"]))
    for row in store.select(sa.select(o.decision_id, o.state, o.at)):
        states[row["decision_id"]] = row["state"]
        life = lives.get(boot_of.get(row["decision_id"], ""))
        if life is not None and row["state"] != "unknown":
            life.last_outcome = max(life.last_outcome, row["at"])
    for row in store.select(sa.select(b.id, b.started, b.ended, b.last_seq, b.clean)):
        life = lives.setdefault(row["id"], _Life([]))
        life.started, life.ended = row["started"], row["ended"]
        life.last_seq, life.killed = row["last_seq"], not row["clean"]
    return lives, boot_of, states


def _gaps(boot: str, life: _Life) -> Iterator[tuple[Gap, _Slots]]:
    before, since = 0, life.started
    for seq, at in sorted(life.seqs):
        if seq > before + 1:
            # An outcome may have arrived where its decision was dropped: the decision is the gap.
            yield Gap(boot, before + 1, seq - 1), _Slots(since - SLOW_S, at, seq - before - 1)
        before, since = seq, at
    if life.last_seq > before:
        over_s = round(max(life.ended - since, 0.0), 3)
        gap = Gap(boot, before + 1, life.last_seq, killed=life.killed, over_s=over_s)
        yield gap, _Slots(since - SLOW_S, life.ended + 0.001, gap.rows)


def _placed(missing: Sequence[str], slots: Sequence[_Slots]) -> tuple[list[str], int]:
    """Those missing that no gap has room for at their time, and how much room is left."""
    coming = sorted(slots, key=lambda some: some.since)
    open_: list[list[float]] = []  # until when, and how many rows
    unplaced: list[str] = []
    free = sum(some.rows for some in slots)
    begun = 0
    for id_ in missing:  # ids sort by time
        at = _moment(id_)
        while begun < len(coming) and coming[begun].since <= at:
            heapq.heappush(open_, [coming[begun].until, coming[begun].rows])
            begun += 1
        while open_ and (open_[0][0] < at or not open_[0][1]):
            heapq.heappop(open_)
        if at and open_:
            open_[0][1] -= 1
            free -= 1
        else:
            unplaced.append(id_)
    return unplaced, free


def _may_be_unwritten(life: _Life, line: ClientLine) -> bool:
    """Whether the outcome was among the last of a killed worker; later ones would be there."""
    return life.killed and (not line.at or line.at >= life.last_outcome - LATE_S)


def _moment(id_: str) -> float:
    """When an id was given, in Unix seconds; 0 where it is none of ours."""
    if len(id_) != 26 or set(id_) - set(_ALPHABET):
        return 0.0
    ms = 0
    for letter in id_[:10]:
        ms = ms * 32 + _ALPHABET.index(letter)
    return ms / 1000


def _repeated(values: Iterable[Any]) -> int:
    return sum(n - 1 for n in Counter(values).values())
