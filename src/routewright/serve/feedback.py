"""Feedback on an answer: checked, tied to its decision, and on disk before it is acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from routewright.errors import RequestError, StoreAwayError
from routewright.serve.ids import Ids
from routewright.serve.ledger import KEEP_S, Ledger
from routewright.serve.sinks import Sink, StateSink
from routewright.state.rows import FeedbackRow

MOST_LABEL = 200
MOST_COMMENT = 8192
MOST_KEY = 255
QUEUED_S = 0.1  # after which a decision has left its worker's queue
_HIGHEST_MARK = 5


class Preference(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which of two answers was better: decision ids, or model names."""

    winner: str
    loser: str


class FeedbackRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of ``POST /v1/feedback``: a decision, and one of score, mark, label, preference."""

    decision_id: str
    score: float | None = None
    mark: int | None = None
    label: str | None = None
    preference: Preference | None = None
    comment: str | None = None
    idempotency_key: str | None = None


class Feedback:
    """Takes feedback for a ledger.

    Args:
        ledger: what makes rows durable.
        sink: where decisions are looked up; feedback needs one with a database.
    """

    def __init__(self, ledger: Ledger, sink: Sink | None) -> None:
        self._ledger = ledger
        self._keeper = sink.keeper if isinstance(sink, StateSink) else None
        self._ids = Ids()
        self._under_way: dict[str, asyncio.Lock] = {}

    async def take(
        self, body: Mapping[str, Any], *, key_id: str = "", idempotency_key: str = ""
    ) -> dict[str, Any]:
        """Keep one piece of feedback; it is on disk when this returns.

        Args:
            body: the JSON object that was sent.
            key_id: of the API key it came with: another key's decisions do not exist for it.
            idempotency_key: from the header; the field of that name in the body is the same.

        Raises:
            RequestError: a field that cannot be (400), no such decision (404), or another body
                under a known idempotency key (409).
            StoreAwayError: it cannot be kept, or the decision not be looked up, now.
        """
        if self._keeper is None:
            raise RequestError("this gateway keeps no decisions; set gateway.state.url", status=404)
        asked = _checked(body)
        key = idempotency_key or asked.idempotency_key or ""
        if len(key) > MOST_KEY:
            raise RequestError(
                f"an idempotency key has at most {MOST_KEY} characters", param="idempotency_key"
            )
        row = self._row(asked, key_id, key)
        if not key:
            return await self._keep(row)
        # Two calls with one key at once are one after the other.
        lock = self._under_way.setdefault(row.id, asyncio.Lock())
        try:
            async with lock:
                known = await asyncio.to_thread(self._keeper.feedback, row.id)
                return await self._keep(row) if known is None else _repeated(known, row)
        finally:
            if not lock.locked():
                self._under_way.pop(row.id, None)

    async def _keep(self, row: FeedbackRow) -> dict[str, Any]:
        named = {row.decision_id: "decision_id"}
        for at in (row.winner, row.loser):
            if at is not None and Ids.looks_like_one(at):
                named.setdefault(at, "preference")
        for id_, param in named.items():
            if await self._key_of(id_) != row.key_id:
                raise RequestError(f"no decision {id_!r}", param=param, status=404)
        await self._ledger.keep(row)
        return _answer(row)

    async def _key_of(self, decision_id: str) -> str | None:
        """The key that a decision was made for, were it still in a queue.

        Raises:
            StoreAwayError: it may be in one that cannot be written now.
        """
        if self._keeper is None or not Ids.looks_like_one(decision_id):
            return None
        with contextlib.suppress(StoreAwayError):
            found = await asyncio.to_thread(self._keeper.key_of, decision_id)
            if found is not None:
                return found
        # This worker knows when the rows before this one are written; another's get a moment.
        over, before = time.monotonic() + KEEP_S, self._ledger.taken
        while time.monotonic() < over:
            behind = self._ledger.behind
            await asyncio.sleep(QUEUED_S)
            behind |= not self._ledger.has_settled(before)
            try:
                found = await asyncio.to_thread(self._keeper.key_of, decision_id)
            except StoreAwayError:
                if not behind:
                    raise
                continue
            if found is not None or not behind:
                return found
        raise StoreAwayError("decisions cannot be written now; send the feedback again")

    def _row(self, asked: FeedbackRequest, key_id: str, key: str) -> FeedbackRow:
        said = msgspec.structs.replace(asked, idempotency_key=None)
        # The same key gives the same id: the database itself refuses a second row.
        id_ = _digest(f"{len(key_id)}:{key_id}{key}".encode())[:26] if key else self._ids.new()
        mark, pair = asked.mark, asked.preference
        return FeedbackRow(
            id=id_,
            at=time.time(),
            decision_id=asked.decision_id,
            key_id=key_id,
            idempotency_key=key,
            digest=_digest(msgspec.json.encode(said)),
            score=asked.score if mark is None else mark / _HIGHEST_MARK,
            mark=mark,
            label=asked.label,
            winner=pair.winner if pair else None,
            loser=pair.loser if pair else None,
            comment=asked.comment,
        )


def _checked(body: Mapping[str, Any]) -> FeedbackRequest:
    try:
        asked = msgspec.convert(body, FeedbackRequest)
    except msgspec.ValidationError as error:
        raise RequestError(f"feedback: {error}") from error
    said = [name for name in ("score", "mark", "label", "preference") if _given(asked, name)]
    if len(said) != 1:
        raise RequestError(
            "send exactly one of score (0 to 1), mark (0 to 5), label and preference; there "
            f"{'is none' if not said else 'are ' + ' and '.join(said)}",
            param=said[1] if said else "score",
        )
    _check(asked.score is None or 0 <= asked.score <= 1, "score", "is from 0 to 1")
    _check(asked.mark is None or 0 <= asked.mark <= _HIGHEST_MARK, "mark", "is from 0 to 5")
    label, pair = asked.label, asked.preference
    _check(label is None or 0 < len(label) <= MOST_LABEL, "label", f"has 1 to {MOST_LABEL} letters")
    if pair is not None:
        whole = all(0 < len(name) <= MOST_LABEL for name in (pair.winner, pair.loser))
        _check(whole and pair.winner != pair.loser, "preference", "names two that differ")
    comment = asked.comment
    _check(
        comment is None or len(comment) <= MOST_COMMENT,
        "comment",
        f"has at most {MOST_COMMENT} letters",
    )
    return asked


def _given(asked: FeedbackRequest, name: str) -> bool:
    return getattr(asked, name) is not None


def _check(holds: bool, param: str, rule: str) -> None:
    if not holds:
        raise RequestError(f"{param} {rule}", param=param)


def _repeated(known: FeedbackRow, row: FeedbackRow) -> dict[str, Any]:
    if known.digest != row.digest:
        raise RequestError(
            "this idempotency key was used with another body; choose a new key",
            param="idempotency_key",
            status=409,
        )
    return _answer(known)


def _answer(row: FeedbackRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "object": "feedback",
        "decision_id": row.decision_id,
        "created": int(row.at),
    }


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
