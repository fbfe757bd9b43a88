"""What the ledger is told, and its shapes: rows for the database, or one joined row a request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

import msgspec

from routewright.state.rows import ContentRow, DecisionRow, FeedbackRow, OutcomeRow, Row
from routewright.types import Decision, JsonObject, Usage

if TYPE_CHECKING:
    from routewright.serve.call import Attempt, State

_encode = msgspec.json.Encoder().encode
_MOST = 2**63 - 1  # what a database's integer holds; an upstream may claim more tokens


class Decided(msgspec.Struct, frozen=True, gc=False):
    """A request has its decision; ``at`` in Unix seconds. Nothing of its text is held."""

    kind: ClassVar[str] = "decision"
    seq: int
    at: float
    key_id: str
    requested: str
    streamed: bool
    decision: Decision


class Ended(msgspec.Struct, frozen=True, gc=False):
    """A request has ended."""

    kind: ClassVar[str] = "outcome"
    at: float
    requested: str
    streamed: bool
    decision: Decision
    model: str
    attempts: tuple[Attempt, ...]
    skipped: JsonObject
    degraded: str
    state: State
    usage: Usage | None
    cost_usd: float | None
    latency_s: float
    first_token_s: float | None


@dataclass(frozen=True, slots=True)
class Said:
    """Somebody sent feedback, and waits to hear that it is kept, or (an error) why not."""

    kind: ClassVar[str] = "feedback"
    row: FeedbackRow
    done: Callable[[Exception | None], object]


@dataclass(frozen=True, slots=True)
class Kept:
    """Prompt and answer of a request, as they were; ``done`` is called when they wait no longer.

    ``dialect`` says in which one the answer's events are, "" for one that was not streamed. Of
    each of the two ``most_bytes`` are kept.
    """

    kind: ClassVar[str] = "content"
    at: float
    decision_id: str
    request: bytes
    answer: bytes
    dialect: str
    most_bytes: int
    done: Callable[[], object]


Entry = Decided | Ended | Said | Kept


def row_of(entry: Entry, boot: str) -> Row:
    """An entry as a row of its table."""
    if isinstance(entry, Said):
        return entry.row
    if isinstance(entry, Kept):
        return _content(entry)
    if isinstance(entry, Ended):
        return _outcome(entry)
    decision = entry.decision
    return DecisionRow(
        id=decision.id,
        at=entry.at,
        boot=boot,
        seq=entry.seq,
        key_id=entry.key_id,
        requested=entry.requested,
        streamed=entry.streamed,
        model=decision.model,
        artefact=decision.artefact,
        policy=decision.policy,
        probability=decision.probability,
        degraded=decision.degraded,
        decision=msgspec.Raw(_encode(decision)),
    )


def _content(entry: Kept) -> ContentRow:
    # Imported where it is needed: for those who keep contents.
    from routewright.serve.content import kept_text, whole_answer

    answer = whole_answer(entry.answer, entry.dialect) if entry.dialect else entry.answer
    return ContentRow(
        decision_id=entry.decision_id,
        at=entry.at,
        request=kept_text(entry.request, entry.most_bytes),
        answer=kept_text(answer, entry.most_bytes),
    )


def _outcome(entry: Ended) -> OutcomeRow:
    usage = entry.usage
    tokens: JsonObject = (
        {}
        if usage is None
        else {
            "input_tokens": min(usage.input_tokens, _MOST),
            "output_tokens": min(usage.output_tokens, _MOST),
            "cached_tokens": min(usage.cached_tokens, _MOST),
            "cache_write_tokens": min(usage.cache_write_tokens, _MOST),
            "reasoning_tokens": min(usage.reasoning_tokens, _MOST),
            "cpu_s": usage.cpu_s,
            "estimated": usage.estimated,
        }
    )
    return OutcomeRow(
        decision_id=entry.decision.id,
        at=entry.at,
        state=entry.state,
        model=entry.model,
        attempts=msgspec.Raw(_encode(entry.attempts)),
        skipped=msgspec.Raw(_encode(entry.skipped)),
        degraded=entry.degraded,
        cost_usd=entry.cost_usd,
        latency_s=entry.latency_s,
        first_token_s=entry.first_token_s,
        **tokens,
    )


def joined(entry: Ended) -> JsonObject:
    """Decision and outcome in one row, as a journal keeps them."""
    return {
        "at": datetime.fromtimestamp(entry.at, UTC).isoformat(),
        "requested": entry.requested,
        "stream": entry.streamed,
        "decision": entry.decision,
        "attempts": entry.attempts,
        "skipped": entry.skipped,
        "degraded": entry.degraded,
        "model": entry.model,
        "state": entry.state,
        "usage": entry.usage,
        "cost_usd": entry.cost_usd,
        "latency_s": entry.latency_s,
        "first_token_s": entry.first_token_s,
    }
