"""Plain text with a prompt a line."""

from __future__ import annotations

from collections.abc import Iterator

from routewright.data.logs.chat import conversation
from routewright.data.logs.entry import Dropped, Entry, Logged, UnusableError
from routewright.data.logs.source import Glance, Source, lines

SHAPE = "plain text, a prompt a line"


def claims(seen: Glance) -> bool:
    """Whether a file looks like it."""
    return seen.kind == "text" and not seen.paragraphs


def read(source: Source) -> Iterator[Entry]:
    """Every line that is not blank."""
    for file in source.files():
        place = source.place(file)
        for line in lines(file, place):
            if isinstance(line, Dropped):
                yield line
            else:
                yield logged(line.text, f"{place}:{line.number}")


def logged(text: str, place: str) -> Entry:
    """A prompt of one text."""
    try:
        return Logged(place, conversation([text.strip()]))
    except UnusableError as error:
        return error.at(place)
