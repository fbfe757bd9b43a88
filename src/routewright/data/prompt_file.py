"""Prompt files: JSON Lines, one prompt a line, read without the training extra."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec

from routewright.data.json_lines import read_json_lines
from routewright.data.messages import check_messages, parse_messages
from routewright.data.times import iso_time
from routewright.data.wording import did_you_mean, shown
from routewright.errors import DataError
from routewright.types import Message, Prompt


class _Record(msgspec.Struct, frozen=True):
    prompt_id: str
    task: str = ""
    difficulty: Literal["", "easy", "medium", "hard"] = ""
    prompt: str | None = None
    messages: Any = None
    grader: str = ""
    reference: str = ""
    max_tokens: int | None = None
    group: str = ""
    time: str = ""


def load_prompts(path: str | Path) -> tuple[Prompt, ...]:
    """Read a prompt file.

    Every line is an object with ``prompt_id`` and either ``prompt`` (the user's text) or
    ``messages`` (turns in the OpenAI shape); ``task``, ``difficulty``, ``grader``, ``reference``,
    ``max_tokens``, ``group`` and ``time`` (ISO 8601) are optional.

    Raises:
        DataError: the file, line and field that is wrong, and the way out.
    """
    path = Path(path)
    prompts: list[Prompt] = []
    lines: dict[str, int] = {}
    for number, record in read_json_lines(path):
        try:
            prompt = _prompt(record)
        except DataError as error:
            raise DataError(f"{path}: line {number}: {error}") from error
        if prompt.id in lines:
            raise DataError(
                f"{path}: line {number}: prompt_id {shown(prompt.id)} is already on line "
                f"{lines[prompt.id]}; ids are unique"
            )
        lines[prompt.id] = number
        prompts.append(prompt)
    return tuple(prompts)


def _prompt(raw: dict[str, Any]) -> Prompt:
    known = _Record.__struct_fields__
    for key in raw:
        if key not in known:
            hint = did_you_mean(key, known) or f"; known: {', '.join(known)}"
            raise DataError(f"unknown key {shown(key)}{hint}")
    if "prompt_id" not in raw:
        raise DataError("no prompt_id; give every prompt a unique name")
    for key, value in raw.items():
        _check_field(key, value)
    record = msgspec.convert(raw, _Record)
    if not record.prompt_id.strip():
        raise DataError("prompt_id is empty; give every prompt a unique name")
    messages = _messages(record)
    try:
        check_messages(messages)
        time = iso_time(record.time)
    except DataError as error:
        raise DataError(f"prompt_id {shown(record.prompt_id)}: {error}") from error
    return Prompt(
        id=record.prompt_id,
        messages=messages,
        task=record.task,
        grader=record.grader,
        reference=record.reference,
        group=record.group,
        difficulty=record.difficulty,
        max_tokens=record.max_tokens,
        time=time,
    )


def _check_field(key: str, value: object) -> None:
    if key == "messages":
        return
    if key == "max_tokens":
        if value is not None and (type(value) is not int or value < 1):
            raise DataError(f"max_tokens is {shown(value)}; give a whole number from 1, or none")
    elif not isinstance(value, str):
        raise DataError(f"{key} is {shown(value)}; give a text in quotes")
    elif key == "difficulty" and value not in ("", "easy", "medium", "hard"):
        raise DataError(f"difficulty is {shown(value)}; give easy, medium or hard")


def _messages(record: _Record) -> tuple[Message, ...]:
    if record.messages is None and record.prompt is None:
        raise DataError("no prompt; give prompt (a text) or messages (a list of turns)")
    if record.messages is not None and record.prompt is not None:
        raise DataError("both prompt and messages; keep one")
    if record.prompt is not None:
        return (Message("user", record.prompt),)
    return parse_messages(record.messages)
