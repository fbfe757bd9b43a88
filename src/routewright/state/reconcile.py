"""What clients saw, what upstreams did and what the database holds, counted against each other.

Both logs are JSON Lines. A client's line, one a request whose response headers arrived:

    {"request": "r1", "decision_id": "01J…", "state": "complete"}

and one a feedback call that was answered 2xx: ``{"feedback_id": "…"}``. An upstream's, one a call
that produced tokens: ``{"request": "r1"}``, or with ``decision_id`` where it knows that. ``state``
is what the client saw, ``complete`` or ``partial``; without it nothing is compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from routewright.errors import DataError
from routewright.state import tables
from routewright.state.store import Store

MOST_NAMED = 20


class ClientLine(msgspec.Struct, frozen=True):
    """One thing that a client knows."""

    request: str = ""
    decision_id: str = ""
    state: str = ""
    feedback_id: str = ""


class UpstreamLine(msgspec.Struct, frozen=True):
    """One upstream call that produced tokens."""

    request: str = ""
    decision_id: str = ""


class Gap(msgspec.Struct, frozen=True):
    """Numbers ``first`` to ``last`` of a worker's decisions that are nowhere."""

    boot: str
    first: int
    last: int


class Report(msgspec.Struct, frozen=True):
    """What does not agree; nothing is lost in silence where ``unexplained`` is 0.

    ``missing`` are decisions that a client was told of and the database lacks, ``gaps`` numbers
    that workers gave out and the database lacks: what a killed worker had not yet written stands
    in both. ``without_outcome`` are decisions that neither ended nor belong to a running worker.
    """

    decisions: int
    missing: int
    duplicated: int
    mismatched: int
    without_outcome: int
    upstream_missing: int
    feedback_missing: int
    gaps: tuple[Gap, ...]
    examples: tuple[str, ...]

    @property
    def gap_rows(self) -> int:
        """How many decisions the gaps are."""
        return sum(gap.last - gap.first + 1 for gap in self.gaps)

    @property
    def unexplained(self) -> int:
        """How many rows are missing without a gap to say so, twice there, or wrong."""
        silent = max(self.missing - self.gap_rows, 0)
        others = self.duplicated + self.mismatched + self.without_outcome
        return silent + others + self.upstream_missing + self.feedback_missing


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
    seqs: dict[str, list[int]] = {}
    known: set[str] = set()
    for row in store.select(sa.select(*(tables.decisions.c[n] for n in ("id", "boot", "seq")))):
        known.add(row["id"])
        seqs.setdefault(row["boot"], []).append(row["seq"])
    outcomes = tables.outcomes.c
    states = {
        row["decision_id"]: row["state"]
        for row in store.select(sa.select(outcomes.decision_id, outcomes.state))
    }
    feedback = {row["id"] for row in store.select(sa.select(tables.feedback.c.id))}
    last = {
        row["id"]: row["last_seq"]
        for row in store.select(sa.select(tables.boots.c.id, tables.boots.c.last_seq))
    }
    seen = list(client)
    told = {line.decision_id: line for line in seen if line.decision_id}
    by_request = {line.request: line.decision_id for line in told.values() if line.request}
    missing = sorted(set(told) - known)
    mismatched = sorted(
        id_
        for id_, line in told.items()
        if id_ in known and line.state and states.get(id_, line.state) != line.state
    )
    asked = [line.decision_id or by_request.get(line.request, "") for line in upstream]
    # A missing decision is counted once, whatever lacks besides.
    unseen = sorted({id_ for id_ in asked if id_ in known and id_ not in states})
    ended = sorted(id_ for id_ in known if id_ not in states)
    said = sorted({line.feedback_id for line in seen if line.feedback_id} - feedback)
    # An outcome may have arrived where its decision was dropped; that decision is a gap.
    counted = {boot: Counter(found) for boot, found in seqs.items()}
    twice = sum(sum(n - 1 for n in count.values()) for count in counted.values())
    gaps = tuple(
        gap
        for boot in sorted(set(seqs) | set(last))
        for gap in _gaps(boot, seqs.get(boot, []), last.get(boot, 0))
    )
    return Report(
        decisions=len(known),
        missing=len(missing),
        duplicated=twice,
        mismatched=len(mismatched),
        without_outcome=len(ended),
        upstream_missing=len(unseen),
        feedback_missing=len(said),
        gaps=gaps,
        examples=tuple([*missing, *mismatched, *ended, *said][:MOST_NAMED]),
    )


def _gaps(boot: str, seqs: list[int], last: int) -> Iterator[Gap]:
    before = 0
    for seq in [*sorted(seqs), max(last, *seqs, 0) + 1] if seqs else [last + 1]:
        if seq > before + 1:
            yield Gap(boot, before + 1, seq - 1)
        before = seq
