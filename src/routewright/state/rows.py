"""What is kept, a struct a table: the lines of the spool and the rows of the database."""

from __future__ import annotations

from typing import Literal

import msgspec

OutcomeState = Literal["complete", "partial", "failed", "cached", "unknown"]
NONE_ASKED = msgspec.Raw(b"[]")
NONE_SKIPPED = msgspec.Raw(b"{}")


class DecisionRow(msgspec.Struct, frozen=True, tag_field="kind", tag="decision"):
    """One request that was decided. ``at`` is in Unix seconds, ``decision`` the whole as JSON.

    ``seq`` counts the decisions of one ``boot`` (one life of one worker process) from 1, so that
    a row that was lost leaves a gap.
    """

    id: str
    at: float
    boot: str
    seq: int
    key_id: str
    requested: str
    streamed: bool
    model: str
    artefact: str
    policy: str
    probability: float
    degraded: str
    decision: msgspec.Raw


class OutcomeRow(msgspec.Struct, frozen=True, tag_field="kind", tag="outcome"):
    """How a decided request ended; ``unknown`` where its process died on the way.

    ``attempts`` and ``skipped`` are JSON, costs are in US dollars, times in seconds; None is what
    nobody told.
    """

    decision_id: str
    at: float
    state: OutcomeState
    model: str
    attempts: msgspec.Raw = NONE_ASKED
    skipped: msgspec.Raw = NONE_SKIPPED
    degraded: str = ""
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    cpu_s: float | None = None
    estimated: bool = False
    cost_usd: float | None = None
    latency_s: float | None = None
    first_token_s: float | None = None


class FeedbackRow(msgspec.Struct, frozen=True, tag_field="kind", tag="feedback"):
    """What somebody thought of an answer: one of score, label and preference.

    A mark from 0 to 5 is kept as it was given, and its fifth is the score. ``winner`` and
    ``loser`` are decision ids or model names. ``digest`` is that of the body, to tell a repeated
    call from another one under the same idempotency key.
    """

    id: str
    at: float
    decision_id: str
    key_id: str
    idempotency_key: str
    digest: str
    score: float | None = None
    mark: int | None = None
    label: str | None = None
    winner: str | None = None
    loser: str | None = None
    comment: str | None = None


class ContentRow(msgspec.Struct, frozen=True, tag_field="kind", tag="content"):
    """Prompt and answer of one decision as JSON text, where the operator keeps them."""

    decision_id: str
    at: float
    request: str
    answer: str

    @property
    def size_bytes(self) -> int:
        """About how much it takes."""
        return len(self.request) + len(self.answer)


class BootRow(msgspec.Struct, frozen=True):
    """One life of one worker: ``last_seq`` decisions were numbered, ``clean`` if it ended well."""

    id: str
    started: float
    ended: float
    last_seq: int
    clean: bool


Row = DecisionRow | OutcomeRow | FeedbackRow | ContentRow
