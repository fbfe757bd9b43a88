"""Steps that need no journal: rows in, rows out, in the same order on any number of workers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from routewright.scale.cluster import Cluster

Row = TypeVar("Row")
Result = TypeVar("Result")

BATCH = 256
AHEAD = 4  # batches in flight for each worker, so that none waits for the coordinator


def map_in_order(
    cluster: Cluster,
    step: Callable[[Sequence[Row]], Sequence[Result]],
    rows: Iterable[Row],
    *,
    batch: int = BATCH,
) -> Iterator[Result]:
    """What a step makes of the rows, in their order; a batch whose worker died is done again.

    Batches are cut here, so that they are the same however many workers there are; few are in
    memory at one time.

    Args:
        cluster: where the step runs.
        step: a function of a module that the workers have too; pure, one result a row.
        rows: as many as there are.
        batch: rows that the step sees at one time.
    """
    task = cluster.ray.remote(step).options(num_cpus=1, max_retries=3)
    source = iter(rows)
    waiting: deque[Any] = deque()
    while True:
        while len(waiting) < AHEAD * cluster.workers and (cut := list(islice(source, batch))):
            waiting.append(task.remote(cut))
        if not waiting:
            return
        yield from cluster.ray.get(waiting.popleft())
