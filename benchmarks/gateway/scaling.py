"""What two workers carry beside one."""

from __future__ import annotations

import os
from dataclasses import dataclass
from statistics import median

from benchmarks.gateway.bench import Bench, Load, Point
from benchmarks.gateway.gateways import Gateway, ours
from benchmarks.gateway.processes import Started
from benchmarks.gateway.shares import can_share, shares

SATURATING = Point(64, streamed=False)
PART = 0.4  # of a core for each worker: the two and what loads them have room beside each other


@dataclass(frozen=True)
class Scaling:
    """Rounds of one worker and of two in turns, at saturation.

    In ``limited`` ones each worker had a part of a core; there are none where the system cannot.
    """

    one: list[Load]
    two: list[Load]
    worker_mb: float
    limited_one: list[Load]
    limited_two: list[Load]

    @property
    def by_clock(self) -> float:
        """Requests a second of two over those of one; the median of the rounds."""
        return _ratio(self.one, self.two)

    @property
    def by_parts(self) -> float | None:
        """The same of workers that have a part of a core each, so that nobody wants for one."""
        return _ratio(self.limited_one, self.limited_two) if self.limited_one else None

    @property
    def by_cpu(self) -> float:
        """Twice the CPU a request of one worker over that of two: what two would carry with a core
        each and nothing to wait for."""
        pairs = zip(self.one, self.two, strict=True)
        return median(2 * a.cpu_ms / b.cpu_ms for a, b in pairs)

    @property
    def ceiling(self) -> float:
        """What the clock could show here at most, since load and upstream need their share."""
        cores = os.cpu_count() or 1
        each = median((a.gateway_s + a.rig_s) / a.answered for a in self.one)
        return min(2.0, median(cores / each / (a.answered / a.took_s) for a in self.one))


def scaling(bench: Bench, rounds: int) -> Scaling:
    """Measure both in turns.

    Raises:
        TroubleError: one does not start or answer.
    """
    names = {1: "ours-one", 2: "ours-two"}
    told: dict[int, list[Load]] = {1: [], 2: []}
    limited: dict[int, list[Load]] = {1: [], 2: []}
    running: dict[int, tuple[Gateway, Started, int]] = {
        count: (gateway, *bench.start(gateway, name)[:2])
        for count, name in names.items()
        for gateway in [ours(bench.folder / name, bench.artefact, bench.port, workers=count)]
    }
    try:
        for at in range(rounds + 1):
            for count, (gateway, process, port) in running.items():
                load = bench.load(gateway, port, process, SATURATING)
                if at:  # the first only warms up
                    told[count].append(load)
        for _ in range(rounds if can_share() else 0):
            for count, (gateway, process, port) in running.items():
                with shares(process.pids(), PART):
                    limited[count].append(bench.load(gateway, port, process, SATURATING))
        worker_mb = running[2][1].own_mb() / 2
    finally:
        for name in names.values():
            bench.end(name)
    return Scaling(told[1], told[2], worker_mb, limited[1], limited[2])


def _ratio(one: list[Load], two: list[Load]) -> float:
    pairs = zip(one, two, strict=True)
    return median((b.answered / b.took_s) / (a.answered / a.took_s) for a, b in pairs)
