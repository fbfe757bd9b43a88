"""Several workers on one port: what happens when one dies, all end, or the parent is gone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.gateway import Served
from tests.fakes.upstream import Hang, Say, Upstream
from tests.promises.test_gateway import CHAT, gateway_process, routewright, write_config


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


def children(pid: int) -> set[int]:
    told = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return {int(child) for child in told.split()}


def wait_for(condition, seconds=20.0) -> None:
    over = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < over
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


def test_a_scrape_adds_up_all_workers_and_forgets_no_count_of_a_dead_one(upstream, tmp_path):
    write_config(tmp_path, upstream.url, 'default_model = "cheap"\nworkers = 2')
    ended = (
        'routewright_requests_total{model="cheap",route="/v1/chat/completions",state="complete"}'
    )

    def told(name: str) -> float:
        body = running.request("GET", "/metrics").body.decode()
        lines = [line for line in body.splitlines() if line.startswith(name + " ")]
        return float(lines[0].split()[-1]) if lines else 0.0

    with gateway_process(cwd=tmp_path) as (process, url, _):
        running = Served(url, None)
        for _ in range(20):
            assert running.chat("hello").status == 200
        assert [told(ended) for _ in range(8)] == [20.0] * 8
        wait_for(lambda: told("routewright_workers_ready") == 2)
        victim = min(children(process.pid))
        os.kill(victim, signal.SIGKILL)
        # Until the parent has heard of it, the dead one stands among its children.
        wait_for(lambda: len(children(process.pid) - {victim}) == 2)
        wait_for(lambda: told("routewright_workers_ready") == 2)
        assert told(ended) == 20
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_a_worker_that_dies_is_replaced_and_the_port_stays_open(upstream, tmp_path):
    """Requests are answered throughout; those that waited for the dead one wait for the next."""
    write_config(tmp_path, upstream.url, 'default_model = "cheap"\nworkers = 2')
    with gateway_process(cwd=tmp_path) as (process, url, _):
        running = Served(url, None)
        before = children(process.pid)
        assert len(before) == 2
        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        for _ in range(20):
            assert running.chat("hello").status == 200
        wait_for(lambda: len(children(process.pid) - {victim}) == 2)
        assert victim not in children(process.pid)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert f"worker {victim} ended with -9" in process.stderr.read()


def test_nobody_waits_for_a_worker_that_is_made_to_wait(upstream, tmp_path):
    """One that keeps dying young is followed by another only after a pause: till then its
    siblings get all connections, and afterwards it gets its share."""
    write_config(tmp_path, upstream.url, 'default_model = "cheap"\nworkers = 2')
    with gateway_process(cwd=tmp_path) as (process, url, _):
        running = Served(url, None)
        (steady, _) = sorted(children(process.pid))
        for _ in range(2):  # after the second the pause is two seconds
            wait_for(lambda: len(children(process.pid)) == 2)
            (victim,) = children(process.pid) - {steady}
            os.kill(victim, signal.SIGKILL)
            wait_for(lambda: children(process.pid) == {steady})
        for _ in range(12):
            assert running.chat("hello").status == 200
        assert children(process.pid) == {steady}
        wait_for(lambda: len(children(process.pid)) == 2)
        (successor,) = children(process.pid) - {steady}
        os.kill(steady, signal.SIGKILL)
        for _ in range(6):
            assert running.chat("hello").status == 200
        assert successor in children(process.pid)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_sigterm_drains_the_streams_of_every_worker(upstream, tmp_path):
    """D-05: with several workers."""
    upstream.says["cheap"] = lambda request: Say("one two three four five six", gap_s=0.15)
    write_config(tmp_path, upstream.url, 'default_model = "cheap"')
    with gateway_process("--workers", "2", cwd=tmp_path) as (process, url, _):
        bodies: list[bytes] = []

        def read() -> None:
            bodies.append(Served(url, None).chat("hello", stream=True).body)

        threads = [threading.Thread(target=read) for _ in range(12)]
        for thread in threads:
            thread.start()
        for _ in threads:
            assert upstream.arrived.acquire(timeout=20)
        process.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join(30)
        assert process.wait(30) == 0
    assert [b"[DONE]" in body for body in bodies] == [True] * 12


def test_a_second_sigterm_ends_every_worker_at_once(upstream, tmp_path):
    """D-05."""
    upstream.script["cheap"] = [Hang(1)]
    write_config(tmp_path, upstream.url, 'default_model = "cheap"')
    body = json.dumps(
        {"model": "auto", "stream": True, "messages": [{"role": "user", "content": "x"}]}
    ).encode()
    with (
        gateway_process("--workers", "2", cwd=tmp_path) as (process, url, _),
        urllib.request.urlopen(f"{url}{CHAT}", body, timeout=60) as reply,  # noqa: S310
    ):
        reply.readline()
        process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def test_workers_do_not_outlive_a_parent_that_was_killed(upstream, tmp_path):
    write_config(tmp_path, upstream.url, 'default_model = "cheap"\nworkers = 2')
    with gateway_process(cwd=tmp_path) as (process, _, _):
        workers = children(process.pid)
        process.kill()
        process.wait(10)
        wait_for(lambda: not any(alive(worker) for worker in workers))


def test_sighup_reloads_every_worker(upstream, tmp_path):
    """A-03."""
    path = write_config(tmp_path, upstream.url, 'default_model = "cheap"\nworkers = 2')
    with gateway_process(cwd=tmp_path) as (process, url, _):
        running = Served(url, None)
        path.write_text(path.read_text().replace('"cheap"', '"strong"', 1))
        process.send_signal(signal.SIGHUP)

        def everywhere() -> bool:  # new connections: 16 of them reach both workers
            told = [running.chat("hello").headers["x-routewright-model"] for _ in range(16)]
            return set(told) == {"strong"}

        wait_for(everywhere)


def test_what_no_worker_can_start_with_is_one_line_and_exit_code_2(upstream, tmp_path):
    write_config(tmp_path, upstream.url, 'default_model = "cheap"\ndecisions = "rows"')
    said = routewright("serve", "--workers", "2", cwd=tmp_path)
    assert said.returncode == 2
    assert "one journal has one writer" in said.stderr
    assert said.stderr.count("\n") == 1
