"""``kill -9`` of gateways under load: what is lost is what had just been queued, and is told.

Two gateways share a folder, as workers of one host do. Each is forked from a process that has
imported it, so that a life costs a tenth of a second, and is killed at a moment of chance, in its
first tenths of a second too. docs/state.md states what may be lost.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from routewright.config import Secret
from routewright.state import tables
from routewright.state.reconcile import _moment as moment
from routewright.state.store import Store
from tests.fakes.load import Load, reconciled
from tests.fakes.postgres import Postgres
from tests.fakes.upstream import Upstream
from tests.promises.test_gateway import ENV, gateway_process, write_config

NURSERY = """
import os, sys
import uvloop, routewright.cli.serve, routewright.serve.gateway, routewright.serve.server
import routewright.state.keeper, routewright.state.store, routewright.serve.keyring
from routewright.cli.main import main
port = sys.argv[1]
for _ in sys.stdin:
    pid = os.fork()
    if not pid:
        sys.argv = ["routewright", "serve", "--port", port]
        os.dup2(2, 1)
        main()
        os._exit(3)
    print(pid, flush=True)
    print(os.waitpid(pid, 0)[1], flush=True)
"""
WINDOW_S = 0.05  # as docs/state.md has it
LOADED_S = 3.0  # what other processes of this machine may keep a thread from running


@contextlib.contextmanager
def nursery(folder: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """A process that forks a gateway for each line it reads: its id, and how it ended."""
    with (folder / f"{port}.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", NURSERY, str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=folder,
            env={**ENV, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def killed_over_and_over(folder: Path, port: int, kills: int, seed: int, load: Load) -> list[float]:
    """When each of so many gateways on one port was killed, in Unix seconds.

    One of six dies at any moment after its birth, the others after they have answered somebody.
    """
    url = f"http://127.0.0.1:{port}"
    chance = random.Random(seed)
    moments: list[float] = []
    with nursery(folder, port) as process:
        assert process.stdin
        assert process.stdout
        for _ in range(kills):
            print("another", file=process.stdin, flush=True)
            pid = int(process.stdout.readline())
            if chance.randrange(6):
                answered, over = load.answered[url], time.monotonic() + 30
                while load.answered[url] == answered and time.monotonic() < over:
                    time.sleep(0.005)
                time.sleep(chance.random() * 0.4)
            else:
                time.sleep(chance.random())
            moments.append(time.time())
            os.kill(pid, signal.SIGKILL)
            assert int(process.stdout.readline()) == signal.SIGKILL
    return moments


def lost_by_kills(folder: Path, kills: int, seed: int, url: str = "") -> dict[str, Any]:
    """Kill so many gateways under load, let the next start heal, and count."""
    print(f"{kills} kills, seed {seed}")  # noqa: T201
    spool = folder / "routewright-spool"
    url = url or f"sqlite:///{folder}/routewright.db"
    ports = [free_port(), free_port()]
    deaths: dict[str, list[float]] = {}
    with Upstream() as upstream:
        state = f'default_model = "cheap"\n[gateway.state]\nurl = "{url}"'
        write_config(folder, upstream.url, state)

        def lane(at: int, port: int) -> None:
            n = (kills + at) // 2
            moments = killed_over_and_over(folder, port, n, seed + at, load)
            deaths[f"http://127.0.0.1:{port}"] = moments

        with Load([f"http://127.0.0.1:{port}" for port in ports]) as load:
            lanes = [
                threading.Thread(target=lane, args=(at, port)) for at, port in enumerate(ports)
            ]
            for thread in lanes:
                thread.start()
            for thread in lanes:
                thread.join()
        with gateway_process(cwd=folder) as (process, _, _):
            over = time.monotonic() + 120
            while len(list(spool.glob("*.boot"))) > 1 or len({*spool.glob("*.jsonl")}) > 1:
                assert time.monotonic() < over, "what the dead left was not taken over"
                time.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        report = reconciled(folder, url, load, upstream)
    assert sum(len(moments) for moments in deaths.values()) == kills
    assert load.failed == []
    assert report["unexplained"] == 0, report
    assert [*spool.glob("rejected*"), *spool.glob("*.jsonl")] == []
    torn = [path.read_bytes() for path in spool.glob("*.damaged")]  # a last line without its end
    assert not any(b"\n" in line for line in torn)
    store = Store(Secret(url))
    boots = list(store.select(sa.select(tables.boots)))
    known = {row["id"] for row in store.select(sa.select(tables.decisions.c.id))}
    store.close()
    ages = [
        min(died - moment(line.decision_id) for died in deaths[load.url_of[line.request]]
            if died > moment(line.decision_id) - 0.002)
        for line in load.seen
        if line.decision_id and line.decision_id not in known
    ]  # fmt: skip
    assert max(ages, default=0) < WINDOW_S + LOADED_S
    return {
        "kills": kills,
        "seed": seed,
        "lives_with_requests": sum(boot["last_seq"] > 0 and not boot["clean"] for boot in boots),
        "answered": sum(line.state == "complete" for line in load.seen),
        "cut_off": load.broken,
        "decisions_lost": sum(gap["last"] - gap["first"] + 1 for gap in report["gaps"]),
        "lost_in_silence": report["unexplained"],
        "torn_lines": len(torn),
        "duplicated": report["duplicated"],
        "most_lost_by_one_kill": max(
            (gap["last"] - gap["first"] + 1 for gap in report["gaps"]), default=0
        ),
        "answered_and_lost": report["missing"],
        "oldest_lost_ms": round(1000 * max(ages, default=0)),
        "feedback_acknowledged": sum(bool(line.feedback_id) for line in load.seen),
        "feedback_lost": report["feedback_missing"],
    }


def test_a_killed_gateway_loses_what_it_had_not_written_and_says_so(tmp_path, figures):
    """D-07, shortened; acknowledged feedback is never lost."""
    figures("D-07", **lost_by_kills(tmp_path, 6, 7))


@pytest.mark.nightly
@pytest.mark.timeout(3000)
def test_five_hundred_killed_gateways_lose_nothing_in_silence(tmp_path, figures):
    """D-07"""
    figures("D-07", **lost_by_kills(tmp_path, 500, 11))


@pytest.mark.nightly
@pytest.mark.timeout(1200)
def test_killed_gateways_of_a_postgresql_lose_nothing_in_silence(tmp_path, figures):
    """D-07"""
    with Postgres() as server:
        figures("D-07", postgresql=lost_by_kills(tmp_path, 60, 23, server.url))
