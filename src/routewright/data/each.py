"""A step over many rows: done here, or wherever the caller has it done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Protocol, TypeVar

Row = TypeVar("Row")
Result = TypeVar("Result")

BATCH = 256


class Each(Protocol):
    """Does a step for all rows and gives the results in the rows' order."""

    def __call__(
        self,
        step: Callable[[Sequence[Row]], Sequence[Result]],
        rows: Iterable[Row],
        *,
        batch: int = BATCH,
    ) -> Iterator[Result]:
        """What the step makes of the rows.

        Args:
            step: pure, one result a row; a function of a module, or a ``partial`` of one, for it
                may run in another process.
            rows: as many as there are; few are in memory at one time.
            batch: rows that the step sees at one time, wherever it runs.
        """
        ...


def here(
    step: Callable[[Sequence[Row]], Sequence[Result]], rows: Iterable[Row], *, batch: int = BATCH
) -> Iterator[Result]:
    """Every step in this process; see ``Each``."""
    for cut in cuts(rows, batch):
        yield from step(cut)


def cuts(rows: Iterable[Row], batch: int) -> Iterator[list[Row]]:
    """The rows in batches, each full but the last."""
    source = iter(rows)
    while cut := list(islice(source, batch)):
        yield cut
