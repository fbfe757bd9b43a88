"""What a thousand open streams take of memory."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass

from benchmarks.gateway.bench import Bench, Point, TroubleError
from benchmarks.gateway.gateways import ours

STREAMS = 1_000
EVENTS = 24
GAP_US = 500_000
WITHIN_S = 60.0


@dataclass(frozen=True)
class Open:
    """Megabytes before, with all streams open, and when they have ended; kilobytes a stream."""

    streams: int
    before_mb: float
    open_mb: float
    after_mb: float
    broken: int

    @property
    def each_kb(self) -> float:
        """Kilobytes (1,000 bytes) that each stream adds."""
        return (self.open_mb - self.before_mb) * 2**20 / 1000 / max(self.streams, 1)


def open_streams(bench: Bench, streams: int = STREAMS) -> Open:
    """Open so many streams at one fresh gateway, and look while the upstream has all of them open.

    Raises:
        TroubleError: it does not start, or they are never all open at once.
    """
    gateway = ours(bench.folder / "streams", bench.artefact, bench.port)
    process, port, _ = bench.start(gateway, "ours-streams")
    try:
        # Code, encoder and pools are there before it is looked at; not the memory of a heavy load,
        # in which a thousand streams would find room for nothing.
        bench.load(gateway, port, process, Point(16, streamed=True, seconds=2, gap_us=1_000))
        bench.set(EVENTS, GAP_US)
        command = bench.command(gateway, port, clients=streams, seconds=1)
        command[1:1] = ["-n", str(streams)]
        before = most = process.resident_mb()
        began = time.monotonic()
        with subprocess.Popen(
            [*command, str(bench.bodies(gateway, streamed=True))], stdout=subprocess.PIPE
        ) as load:
            seen = 0
            while load.poll() is None and time.monotonic() - began < WITHIN_S:
                seen = max(seen, bench.set(EVENTS, GAP_US).open)
                most = max(most, process.resident_mb())
                time.sleep(0.1)
            load.terminate()
            told = load.communicate()[0].decode()
        if seen < streams:
            raise TroubleError(
                f"only {seen} of {streams} streams were open at once: {told.strip()}"
            )
        broken = int(told.partition('"broken": ')[2].partition(",")[0])
        return Open(streams, before, most, process.resident_mb(), broken)
    finally:
        bench.end("ours-streams")
