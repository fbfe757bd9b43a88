"""What a row of a log becomes: a prompt with its answers, or a dropped row with its reason."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from routewright.types import Message, Usage


class Reason(StrEnum):
    """Why something of the log is not in what was imported."""

    ENCODING = "not UTF-8"
    BINARY = "binary"
    TOO_LARGE = "too large"
    BROKEN = "broken"
    NO_CALL = "not a chat with an LLM"
    NO_CONVERSATION = "no conversation in it"
    EMPTY = "empty conversation"
    MEDIA = "images, sound or files"
    TOOLS = "tool calls"
    ID_TAKEN = "id already used"
    DUPLICATE = "duplicate"
    NEAR_DUPLICATE = "near duplicate"
    NOT_SAMPLED = "not in the sample"
    NO_MODEL = "answer without its model"
    NO_COST = "answer without a known cost"
    NO_ANSWER = "failed or cut-off call"
    NOT_PLAIN = "answer that is not text"
    FROM_CACHE = "answer from a cache"
    OF_DROPPED = "answer to a dropped prompt"


READING = (
    Reason.ENCODING,
    Reason.BINARY,
    Reason.TOO_LARGE,
    Reason.BROKEN,
    Reason.NO_CALL,
    Reason.NO_CONVERSATION,
)
"""Reasons that only a damaged row, or a file of another format, gives."""


class Said(msgspec.Struct, frozen=True, omit_defaults=True):
    """An answer as a log tells it; None where the log doesn't say."""

    model: str
    text: str
    usage: Usage = Usage()
    cost_usd: float | None = None
    latency_s: float | None = None
    first_token_s: float | None = None
    finish_reason: str = ""
    refused: bool = False


class Dropped(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing left out: ``place`` is ``file:line`` or what the format has in its stead.

    ``note`` says more and never quotes the row. ``kept`` is the prompt that stands for it.
    """

    place: str
    reason: Reason
    note: str = ""
    kept: str = ""


class Logged(msgspec.Struct, frozen=True, omit_defaults=True):
    """One prompt of a log, the answers that it got, and what of its answers can't be kept."""

    place: str
    messages: tuple[Message, ...]
    answers: tuple[Said, ...] = ()
    lost: tuple[Dropped, ...] = ()
    prompt_id: str = ""
    task: str = ""
    grader: str = ""
    reference: str = ""
    group: str = ""
    max_tokens: int | None = None
    time: str = ""


Entry = Logged | Dropped


class UnusableError(Exception):
    """A row, or an answer in it, that can't be used; the reader makes a ``Dropped`` of it."""

    def __init__(self, reason: Reason, note: str = "") -> None:
        super().__init__(reason, note)
        self.reason = reason
        self.note = note

    def at(self, place: str) -> Dropped:
        """What was dropped, where."""
        return Dropped(place, self.reason, self.note)
