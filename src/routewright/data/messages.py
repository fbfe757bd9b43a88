"""A conversation as it stands in a file: a list of turns in the OpenAI shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import msgspec

from routewright.data.wording import did_you_mean, shown
from routewright.errors import DataError
from routewright.types import Message

MAX_PROMPT_BYTES = 8_000_000
ROLES = ("system", "developer", "user", "assistant", "tool")
_KEYS = ("role", "content")


def parse_messages(raw: object) -> tuple[Message, ...]:
    """The turns of a decoded JSON value.

    Raises:
        DataError: what is wrong, beginning with ``messages``; the caller names file and row.
    """
    if not isinstance(raw, list) or not raw:
        raise DataError('messages must be a list of turns: [{"role": "user", "content": "..."}]')
    turns = cast("list[object]", raw)
    for at, turn in enumerate(turns):
        for key in cast("dict[str, object]", turn) if isinstance(turn, dict) else ():
            if key not in _KEYS:
                hint = did_you_mean(key, _KEYS) or "; a turn has role and content"
                raise DataError(f"messages[{at}]: unknown key {shown(key)}{hint}")
    try:
        messages = msgspec.convert(turns, tuple[Message, ...])
    except msgspec.ValidationError as error:
        raise DataError(f"messages: {error}") from error
    for at, message in enumerate(messages):
        if message.role not in ROLES:
            hint = did_you_mean(message.role, ROLES) or f"; a role is one of {', '.join(ROLES)}"
            raise DataError(f"messages[{at}]: unknown role {shown(message.role)}{hint}")
    return messages


def is_plain(messages: Sequence[Message]) -> bool:
    """Whether one text says it all: a single user turn without parts."""
    return (
        len(messages) == 1 and messages[0].role == "user" and isinstance(messages[0].content, str)
    )


def check_messages(messages: Sequence[Message]) -> None:
    """Refuse a prompt that asks nothing, or that is too large to be one.

    Raises:
        DataError: what is wrong; the caller names file and row.
    """
    if not any(message.role == "user" and _says_something(message) for message in messages):
        raise DataError("the prompt is empty; fill it in or delete the row")
    size_bytes = sum(
        len(message.content.encode())
        if isinstance(message.content, str)
        else len(msgspec.json.encode(message.content))
        for message in messages
    )
    if size_bytes > MAX_PROMPT_BYTES:
        raise DataError(
            f"the prompt has {size_bytes:,} bytes, the limit is {MAX_PROMPT_BYTES:,}; "
            "shorten it or delete the row"
        )


def _says_something(message: Message) -> bool:
    if isinstance(message.content, str):
        return bool(message.content.strip())
    return bool(message.content)
