"""A comparison's fits on a cluster: the coordinator writes them, workers make them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from routewright.bench import fits
from routewright.bench.fit import Failure, make
from routewright.bench.plan import FoldJobs
from routewright.bench.pool import note_of
from routewright.bench.tables import read
from routewright.data.routing_data import RoutingData
from routewright.scale.cluster import Cluster

RETRIES = 3  # of a fold whose worker died


@dataclass(frozen=True)
class ClusterHands:
    """The workers of a cluster, as ``bench.pool.Hands``.

    A fold's fits arrive together, and then stand in the folder of the run. A fold whose worker
    died is fitted again.
    """

    cluster: Cluster

    @property
    def count(self) -> int:
        """How many workers there are."""
        return self.cluster.workers

    def fit_all(
        self, work: Sequence[FoldJobs], folder: Path, advance: Callable[[str], None]
    ) -> tuple[Failure, ...]:
        """See ``bench.pool.Hands``. Data go to the workers, which need not see this disk."""
        ray = self.cluster.ray
        task = ray.remote(_made).options(num_cpus=1, max_retries=RETRIES)
        names = {each.path: each.data for each in work}
        data: dict[Path, Any] = {path: ray.put(read(path, name)) for path, name in names.items()}
        notes = note_of(work)
        failures: list[Failure] = []
        queue = [(each, data[each.path]) for each in reversed(work)]
        under_way: list[Any] = []
        while queue or under_way:
            # No more than there are workers, so that the longest folds begin first.
            while queue and len(under_way) < self.count:
                under_way.append(task.remote(*queue.pop()))
            done, under_way = ray.wait(under_way, num_returns=1)
            for key, made in ray.get(done[0]):
                if isinstance(made, Failure):
                    failures.append(made)
                else:
                    fits.write(fits.path_of(folder, key), made)
                advance(notes[key])
        return tuple(sorted(failures, key=lambda each: each.key))


def _made(work: FoldJobs, data: RoutingData) -> list[tuple[str, fits.Fit | Failure]]:
    return [(job.key, made) for job, made in make(work, data)]
