"""One run: everything is started once and measured in turns."""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import subprocess
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.gateway.bench import Bench, Load, Point, TroubleError
from benchmarks.gateway.gateways import Gateway, ours, rivals
from benchmarks.gateway.memory import Open, open_streams
from benchmarks.gateway.processes import Started
from benchmarks.gateway.scaling import Scaling, scaling

POINTS = {
    "whole, c=1": Point(1, streamed=False),
    "whole, c=16": Point(16, streamed=False),
    "stream, c=64": Point(64, streamed=True),
    # Short streams, so that there are enough of them; their first event comes at once.
    "first event, c=1": Point(1, streamed=True, events=8, gap_us=1_000),
}
STARTS = 3
NAMED = "ours, model named"  # by the client: what is left without a decision


@dataclass
class Seen:
    """What was seen of one gateway; ``trouble`` says why there is no more."""

    gateway: Gateway
    port: int
    process: Started | None = None
    ready_s: float = 0.0
    fresh_mb: float = 0.0
    loaded_mb: float = 0.0
    trouble: str = ""
    loads: dict[str, list[Load]] = field(default_factory=dict[str, list[Load]])


@dataclass
class Session:
    """All that one run saw."""

    seen: dict[str, Seen]
    missing: list[str]
    starts: list[float] = field(default_factory=list[float])
    streams: Open | None = None
    scaling: Scaling | None = None
    troubles: dict[str, str] = field(default_factory=dict[str, str])
    took_s: float = 0.0
    head: str = ""


def start_all(made: Bench, only: set[str], where: Path) -> Session:
    """Start what is asked for; what does not start is noted with the end of its log."""
    found: dict[str, Gateway | None] = {
        "ours": ours(made.folder / "ours", made.artefact, made.port),
        **rivals(made.folder, made.port, where),
    }
    wanted = {name: g for name, g in found.items() if not only or name.lower() in only}
    missing = [name for name, gateway in wanted.items() if gateway is None]
    seen = {"direct": Seen(Gateway("direct", made.port), made.port, made.upstream)}
    for name, gateway in wanted.items():
        if gateway is None:
            continue
        note = seen[name] = Seen(gateway, gateway.port)
        try:
            note.process, note.port, note.ready_s = made.start(gateway)
            note.fresh_mb = note.process.resident_mb()
            for point in POINTS.values():  # warms up; checks that both kinds come through
                made.load(gateway, note.port, note.process, replace(point, seconds=1))
        except TroubleError as trouble:
            note.trouble = str(trouble)
        if name == "ours" and not note.trouble:
            named = replace(gateway, name=NAMED, model="m0")
            seen[NAMED] = replace(note, gateway=named, loads={})
        print(f"{name}: {note.trouble or f'ready after {note.ready_s:.2f} s'}", flush=True)
    return Session(seen, missing)


def measure(made: Bench, session: Session, rounds: int, seconds: float) -> None:
    """Rounds of every point with every gateway in turns."""
    for at in range(rounds):
        for name, point in POINTS.items():
            for note in session.seen.values():
                if note.trouble:
                    continue
                try:
                    load = made.load(
                        note.gateway, note.port, note.process, replace(point, seconds=seconds)
                    )
                except TroubleError as trouble:
                    words = note.process.last_words() if note.process else ""
                    note.trouble = f"{trouble}; its log ends:\n{words}"
                    continue
                note.loads.setdefault(name, []).append(load)
                figures = f"{load.cpu_ms:.4f} ms CPU, {load.answered} answered"
                print(f"round {at + 1}, {name}, {note.gateway.name}: {figures}", flush=True)
    for note in session.seen.values():
        if note.process and note.process.alive:
            note.loaded_mb = note.process.resident_mb()


def alone(made: Bench, session: Session, rounds: int) -> None:
    """What is measured of our gateway with nothing else running."""
    for what, job in {
        "starts": lambda: starts(made),
        "streams": lambda: open_streams(made),
        "scaling": lambda: scaling(made, rounds),
    }.items():
        try:
            setattr(session, what, job())
        except TroubleError as trouble:
            session.troubles[what] = str(trouble)
        print(f"{what}: {session.troubles.get(what, 'measured')}", flush=True)


def starts(made: Bench) -> list[float]:
    """Seconds to the first answer of our gateway, several times, each with a state of its own."""
    told: list[float] = []
    for at in range(STARTS):
        name = f"start-{at}"
        gateway = ours(made.folder / name, made.artefact, made.port)
        told.append(made.start(gateway, name)[2])
        made.end(name)
    return told


def head(session: Session, given: argparse.Namespace) -> str:
    """When and how this was measured, and how quiet the machine was."""
    loads = [load for note in session.seen.values() for s in note.loads.values() for load in s]
    room = (os.cpu_count() or 1) * sum(load.took_s for load in loads)
    others = sum(load.others_s for load in loads) / room if loads else 0.0
    when = datetime.datetime.now(datetime.UTC).date().isoformat()
    where = f"{os.cpu_count()} cores, Python {platform.python_version()}"
    how = f"{given.rounds} rounds of {given.seconds:g} s a point"
    quiet = f"everything else on the machine took {others:.0%} of its cores meanwhile"
    if others > 0.1:
        quiet += ": **not quiet, so no latency, start or throughput of this run counts**"
    took = f"{session.took_s / 60:.1f} minutes in all"
    return f"{when}; commit {_commit()}; {where}; {how}; {took}; {quiet}."


def _commit() -> str:
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return said.stdout.strip()


def run(made: Bench, given: argparse.Namespace) -> Session:
    """All measurements, from the ones that need a quiet machine most."""
    only = {name.strip().lower() for name in given.only.split(",") if name.strip()}
    began = time.monotonic()
    session = start_all(made, only, given.rivals)
    measure(made, session, given.rounds, given.seconds)
    for name, note in session.seen.items():
        if note.process and name not in ("direct", NAMED):
            made.end(name)
    if not only or "ours" in only:
        alone(made, session, given.rounds)
    session.took_s = time.monotonic() - began
    session.head = head(session, given)
    return session
