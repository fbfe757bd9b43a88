"""Plain text with a prompt a paragraph: blank lines stand between them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from routewright.data.logs.entry import Dropped, Entry
from routewright.data.logs.source import Glance, Source, lines
from routewright.data.logs.text import logged

SHAPE = "plain text, prompts with a blank line between"


def claims(seen: Glance) -> bool:
    """Whether a file looks like it."""
    return seen.kind == "text" and seen.paragraphs


def read(source: Source) -> Iterator[Entry]:
    """Every block of lines; its place is its first line."""
    for file in source.files():
        yield from _blocks(file, source.place(file))


def _blocks(file: Path, place: str) -> Iterator[Entry]:
    block: list[str] = []
    start = last = 0
    for line in lines(file, place):
        if isinstance(line, Dropped):
            yield line
            continue
        if block and line.number > last + 1:  # blank lines are passed over
            yield logged("\n".join(block), f"{place}:{start}")
            block = []
        if not block:
            start = line.number
        block.append(line.text)
        last = line.number
    if block:
        yield logged("\n".join(block), f"{place}:{start}")
