"""One progress bar for every verb that takes its time; plain lines where nobody watches."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager

import click


@contextmanager
def progress_bar(verb: str, *, total: int, done: int = 0) -> Generator[Callable[[str], None]]:
    """Give a function that advances the bar by one and shows a note beside it.

    On a terminal it is a bar with the time to go; elsewhere a line at every tenth.
    """
    if not sys.stderr.isatty():
        yield _plain(verb, total, done)
        return
    with click.progressbar(
        length=total,
        label=verb,
        show_pos=True,
        item_show_func=_shown,
        file=sys.stderr,
    ) as bar:
        bar.update(done)
        yield lambda note: bar.update(1, note)


def _shown(note: str | None) -> str | None:
    return note


def _plain(verb: str, total: int, done: int) -> Callable[[str], None]:
    count = done

    def advance(note: str) -> None:
        nonlocal count
        count += 1
        if count * 10 // max(total, 1) > (count - 1) * 10 // max(total, 1):
            sys.stderr.write(f"{verb}: {count} of {total}  {note}\n")
            sys.stderr.flush()

    return advance
