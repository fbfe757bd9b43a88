"""OpenTelemetry GenAI: OTLP JSON with the calls of LLMs as spans.

The conventions changed, and logs of every age are around. Where the words of a call may stand:

- ``gen_ai.input.messages``, ``gen_ai.output.messages`` and ``gen_ai.system_instructions``, on the
  span or on the event ``gen_ai.client.inference.operation.details`` (from 1.37);
- an event a message, ``gen_ai.user.message`` and so on, and ``gen_ai.choice``: events of the span,
  or log records that name it (1.28 to 1.36);
- the events ``gen_ai.content.prompt`` and ``gen_ai.content.completion`` (1.27);
- ``gen_ai.prompt.0.content`` and ``gen_ai.completion.0.content`` on the span (OpenLLMetry).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from routewright.data.logs.answers import Found, answers
from routewright.data.logs.chat import amount, conversation, count, limit_of, without_answer
from routewright.data.logs.entry import Dropped, Entry, Logged, Reason, UnusableError
from routewright.data.logs.otlp import Event, Span, log_records, spans
from routewright.data.logs.records import first, records, value
from routewright.data.logs.source import Glance, Source
from routewright.types import Usage, json_object

SHAPE = "OpenTelemetry GenAI spans and events in OTLP JSON"

_CHATS = ("chat", "text_completion", "generate_content", "completion", "")
_INDEXED = re.compile(r"gen_ai\.(prompt|completion)\.(\d+)\.(.+)")
_MESSAGE = re.compile(r"gen_ai\.(system|user|assistant|tool)\.message")


def claims(seen: Glance) -> bool:
    """Whether a file looks like it."""
    return bool({"resourceSpans", "resourceLogs"} & seen.keys)


def read(source: Source) -> Iterator[Entry]:
    """Every span that is a call of an LLM, with its answer."""
    apart: defaultdict[tuple[str, str], list[Event]] = defaultdict(list)
    times: dict[tuple[str, str], int] = {}
    places: dict[tuple[str, str], str] = {}
    for record in records(source):
        if not isinstance(record, Dropped):
            for id, event, time_ns in log_records(record):
                if event.name.startswith("gen_ai."):
                    apart[id].append(event)
                    times.setdefault(id, time_ns)
                    places.setdefault(id, record.place)
    for record in records(source):
        if isinstance(record, Dropped):
            yield record
            continue
        if not {"resourceSpans", "resourceLogs"} & set(record.fields):
            yield Dropped(record.place, Reason.NO_CONVERSATION, "no resourceSpans in it")
        for span in spans(record):
            more = apart.pop(span.id, [])
            yield _entry(span._replace(events=[*span.events, *more]))
    for id, events in apart.items():  # spans that were not exported
        yield _entry(Span(places[id], id, {}, events, times[id], 0, is_error=False))


def _entry(span: Span) -> Entry:
    try:
        return _logged(span)
    except UnusableError as error:
        return error.at(span.place)


def _logged(span: Span) -> Logged:
    told = dict(span.attributes)
    for event in span.events:
        told |= {k: v for k, v in event.attributes.items() if k.startswith("gen_ai.")}
    if not any(name.startswith("gen_ai.") for name in told) and not span.events:
        raise UnusableError(Reason.NO_CALL, "a span without gen_ai attributes")
    if str(told.get("gen_ai.operation.name") or "") not in _CHATS:
        raise UnusableError(Reason.NO_CALL, "another operation")
    if told.get("gen_ai.tool.definitions"):
        raise UnusableError(Reason.TOOLS, "the request offers tools")
    asked = _asked(told, span.events)
    if asked is None:
        raise UnusableError(Reason.NO_CONVERSATION, "content is not recorded on the span")
    turns, _ = without_answer(conversation(asked, told.get("gen_ai.system_instructions")))
    found = _answers(span, told)
    return Logged(
        span.place,
        turns,
        found.answers,
        found.lost,
        group=str(told.get("gen_ai.conversation.id") or span.id[0]),
        max_tokens=limit_of(told.get("gen_ai.request.max_tokens")),
        time=_time(span.start_ns),
    )


def _asked(told: dict[str, Any], events: Sequence[Event]) -> object:
    given = value(first(told, "gen_ai.input.messages", "gen_ai.prompt"))
    if given is not None:
        return given
    turns = [_message(event) for event in events if _MESSAGE.fullmatch(event.name)]
    turns = turns or _indexed(told, "prompt")
    return turns if any({"content", "parts"} & set(turn) for turn in turns) else None


def _said(told: dict[str, Any], events: Sequence[Event]) -> object:
    given = first(told, "gen_ai.output.messages", "gen_ai.completion")
    if given is not None:
        return given
    choices = [_choice(event) for event in events if event.name == "gen_ai.choice"]
    return choices or [
        {"role": "assistant", "finish_reason": "", **turn} for turn in _indexed(told, "completion")
    ]


def _message(event: Event) -> dict[str, Any]:
    named = _MESSAGE.fullmatch(event.name)
    fields = json_object(value(event.body)) or event.attributes
    return {"role": named[1] if named else "", **fields}


def _choice(event: Event) -> dict[str, Any]:
    fields = json_object(value(event.body)) or event.attributes
    message = json_object(value(fields.get("message"))) or fields
    ended = fields.get("finish_reason") or ""
    return {"role": "assistant", **message, "finish_reason": ended}


def _indexed(told: dict[str, Any], what: str) -> list[dict[str, Any]]:
    """Turns that OpenLLMetry spreads over attributes with a number in their name."""
    turns: defaultdict[int, dict[str, Any]] = defaultdict(dict)
    for name, given in told.items():
        match = _INDEXED.fullmatch(name)
        if match and match[1] == what:
            key = "tool_calls" if match[3].startswith("tool_calls") else match[3]
            turns[int(match[2])][key] = value(given) if key == "content" else given
    return [turns[number] for number in sorted(turns)]


def _answers(span: Span, told: dict[str, Any]) -> Found:
    if span.is_error or told.get("error.type"):
        return Found(lost=(Dropped(span.place, Reason.NO_ANSWER),))
    ended = value(told.get("gen_ai.response.finish_reasons"))
    usage = Usage(
        input_tokens=count(first(told, "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens")),
        output_tokens=count(
            first(told, "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens")
        ),
        cached_tokens=count(
            first(
                told,
                "gen_ai.usage.cache_read.input_tokens",
                "gen_ai.usage.cache_read_input_tokens",
            )
        ),
        reasoning_tokens=count(told.get("gen_ai.usage.reasoning.output_tokens")),
    )
    return answers(
        span.place,
        _said(told, span.events),
        first(told, "gen_ai.request.model", "gen_ai.response.model"),
        usage,
        latency_s=(span.end_ns - span.start_ns) / 1e9 if span.end_ns > span.start_ns else None,
        first_token_s=amount(told.get("gen_ai.response.time_to_first_chunk")),
        finish_reason=str(ended[0]) if isinstance(ended, list) and ended else "",  # pyright: ignore[reportUnknownArgumentType]
    )


def _time(ns: int) -> str:
    try:
        return datetime.fromtimestamp(ns / 1e9, UTC).isoformat() if ns > 0 else ""
    except (ValueError, OverflowError, OSError):
        return ""
