"""The answers that a row of a log holds, and why one can't be kept."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from routewright.data.logs.chat import replies, time_of
from routewright.data.logs.entry import Dropped, Reason, Said, UnusableError
from routewright.types import Usage


class Found(NamedTuple):
    """Answers to keep, and those lost with the reason."""

    answers: tuple[Said, ...] = ()
    lost: tuple[Dropped, ...] = ()


def answers(
    place: str,
    response: object,
    model: object,
    usage: Usage,
    *,
    cost_usd: float | None = None,
    latency_s: float | None = None,
    first_token_s: float | None = None,
    finish_reason: str = "",
) -> Found:
    """The answers in a response; none where it is missing.

    Several choices share what the call used and cost: its input tokens count for each.
    """
    if response is None or response in ("", [], {}):
        return Found()
    try:
        said = replies(response)
    except UnusableError as error:
        return Found(lost=(error.at(place),))
    if not isinstance(model, str) or not model.strip():
        return Found(lost=(Dropped(place, Reason.NO_MODEL),))
    parts = len(said)
    each = Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens // parts,
        cached_tokens=usage.cached_tokens,
        reasoning_tokens=usage.reasoning_tokens // parts,
    )
    return Found(
        tuple(
            Said(
                model=model.strip(),
                text=reply.text,
                usage=each,
                cost_usd=None if cost_usd is None else cost_usd / parts,
                latency_s=latency_s,
                first_token_s=first_token_s,
                finish_reason=reply.finish_reason or finish_reason,
                refused=reply.refused,
            )
            for reply in said
        )
    )


def seconds_between(start: object, end: object) -> float | None:
    """From one time to another; None where one is missing or they are in the wrong order."""
    times = [time_of(raw) for raw in (start, end)]
    if not all(times):
        return None
    one, two = (_moment(time) for time in times)
    seconds = (two - one).total_seconds()
    return seconds if seconds >= 0 else None


def _moment(time: str) -> datetime:
    moment = datetime.fromisoformat(time)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
