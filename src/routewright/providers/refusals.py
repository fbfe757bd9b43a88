"""What an upstream's refusal means: its status, headers and body → the error to raise."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from routewright.errors import (
    ContextError,
    RequestError,
    RoutewrightError,
    UpstreamAccountError,
    UpstreamError,
    UpstreamLimitError,
    UpstreamTimeoutError,
    quoting,
)
from routewright.redaction import redacted
from routewright.retry_after import retry_after_s
from routewright.types import json_object, json_objects

E = TypeVar("E", bound=UpstreamError)

# OpenAI says with the status of a rate limit that there is no credit left.
NO_CREDIT = ("insufficient_quota", "billing_hard_limit_reached", "insufficient_balance")
OVERLOADED = 529  # Anthropic's: all of its users at once, not this account

# What OpenAI and llama.cpp call a prompt beyond the window; others say it in words alone.
TOO_LONG = ("context_length_exceeded", "exceed_context_size_error")
_TOO_LONG = re.compile(
    r"maximum context length|exceed\w* .*context (?:length|window|size)|prompt is too long"
    r"|input token count.*exceeds|too many (?:input )?tokens",
    re.IGNORECASE,
)

_DURATION = re.compile(r"(\d+(?:\.\d+)?)s")  # Google's: "34.5s"


def refusal(
    name: str, status: int, headers: Mapping[str, str], raw: bytes, *, now: datetime | None = None
) -> RoutewrightError:
    """The error that a status other than 200 stands for, with the upstream's own message.

    429 and 529, and 503 where it says for how long, ask to slow down; 401, 402, 403 and an
    exhausted quota refuse the account; 400, 404, 413 and 422 the request. All else may pass.
    """
    decoded = _decoded(raw)
    said = "no JSON body" if decoded is None else error_text(decoded)
    message = f"{name}: HTTP {status}: {said}"
    wait_s = retry_after_s(headers, now=now)
    if wait_s is None:
        wait_s = _google_delay_s(decoded)
    quoted = "" if decoded is None else said
    return quoting(_meant(status, wait_s, decoded, said, message), quoted)


def _meant(
    status: int, wait_s: float | None, decoded: object, said: str, message: str
) -> RoutewrightError:
    if status in (401, 402, 403) or (status == 429 and _no_credit(decoded)):
        return UpstreamAccountError(message)
    if status in (429, OVERLOADED) or (status == 503 and wait_s is not None):
        return UpstreamLimitError(message, retry_after_s=wait_s)
    if status in (400, 413) and _too_long(decoded, said):
        return ContextError(message)
    if status in (400, 404, 413, 422):
        return RequestError(message, status=400)
    if status in (408, 504):
        return UpstreamTimeoutError(message)  # what stood behind it may have gone on and charged
    return UpstreamError(message, maybe_paid=False)


def error_text(decoded: object) -> str:
    """The message of an error object in any of its shapes, on one line, keys masked."""
    held = json_object(decoded) or {}
    error = held.get("error") or held.get("message") or held.get("detail")
    message = (json_object(error) or {"message": error}).get("message")
    return (
        redacted(" ".join(str(message).split()))[:300] if message else "refused without a message"
    )


def told_by(name: str, decoded: object, kind: type[E] = UpstreamError, *, of: str = "") -> E:
    """The error that an answer tells of in its body; ``of`` is a word of its kind."""
    said = error_text(decoded)
    return quoting(kind(": ".join(part for part in (name, of, said) if part)), said)


def _decoded(raw: bytes) -> dict[str, Any] | None:
    try:
        decoded: object = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    # Gemini's streams answer with a list of one.
    return json_object(decoded) or next(iter(json_objects(decoded)), None)


def _error(decoded: object) -> dict[str, object]:
    return json_object((json_object(decoded) or {}).get("error")) or {}


def _no_credit(decoded: object) -> bool:
    error = _error(decoded)
    return error.get("code") in NO_CREDIT or error.get("type") in NO_CREDIT


def _too_long(decoded: object, said: str) -> bool:
    error = _error(decoded)
    marked = error.get("code") in TOO_LONG or error.get("type") in TOO_LONG
    return marked or _TOO_LONG.search(said) is not None


def _google_delay_s(decoded: object) -> float | None:
    for detail in json_objects(_error(decoded).get("details")):
        found = _DURATION.fullmatch(str(detail.get("retryDelay") or ""))
        if found:
            return float(found[1])
    return None
