"""Any table, CSV or Parquet or JSON Lines, with a prompt a row.

The prompt is in ``messages`` (turns, or JSON of them) or in ``prompt`` or one of its usual other
names. ``response`` and ``model`` make an answer, with ``cost_usd``, ``latency_s``,
``input_tokens`` and ``output_tokens``.
"""

from __future__ import annotations

from collections.abc import Iterator

from routewright.data.logs.answers import answers
from routewright.data.logs.chat import (
    amount,
    conversation,
    count,
    limit_of,
    time_of,
    without_answer,
)
from routewright.data.logs.entry import Entry, Logged, Reason, UnusableError
from routewright.data.logs.records import Record, entries, first
from routewright.data.logs.source import Source, glance
from routewright.data.wording import nearest, shown
from routewright.errors import DataError
from routewright.types import Usage

PROMPT_COLUMNS = ("messages", "prompt", "question", "input", "text", "query", "instruction")


def read(source: Source) -> Iterator[Entry]:
    """Every row.

    Raises:
        DataError: no file has a column for the prompt.
    """
    column = _column(source)

    def make(record: Record) -> Logged:
        return _logged(record, column)

    return entries(source, make)


def _column(source: Source) -> str:
    seen = glance(source.files()[0])
    if source.column:
        if seen.kind != "json" and source.column not in seen.keys:
            near = nearest(source.column, seen.keys)
            hint = f"did you mean {shown(near)}?" if near else "it has " + _few(seen.keys)
            raise DataError(f"{source.path}: no column {shown(source.column)}; {hint}")
        return source.column
    found = next((name for name in PROMPT_COLUMNS if name in seen.keys), None)
    if found is None:
        raise DataError(
            f"{source.path}: no column {', '.join(PROMPT_COLUMNS)}; say which it is with "
            f"--column ({_few(seen.keys) or 'the file has no names of columns'})"
        )
    return found


def _few(keys: frozenset[str]) -> str:
    return ", ".join(sorted(keys)[:12])


def _logged(record: Record, column: str) -> Logged:
    fields = record.fields
    asked = fields.get(column)
    if column == "messages" and asked in (None, "", []):
        asked = fields.get("prompt")
    if asked in (None, "", []):
        raise UnusableError(Reason.EMPTY)
    plain = isinstance(asked, str) and column != "messages"
    system = first(fields, "system", "system_prompt")
    turns, last = without_answer(conversation([asked] if plain else asked, system))
    found = answers(
        record.place,
        first(fields, "response", "answer", "completion", "output") or last,
        fields.get("model"),
        Usage(
            input_tokens=count(first(fields, "input_tokens", "prompt_tokens")),
            output_tokens=count(first(fields, "output_tokens", "completion_tokens")),
        ),
        cost_usd=amount(fields.get("cost_usd")),
        latency_s=amount(fields.get("latency_s")),
        finish_reason=str(fields.get("finish_reason") or ""),
    )
    return Logged(
        record.place,
        turns,
        # Without a model, a column called answer is the key and no answer of an LLM.
        found.answers,
        found.lost if "model" in fields else (),
        prompt_id=_text(fields.get("prompt_id")),
        task=_text(first(fields, "task", "dataset")),
        grader=_text(fields.get("grader")),
        reference=_text(fields.get("reference")),
        group=_text(fields.get("group")),
        max_tokens=limit_of(fields.get("max_tokens")),
        time=time_of(first(fields, "time", "created_at")),
    )


def _text(cell: object) -> str:
    return "" if cell is None else str(cell)
