"""Many mixed requests: does memory stay flat, and is every one of them accounted for?

python -m benchmarks.gateway.soak [--requests 1000000] [--minutes 0] [--out FILE]

Whole answers, streams, streams that the client leaves after the first event, requests that the
upstream refuses, and requests at which it breaks. ``--minutes`` ends it earlier, and so does
SIGINT or SIGTERM: what was done by then is counted and told.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from statistics import linear_regression

import msgspec
import sqlalchemy as sa

from benchmarks.gateway import bars
from benchmarks.gateway.artefact import texts
from benchmarks.gateway.bars import Bar
from benchmarks.gateway.bench import Bench, Counts, Load, TroubleError, bench, request
from benchmarks.gateway.gateways import ours
from benchmarks.gateway.processes import Started
from routewright.config import Secret
from routewright.state import tables
from routewright.state.reconcile import ClientLine, Report, UpstreamLine, read_lines, reconcile
from routewright.state.store import Store

RESULTS = Path(__file__).parents[1] / "results" / "gateway_soak.md"
# Of twenty requests each: mark in the prompt, whether it is a stream.
MIX = [("", False)] * 14 + [("", True)] * 3 + [("[leave] ", True), ("[refuse] ", False)]
MIX.append(("[fail] ", False))
BODIES = 3_000
EVENTS = 8
GAP_US = 5_000
# Requests before memory is looked at, a third where there are fewer: what is remembered of 20,000
# conversations has filled by then, and the allocator has found its size.
WARM = 100_000
LONGEST_S = 7 * 86_400.0
LEAST_SAMPLES = 5


@dataclass(frozen=True)
class Sample:
    """What the gateway had taken after so many requests."""

    requests: int
    memory_mb: float
    files: int
    threads: int


@dataclass
class Soak:
    """What a soak showed."""

    asked: int
    load: Load
    upstream: Counts
    report: Report
    states: Counter[str]
    exit_code: int | None
    start: Sample
    idle: Sample
    samples: list[Sample] = field(default_factory=list[Sample])

    @property
    def settled(self) -> list[Sample]:
        """The samples after the warm-up."""
        warm = min(WARM, self.load.begun // 3)
        return [sample for sample in self.samples if sample.requests >= warm]

    @property
    def slope_mb(self) -> float | None:
        """Megabytes a 100,000 requests, by least squares; None where there is too little."""
        settled = self.settled
        if len(settled) < LEAST_SAMPLES:
            return None
        memory = [sample.memory_mb for sample in settled]
        return 1e5 * linear_regression([sample.requests for sample in settled], memory).slope

    @property
    def unaccounted(self) -> int:
        """How many requests client, upstream and ledger do not agree on."""
        load, states = self.load, self.states
        produced = self.upstream.whole + self.upstream.streams
        ended_whole = states["complete"] - load.answered  # of those that the client left
        return (
            abs(load.begun - self.report.decisions)
            + abs(load.answered + load.left - produced)
            + abs(load.refused - states["failed"])
            + abs(states["partial"] + ended_whole - load.left)
            + self.report.unexplained
            + self.report.missing
        )


def bodies(path: Path) -> None:
    """The requests, each with room for its name."""
    lines = (
        json.dumps(request("auto", f"r000000000 {mark}{text}", streamed=streamed))
        for at, text in enumerate(texts(BODIES, 1_000, 7))
        for mark, streamed in [MIX[at % len(MIX)]]
    )
    path.write_text("\n".join(lines) + "\n")


def soak(made: Bench, requests: int, *, clients: int = 32, minutes: float = 0) -> Soak:
    """Send so many requests, or for so many minutes, to a fresh gateway with a fresh state.

    Args:
        made: its upstream has to write its log.
        requests: how many.
        clients: at once.
        minutes: no request begins later; 0 is no limit.

    Raises:
        TroubleError: the gateway does not start, or the load cannot reach it.
    """
    gateway = ours(made.folder / "soak", made.artefact, made.port)
    asked = made.folder / "soak-bodies.jsonl"
    bodies(asked)
    process, port, _ = made.start(gateway, "ours-soak")
    start = _sample(process, 0)
    counted = made.set(EVENTS, GAP_US)  # the first answer was asked by the start
    seen = made.folder / "seen.jsonl"
    command = made.command(
        gateway, port, clients=clients, seconds=minutes * 60 if minutes else LONGEST_S
    )
    command[1:1] = ["-n", str(requests), "-l", str(seen)]
    load = subprocess.Popen(
        [*command, str(asked)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )

    def stop(number: int, frame: object) -> None:
        del number, frame
        load.terminate()  # it waits for what has begun

    former = {each: signal.signal(each, stop) for each in (signal.SIGINT, signal.SIGTERM)}
    samples: list[Sample] = []
    try:
        assert load.stderr is not None
        for line in load.stderr:
            if not line.strip().isdigit():
                raise TroubleError(line.strip())
            samples.append(_sample(process, int(line)))
            print(samples[-1], flush=True)
        said = load.communicate()[0]
    finally:
        load.kill()
        for each, handler in former.items():
            signal.signal(each, handler)
    if load.returncode:
        raise TroubleError(f"the load ended with {load.returncode}: {process.last_words()}")
    told = msgspec.json.decode(said, type=Load)
    time.sleep(3)  # a client that left is noticed within a second
    idle = _sample(process, told.begun)
    now = made.set(EVENTS, GAP_US)
    code = made.end("ours-soak")
    calls = Counts(*(getattr(now, n) - getattr(counted, n) for n in Counts.__struct_fields__))
    report, states = _books(made, gateway_folder=made.folder / "soak", seen=seen)
    return Soak(requests, told, calls, report, states, code, start, idle, samples)


def _sample(process: Started, requests: int) -> Sample:
    return Sample(requests, process.resident_mb(), process.files(), process.threads())


def _books(made: Bench, *, gateway_folder: Path, seen: Path) -> tuple[Report, Counter[str]]:
    """What the database holds beside both logs, but for the request that the start sent."""
    store = Store(Secret("sqlite:///routewright.db"), gateway_folder)
    try:
        upstream = read_lines(made.log, UpstreamLine)
        report = reconcile(read_lines(seen, ClientLine), upstream, store)
        counts = sa.select(tables.outcomes.c.state, sa.func.count().label("n")).group_by(
            tables.outcomes.c.state
        )
        states = Counter({row["state"]: row["n"] for row in store.select(counts)})
    finally:
        store.close()
    states["complete"] -= 1
    return msgspec.structs.replace(report, decisions=report.decisions - 1), states


def page(seen: Soak) -> str:
    """All of it in Markdown."""
    load, report, upstream = seen.load, seen.report, seen.upstream
    settled, produced = seen.settled, upstream.whole + upstream.streams
    when = datetime.datetime.now(datetime.UTC).date().isoformat()
    found = [
        Bar("memory a 100,000 requests", seen.slope_mb, 1, unit="MB"),
        Bar("requests that the three do not agree on", seen.unaccounted, 0, unit=""),
        Bar("answers that broke off", load.broken, 0, unit=""),
    ]
    names = ("complete", "partial", "failed", "cached", "unknown")
    lines = [
        "# A soak of the gateway",
        f"{when}; {os.cpu_count()} cores, Python {platform.python_version()}; {load.begun} of "
        f"{seen.asked} requests in {load.took_s / 60:.1f} minutes; of twenty, 14 are whole, 3 "
        "streams, and one each is left by its client, refused (400) and broken (500) upstream.",
        "\n".join(bars.table(found)),
        "| who | what |\n|---|---|\n"
        f"| client | {load.begun} begun: {load.answered} answered whole, {load.refused} refused, "
        f"{load.left} left, {load.broken} broke |\n"
        f"| upstream | {produced} calls with tokens, {upstream.cut} of them "
        f"cut short, {upstream.failed} without |\n"
        f"| ledger | {report.decisions} decisions; outcomes: "
        f"{', '.join(f'{seen.states[name]} {name}' for name in names if seen.states[name])} |\n"
        f"| reconcile | {report.unexplained} unexplained, {report.missing} missing, "
        f"{report.duplicated} duplicated, {report.gap_rows} in gaps |",
        "| after | memory MB | open files | threads |\n|---|---|---|---|\n"
        + "\n".join(
            f"| {name} | {sample.memory_mb:.1f} | {sample.files} | {sample.threads} |"
            for name, sample in {
                "the start": seen.start,
                **{f"{s.requests} requests": s for s in settled[:1] + settled[-1:]},
                "the end, idle": seen.idle,
            }.items()
        ),
        f"The gateway's exit code was {seen.exit_code}.",
    ]
    return "\n\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--minutes", type=float, default=0, help="no request begins later")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--folder", type=Path, help="new; keeps logs and database (2 GB a million)")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    try:
        with bench(logged=True, folder=given.folder) as made:
            seen = soak(made, given.requests, clients=given.clients, minutes=given.minutes)
    except TroubleError as trouble:
        sys.exit(str(trouble))
    text = page(seen)
    given.out.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
