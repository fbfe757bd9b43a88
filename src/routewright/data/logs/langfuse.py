"""Langfuse exports: observations and traces as JSON, JSON Lines, CSV or Parquet.

Names are read as its interface writes them (``traceId``) and as its blob storage export does
(``trace_id``). Of observations the generations are LLM calls. A trace that holds its observations
is read through them; one without tells a prompt, but not which model answered.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from routewright.data.logs.answers import Found, answers, seconds_between
from routewright.data.logs.chat import (
    amount,
    conversation,
    count,
    limit_of,
    time_of,
    without_answer,
)
from routewright.data.logs.entry import Dropped, Entry, Logged, Reason, UnusableError
from routewright.data.logs.records import Record, first, records, value
from routewright.data.logs.source import Glance, Source
from routewright.types import Usage, json_object

SHAPE = "Langfuse exports of observations or traces: JSON, JSON Lines, CSV or Parquet"

_IDS = {"traceId", "trace_id", "sessionId", "session_id", "projectId", "project_id"}


def claims(seen: Glance) -> bool:
    """Whether a file looks like it."""
    return {"input", "output"} <= seen.keys and bool(_IDS & seen.keys)


def read(source: Source) -> Iterator[Entry]:
    """Every generation, with its answer; every trace that stands alone."""
    for found in records(source):
        if isinstance(found, Dropped):
            yield found
            continue
        inner = value(found.fields.get("observations"))
        listed = cast("list[object]", inner) if isinstance(inner, list) else []
        if listed and json_object(listed[0]):
            for number, observation in enumerate(listed, start=1):
                place = f"{found.place} observation {number}"
                yield _entry(Record(place, json_object(observation) or {}))
        else:
            yield _entry(found)


def _entry(record: Record) -> Entry:
    try:
        return _logged(record)
    except UnusableError as error:
        return error.at(record.place)


def _logged(record: Record) -> Logged:
    fields = record.fields
    kind = str(fields.get("type") or "")
    if kind and kind.upper() != "GENERATION":
        raise UnusableError(Reason.NO_CALL, f"an observation of type {kind[:20].lower()}")
    asked = value(fields.get("input"))
    settings = json_object(value(first(fields, "modelParameters", "model_parameters"))) or {}
    inner = json_object(asked) or {}
    if inner.get("tools") or first(fields, "tool_definitions", "toolDefinitions"):
        raise UnusableError(Reason.TOOLS, "the request offers tools")
    if asked in (None, "", {}, []):
        raise UnusableError(Reason.EMPTY)
    turns, _ = without_answer(conversation(asked))
    found = _answers(record)
    return Logged(
        record.place,
        turns,
        found.answers,
        found.lost,
        group=str(first(fields, "sessionId", "session_id", "traceId", "trace_id") or ""),
        max_tokens=limit_of(first(settings, "max_tokens", "max_completion_tokens", "maxTokens")),
        time=time_of(first(fields, "startTime", "start_time", "timestamp")),
    )


def _answers(record: Record) -> Found:
    fields = record.fields
    if str(fields.get("level") or "").upper() == "ERROR":
        return Found(lost=(Dropped(record.place, Reason.NO_ANSWER),))
    start, end = first(fields, "startTime", "start_time"), first(fields, "endTime", "end_time")
    begun = first(fields, "completionStartTime", "completion_start_time")
    latency = seconds_between(start, end)
    costs = json_object(value(first(fields, "costDetails", "cost_details"))) or {}
    cost = first(fields, "totalCost", "total_cost", "calculatedTotalCost") or costs.get("total")
    return answers(
        record.place,
        fields.get("output"),
        first(fields, "model", "providedModelName", "provided_model_name"),
        _usage(fields),
        cost_usd=amount(cost) or None,
        latency_s=amount(fields.get("latency")) if latency is None else latency,
        first_token_s=seconds_between(start, begun),
    )


def _usage(fields: dict[str, Any]) -> Usage:
    """Langfuse's kinds add up: ``input`` leaves out ``input_cached_tokens``, and so on."""
    told = json_object(value(first(fields, "usageDetails", "usage_details"))) or {}
    if not told:
        told = json_object(value(fields.get("usage"))) or {}
        return Usage(
            input_tokens=count(first(told, "input", "promptTokens", "prompt_tokens")),
            output_tokens=count(first(told, "output", "completionTokens", "completion_tokens")),
        )
    inputs = {
        kind: count(tokens) for kind, tokens in told.items() if kind.startswith(("input", "cache_"))
    }
    outputs = {kind: count(tokens) for kind, tokens in told.items() if kind.startswith("output")}
    return Usage(
        input_tokens=sum(inputs.values()),
        output_tokens=sum(outputs.values()),
        cached_tokens=sum(
            n for kind, n in inputs.items() if "cache" in kind and "creat" not in kind
        ),
        reasoning_tokens=sum(n for kind, n in outputs.items() if "reasoning" in kind),
    )
