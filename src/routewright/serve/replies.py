"""Answers as ASGI messages: JSON, errors, refused bodies, and what a decision says in headers."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import msgspec
from starlette.types import Receive, Send

from routewright.errors import BudgetError, RoutewrightError, error_object
from routewright.serve.call import Call
from routewright.serve.inbound import drain

MOST_DRAINED_BYTES = 64 * 1024 * 1024
JSON = (b"content-type", b"application/json")
_EVENTS = (b"content-type", b"text/event-stream; charset=utf-8")
_FRESH = (b"cache-control", b"no-cache")

Headers = list[tuple[bytes, bytes]]
Shape = Callable[[RoutewrightError], dict[str, Any]]  # an error in a dialect's words


def decision_headers(call: Call, **figures: float | None) -> Headers:
    """What a decision says in headers; figures are named without the prefix."""
    decision = call.decision
    told = [
        (b"x-routewright-model", _ascii(call.model)),
        (b"x-routewright-decision-id", decision.id.encode()),
        (
            b"x-routewright-attempts",
            b", ".join([_ended(a.model, a.outcome) for a in call.attempts]),
        ),
        (b"x-routewright-policy", _ascii(decision.policy)),
        (b"x-routewright-artefact", _ascii(decision.artefact)),
        (b"x-routewright-degraded", _ascii(call.degraded)),
        (b"x-routewright-cache", call.cache.encode()),
        (b"x-routewright-dropped", _dropped(call)),
    ]
    if call.similarity is not None:
        told.append((b"x-routewright-cache-similarity", b"%.4f" % call.similarity))
    for name, value in figures.items():
        if value is not None:
            told.append((_figure(name), b"%.9f" % value))
    return [each for each in told if each[1]]


def told_headers(call: Call, answer: dict[str, Any]) -> Headers:
    """What the decision of a whole answer says."""
    return decision_headers(call, cost_usd=answer["routewright"]["cost_usd"])


def stream_headers(call: Call) -> Headers:
    """What the decision of a stream says, and what it is.

    The real cost is known when headers are long gone: the comment before [DONE] tells it.
    """
    expected_usd = call.expected()[1]
    told = decision_headers(call, cost_usd=expected_usd, expected_cost_usd=expected_usd)
    return [_EVENTS, _FRESH, *told]


def _dropped(call: Call) -> bytes:
    """The fields that the model was not told of, because its provider has no word for them."""
    native = call.request.native
    return _ascii(", ".join(native.dropped)) if native and not call.native else b""


@lru_cache(1024)  # names of the configuration, nearly always
def _ascii(name: str) -> bytes:
    return quote(name, safe="/:@+._- ()[]=,").encode()


@lru_cache(1024)
def _ended(model: str, outcome: str) -> bytes:
    return b"%b=%b" % (_ascii(model), outcome.encode())


@lru_cache(16)
def _figure(name: str) -> bytes:
    return f"x-routewright-{name.replace('_', '-')}".encode()


async def refuse(
    send: Send,
    receive: Receive,
    error: RoutewrightError,
    shape: Shape = error_object,
    *,
    pending: bool,
) -> None:
    """Refuse a body and close; what is on its way is read first, or its reset hides the answer."""
    payload = msgspec.json.encode(shape(error))
    told = [(b"connection", b"close"), *_advice(error)]
    await _start_json(send, error.status, len(payload), told)
    await send({"type": "http.response.body", "body": payload, "more_body": True})
    if pending:
        await drain(receive, most_bytes=MOST_DRAINED_BYTES)
    await send({"type": "http.response.body", "body": b""})


async def send_error(
    send: Send,
    error: RoutewrightError,
    headers: Headers | None = None,
    shape: Shape = error_object,
) -> None:
    """Answer with an error object, and with ``retry-after`` where waiting helps."""
    extra = [*(headers or ()), *_advice(error)]
    await send_json(send, error.status, shape(error), extra)


def _advice(error: RoutewrightError) -> Headers:
    """What a client should do about it."""
    told: Headers = []
    if error.status == 401:
        told.append((b"www-authenticate", b"Bearer"))
    retry_after_s = getattr(error, "retry_after_s", None)
    if retry_after_s is not None:
        told.append((b"retry-after", str(math.ceil(retry_after_s)).encode()))
    if isinstance(error, BudgetError):  # clients of OpenAI and Anthropic would ask again at once
        told.append((b"x-should-retry", b"false"))
    return told


async def send_json(send: Send, status: int, value: Any, headers: Headers | None = None) -> None:
    """Answer with one JSON value."""
    payload = msgspec.json.encode(value)
    await _start_json(send, status, len(payload), headers or [])
    await send({"type": "http.response.body", "body": payload})


async def send_bytes(send: Send, payload: bytes, content_type: str) -> None:
    """Answer with bytes of a type."""
    headers = [
        (b"content-type", content_type.encode()),
        (b"content-length", str(len(payload)).encode()),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": payload})


async def _start_json(send: Send, status: int, size: int, headers: Headers) -> None:
    told = [JSON, (b"content-length", str(size).encode()), *headers]
    await send({"type": "http.response.start", "status": status, "headers": told})
