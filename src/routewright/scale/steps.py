"""Steps that need no journal: rows in, rows out, in the same order on any number of workers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

from routewright.data.each import BATCH, Each, cuts
from routewright.scale.cluster import Cluster

Row = TypeVar("Row")
Result = TypeVar("Result")

AHEAD = 4  # batches in flight for each worker, so that none waits for the coordinator


def each_on(cluster: Cluster) -> Each:
    """``map_in_order`` on a cluster, as the stages take it."""
    return partial(map_in_order, cluster)


def map_in_order(
    cluster: Cluster,
    step: Callable[[Sequence[Row]], Sequence[Result]],
    rows: Iterable[Row],
    *,
    batch: int = BATCH,
) -> Iterator[Result]:
    """What a step makes of the rows, in their order; a batch whose worker died is done again.

    Batches are cut here, so that they are the same however many workers there are. The step goes
    to each worker once, with all that it holds, such as a fitted encoder, which stays there.

    Args:
        cluster: where the step runs.
        step: as ``data.each.Each`` explains.
        rows: as many as there are.
        batch: rows that the step sees at one time.
    """
    task = cluster.ray.remote(_apply).options(num_cpus=1, max_retries=3)
    shared = cluster.ray.put(step)
    source = cuts(rows, batch)
    waiting: deque[Any] = deque()
    while True:
        while len(waiting) < AHEAD * cluster.workers and (cut := next(source, None)):
            waiting.append(task.remote(shared, cut))
        if not waiting:
            return
        yield from cluster.ray.get(waiting.popleft())


def _apply(
    step: Callable[[Sequence[Row]], Sequence[Result]], rows: Sequence[Row]
) -> Sequence[Result]:
    return step(rows)
