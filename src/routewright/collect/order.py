"""In which order: prompts that share a long prefix go together, so that its cache is warm.

Providers keep the prefix of a prompt for some minutes from about 1,024 tokens on, and charge a
part of the price for what they find there. The first prompt of a group is asked alone; the others
follow when it has been answered, because a cache that is still being written helps nobody.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from routewright.collect.cells import Cell
from routewright.types import Message, Prompt

PREFIX_CHARS = 4096  # about 1,024 tokens: the least that providers cache


class Group(NamedTuple):
    """Cells of one model; the first goes ahead. ``shared`` counts the messages all begin with."""

    cells: Sequence[Cell]
    shared: int = 0


def arrange(cells: Sequence[Cell]) -> Iterator[Group]:
    """Groups in the order of their first cells; a cell that shares no prefix is one alone."""
    groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        prefix = _prefix(cell.prompt)
        if prefix:
            groups.setdefault((cell.model.name, prefix), []).append(cell)
    for cell in cells:
        group = groups.get((cell.model.name, _prefix(cell.prompt)), [cell])
        if len(group) == 1:
            yield Group(group)
        elif cell is group[0]:
            yield Group(group, shared_messages([member.prompt for member in group]))


def shared_messages(prompts: Sequence[Prompt]) -> int:
    """How many whole messages all of the prompts begin with."""
    first = prompts[0].messages
    count = len(first)
    for prompt in prompts[1:]:
        count = min(count, len(prompt.messages))
        while first[:count] != prompt.messages[:count]:
            count -= 1
    return count


def _prefix(prompt: Prompt) -> str:
    """The first ``PREFIX_CHARS`` characters; "" where the prompt is shorter."""
    taken = ""
    for message in prompt.messages:
        taken += f"\0{message.role}\0{_content(message)[:PREFIX_CHARS]}"
        if len(taken) >= PREFIX_CHARS:
            return taken[:PREFIX_CHARS]
    return ""


def _content(message: Message) -> str:
    return message.content if isinstance(message.content, str) else repr(message.content)
