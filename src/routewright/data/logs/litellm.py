"""LiteLLM's spend logs: rows of the table LiteLLM_SpendLogs as JSON, CSV or Parquet.

The proxy keeps prompts only with ``store_prompts_in_spend_logs: true``. For most calls the prompt
then stands in ``proxy_server_request`` and not in ``messages``. A model goes by its
``model_group``, the name that callers use.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from routewright.data.logs.answers import Found, answers, seconds_between
from routewright.data.logs.chat import (
    amount,
    conversation,
    count,
    limit_of,
    time_of,
    usage_of,
    without_answer,
)
from routewright.data.logs.entry import Dropped, Entry, Logged, Reason, UnusableError
from routewright.data.logs.records import Record, entries, first, value
from routewright.data.logs.source import Glance, Source
from routewright.types import Usage, json_object

SHAPE = "LiteLLM's spend logs: the table LiteLLM_SpendLogs as JSON, CSV or Parquet"

_CALLS = ("completion", "responses", "anthropic_messages", "generate_content")
_OFF = "prompts are not stored: set store_prompts_in_spend_logs in the proxy's general_settings"


def claims(seen: Glance) -> bool:
    """Whether a file looks like it."""
    return {"request_id", "call_type", "spend"} <= seen.keys


def read(source: Source) -> Iterator[Entry]:
    """Every call, with its answer."""
    return entries(source, _logged)


def _logged(record: Record) -> Logged:
    fields = record.fields
    kind = str(fields.get("call_type") or "")
    if kind and not any(call in kind for call in _CALLS):
        raise UnusableError(Reason.NO_CALL, "another kind of call")
    request = json_object(value(fields.get("proxy_server_request"))) or {}
    request = json_object(value(request.get("body"))) or request
    if request.get("tools") or request.get("functions"):
        raise UnusableError(Reason.TOOLS, "the request offers tools")
    raw = value(fields.get("messages"))
    asked = request if raw in (None, "", {}, []) else raw
    if not asked:
        raise UnusableError(Reason.NO_CONVERSATION, _OFF)
    turns, _ = without_answer(conversation(asked))
    found = _answers(record, request)
    return Logged(
        record.place,
        turns,
        found.answers,
        found.lost,
        group=str(fields.get("session_id") or ""),
        max_tokens=limit_of(
            first(request, "max_completion_tokens", "max_tokens", "max_output_tokens")
        ),
        time=time_of(first(fields, "startTime", "start_time")),
    )


def _answers(record: Record, request: dict[str, Any]) -> Found:
    fields = record.fields
    if str(fields.get("status") or "success").lower() != "success":
        return Found(lost=(Dropped(record.place, Reason.NO_ANSWER),))
    if str(fields.get("cache_hit")).lower() == "true":
        # It cost nothing and took no time: neither is true of the model.
        return Found(lost=(Dropped(record.place, Reason.FROM_CACHE),))
    start, end = first(fields, "startTime", "start_time"), first(fields, "endTime", "end_time")
    begun = first(fields, "completionStartTime", "completion_start_time")
    response = value(fields.get("response"))
    told = usage_of((json_object(response) or {}).get("usage"))
    usage = Usage(
        input_tokens=count(fields.get("prompt_tokens")) or told.input_tokens,
        output_tokens=count(fields.get("completion_tokens")) or told.output_tokens,
        cached_tokens=told.cached_tokens,
        reasoning_tokens=told.reasoning_tokens,
    )
    milliseconds = amount(fields.get("request_duration_ms"))
    return answers(
        record.place,
        response,
        first(fields, "model_group") or request.get("model") or fields.get("model"),
        usage,
        # A model whose price the proxy does not know is logged as free.
        cost_usd=amount(fields.get("spend")) or None,
        latency_s=seconds_between(start, end) if milliseconds is None else milliseconds / 1000,
        first_token_s=None if begun == end else seconds_between(start, begun),
    )
