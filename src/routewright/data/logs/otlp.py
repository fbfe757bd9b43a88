"""OTLP JSON: spans and log records with their attributes as plain values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, cast

from routewright.data.logs.records import Record
from routewright.types import json_object


class Event(NamedTuple):
    """A span's event, or a log record that belongs to a span."""

    name: str
    attributes: dict[str, Any]
    body: object


class Span(NamedTuple):
    """One span: ``id`` is its trace and its own id, times are nanoseconds since 1970."""

    place: str
    id: tuple[str, str]
    attributes: dict[str, Any]
    events: list[Event]
    start_ns: int
    end_ns: int
    is_error: bool


def spans(record: Record) -> Iterator[Span]:
    """The spans of one exported object."""
    for number, raw in enumerate(_leaves(record.fields, "resourceSpans", "scopeSpans", "spans"), 1):
        yield Span(
            place=f"{record.place} span {number}",
            id=_id(raw),
            attributes=_attributes(raw.get("attributes")),
            events=[_event(event) for event in _objects(raw.get("events"))],
            start_ns=_whole(raw.get("startTimeUnixNano")),
            end_ns=_whole(raw.get("endTimeUnixNano")),
            is_error=(json_object(raw.get("status")) or {}).get("code") in (2, "STATUS_CODE_ERROR"),
        )


def log_records(record: Record) -> Iterator[tuple[tuple[str, str], Event, int]]:
    """The log records of one exported object: the span's id, the event, nanoseconds since 1970."""
    for raw in _leaves(record.fields, "resourceLogs", "scopeLogs", "logRecords"):
        event = _event(raw)
        yield _id(raw), event, _whole(raw.get("timeUnixNano") or raw.get("observedTimeUnixNano"))


def _leaves(fields: dict[str, Any], outer: str, inner: str, leaf: str) -> Iterator[dict[str, Any]]:
    for resource in _objects(fields.get(outer)):
        # Before 2022 the middle was called instrumentationLibrarySpans.
        for scope in _objects(resource.get(inner)):
            yield from _objects(scope.get(leaf))


def _objects(raw: object) -> list[dict[str, Any]]:
    if not isinstance(raw, list):
        return []
    found = (json_object(item) for item in cast("list[object]", raw))
    return [item for item in found if item is not None]


def _id(raw: dict[str, Any]) -> tuple[str, str]:
    return str(raw.get("traceId") or ""), str(raw.get("spanId") or "")


def _event(raw: dict[str, Any]) -> Event:
    attributes = _attributes(raw.get("attributes"))
    name = raw.get("eventName") or raw.get("name") or attributes.get("event.name")
    body = json_object(raw.get("body"))
    return Event(str(name or ""), attributes, None if body is None else _value(body))


def _attributes(raw: object) -> dict[str, Any]:
    plain = json_object(raw)
    if plain is not None:
        return plain
    return {
        str(item.get("key")): _value(json_object(item.get("value")) or {}) for item in _objects(raw)
    }


def _value(raw: dict[str, Any]) -> Any:
    """An AnyValue as what it stands for."""
    if "arrayValue" in raw:
        inner = json_object(raw["arrayValue"]) or {}
        return [_value(item) for item in _objects(inner.get("values"))]
    if "kvlistValue" in raw:
        return _attributes((json_object(raw["kvlistValue"]) or {}).get("values"))
    if "intValue" in raw:
        return _whole(raw["intValue"])
    return next(iter(raw.values()), None)


def _whole(raw: object) -> int:
    """A whole number, which OTLP may write as a text; 0 where it is none."""
    try:
        return int(cast("Any", raw))
    except (TypeError, ValueError, OverflowError):
        return 0
