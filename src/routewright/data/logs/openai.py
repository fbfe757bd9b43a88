"""OpenAI-style chat in JSON Lines: requests, request/response pairs, Batch files, training files.

A row is a request body (``messages``, or ``input`` of the Responses API), or an object with
``request`` or ``body`` and, where it was answered, ``response``. In a training file the last turn
is the answer. A Batch output holds no prompts: give the folder that holds the input file too,
and the two are joined by ``custom_id``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from routewright.data.logs.answers import answers, seconds_between
from routewright.data.logs.chat import (
    amount,
    conversation,
    limit_of,
    time_of,
    usage_of,
    without_answer,
)
from routewright.data.logs.entry import Dropped, Entry, Logged, Reason, UnusableError
from routewright.data.logs.records import Record, entries, first, records, value
from routewright.data.logs.source import Glance, Source
from routewright.types import json_object

SHAPE = "OpenAI-style chat in JSON Lines: requests, pairs, Batch files"

_REQUEST = ("request", "body", "request_body", "kwargs")
_RESPONSE = ("response", "response_body", "completion", "output")
_PLAIN = {"messages", "prompt", "input", "contents"}


def claims(seen: Glance) -> bool:
    """Whether a file looks like it."""
    wanted = {"messages", "custom_id", *_REQUEST, "prompt", "input"}
    return seen.kind == "json" and bool(seen.keys & wanted)


def read(source: Source) -> Iterator[Entry]:
    """Every request, with its answers."""
    answered = _batch_output(source)
    found: set[str] = set()

    def make(record: Record) -> Logged:
        id = record.fields.get("custom_id")
        if isinstance(id, str) and id in answered and not _is_output(record.fields):
            found.add(id)
            return _logged(record, answered[id])
        return _logged(record, record.fields)

    for entry in entries(source, make):
        if isinstance(entry, Dropped) and entry.note == _OUTPUT:
            continue
        yield entry
    for id, fields in answered.items():
        if id not in found:
            note = "a Batch output without its request: put the input file into the same folder"
            yield Dropped(fields["place"], Reason.NO_CONVERSATION, note)


_OUTPUT = "a Batch output"


def _is_output(fields: dict[str, Any]) -> bool:
    return (
        "custom_id" in fields
        and "response" in fields
        and not any(name in fields for name in _REQUEST)
    )


def _batch_output(source: Source) -> dict[str, dict[str, Any]]:
    """Rows of Batch output by ``custom_id``. OpenAI's own limit is 50,000 rows a batch."""
    seen = False
    answered: dict[str, dict[str, Any]] = {}
    for record in records(source):
        if isinstance(record, Dropped):
            continue
        if not seen and "custom_id" not in record.fields:
            return {}  # no Batch file: spare the second reading
        seen = True
        if _is_output(record.fields):
            answered[str(record.fields["custom_id"])] = record.fields | {"place": record.place}
    return answered


def _logged(record: Record, told: dict[str, Any]) -> Logged:
    fields = record.fields
    if _is_output(fields):
        raise UnusableError(Reason.NO_CONVERSATION, _OUTPUT)
    request = next(
        (body for name in _REQUEST if (body := json_object(value(fields.get(name))))), None
    )
    if request is None and not (_PLAIN & set(fields)):
        raise UnusableError(Reason.NO_CONVERSATION)
    request = fields if request is None else (json_object(request.get("body")) or request)
    if request.get("tools") or request.get("functions"):
        raise UnusableError(Reason.TOOLS, "the request offers tools")
    if "embedding" in str(fields.get("url", "")):
        raise UnusableError(Reason.NO_CALL)
    turns, last = without_answer(conversation({k: request[k] for k in _BODY if k in request}))
    response = _body(next((told[name] for name in _RESPONSE if told.get(name)), None))
    body = json_object(response) or {}
    found = answers(
        record.place,
        response if response else last,
        request.get("model") or body.get("model") or fields.get("model"),
        usage_of(first(body, "usage") or first(fields, "usage")),
        cost_usd=amount(first(told, "cost_usd", "cost", "response_cost")),
        latency_s=_latency(told),
    )
    return Logged(
        record.place,
        turns,
        found.answers,
        found.lost,
        task=str(first(fields, "task") or ""),
        reference=str(first(fields, "reference") or ""),
        max_tokens=limit_of(
            first(request, "max_completion_tokens", "max_tokens", "max_output_tokens")
        ),
        time=time_of(first(fields, "time", "timestamp", "created_at", "start_time"))
        or time_of(first(body, "created", "created_at")),
    )


_BODY = ("messages", "input", "prompt", "contents", "system", "instructions", "system_instruction")


def _body(response: object) -> object:
    """The completion itself: Batch puts it under ``body``, beside the status."""
    fields = json_object(value(response))
    if fields is None or "body" not in fields:
        return response
    status = amount(fields.get("status_code"))
    return fields["body"] if status is None or status < 400 else None


def _latency(told: dict[str, Any]) -> float | None:
    seconds = amount(first(told, "latency_s", "duration_s"))
    if seconds is not None:
        return seconds
    milliseconds = amount(first(told, "latency_ms", "duration_ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    return seconds_between(told.get("start_time"), told.get("end_time"))
