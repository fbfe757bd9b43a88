"""What SIGTERM does to running requests, and what short memory and few descriptors do to all."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import aiohttp
import pytest

from routewright.data.journal import Journal
from tests.fakes.chaos import Chaos
from tests.fakes.gateway import Served
from tests.promises.test_gateway import ENV, gateway_process, write_config

# Hundreds of streams begin at once, which may take a busy machine longer than two seconds.
PATIENT = 'default_model = "cheap"\n[gateway.timeouts]\nconnect_s = 30'


@pytest.fixture(scope="module")
def chaos() -> Iterator[Chaos]:
    with Chaos() as running:
        yield running


async def stream(session: aiohttp.ClientSession, url: str, text: str) -> tuple[int, bytes]:
    body = {"model": "cheap", "stream": True, "messages": [{"role": "user", "content": text}]}
    async with session.post(f"{url}/v1/chat/completions", json=body) as reply:
        return reply.status, await reply.read()


@contextlib.asynccontextmanager
async def clients() -> Generator[aiohttp.ClientSession]:
    limits = aiohttp.ClientTimeout(total=120)
    async with aiohttp.ClientSession(
        timeout=limits, connector=aiohttp.TCPConnector(limit=0)
    ) as session:
        yield session


def resident_kb(pid: int) -> int:
    told = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+)", told)[0])


@pytest.mark.parametrize("streams", [200, pytest.param(500, marks=pytest.mark.nightly)])
def test_running_streams_end_whole_after_sigterm(chaos, tmp_path, figures, streams):
    """D-05: none is cut within the grace, each has its row, and nothing new is taken on."""
    write_config(tmp_path, chaos.url, 'default_model = "cheap"\ndecisions = "rows"')

    async def run(process: subprocess.Popen[str], url: str) -> list[tuple[int, bytes]]:
        async with clients() as session:
            asked = [
                asyncio.create_task(stream(session, url, f"[[say n={streams // 10 + 10} gap=0.1]]"))
                for _ in range(streams)
            ]
            await asyncio.sleep(streams / 130)  # until each has begun
            process.send_signal(signal.SIGTERM)
            await asyncio.sleep(0.3)
            port = int(url.rpartition(":")[2])
            with pytest.raises(OSError):  # noqa: PT011  # refused: nobody listens
                await asyncio.open_connection("127.0.0.1", port)
            return await asyncio.gather(*asked)

    with gateway_process(cwd=tmp_path) as (process, url, _):
        answers = asyncio.run(run(process, url))
        assert process.wait(35) == 0
    whole = sum(status == 200 and b"[DONE]" in body for status, body in answers)
    states = [row["state"] for row in Journal(tmp_path / "rows").rows()]
    figures("D-05", streams=streams, cut=streams - whole, rows_missing=streams - len(states))
    assert whole == streams
    assert states == ["complete"] * streams


def test_streams_of_any_length_pass_in_constant_memory(chaos, tmp_path):
    """L-06, shortened."""
    assert grown_kb(chaos, tmp_path, streams=4, events=1000) <= 20 * 1024


@pytest.mark.nightly
def test_ten_streams_of_fifty_megabytes(chaos, tmp_path, figures):
    """L-06."""
    grown = grown_kb(chaos, tmp_path, streams=10, events=6400)
    figures("L-06", streams=10, megabytes_each=50, rss_grown_mb=round(grown / 1024, 1))
    assert grown <= 20 * 1024


def grown_kb(chaos: Chaos, folder: Path, *, streams: int, events: int) -> int:
    """How much the gateway's memory grows over streams of 8 kB events, at its highest."""
    write_config(folder, chaos.url, 'default_model = "cheap"')
    peak = 0

    async def read(session: aiohttp.ClientSession, url: str, n: int) -> int:
        text = f"[[say n={n} size=8192]]"
        body = {"model": "cheap", "stream": True, "messages": [{"role": "user", "content": text}]}
        async with session.post(f"{url}/v1/chat/completions", json=body) as reply:
            return sum([len(piece) async for piece in reply.content.iter_any()])

    async def run(url: str, pid: int) -> int:
        nonlocal peak
        async with clients() as session:
            await asyncio.gather(*(read(session, url, 50) for _ in range(streams)))
            before = resident_kb(pid)
            reading = [asyncio.create_task(read(session, url, events)) for _ in range(streams)]
            while not all(task.done() for task in reading):
                peak = max(peak, resident_kb(pid))
                await asyncio.sleep(0.02)
        assert min(task.result() for task in reading) > events * 8192
        return before

    with gateway_process(cwd=folder) as (process, url, _):
        return -asyncio.run(run(url, process.pid)) + peak


@pytest.mark.nightly
def test_five_hundred_streams_at_once_in_little_memory(chaos, tmp_path, figures):
    """L-03: 200 words at 50 a second; every one whole and in order, 60 kB a stream at most."""
    write_config(tmp_path, chaos.url, PATIENT)
    peak = before = 0

    async def run(url: str, pid: int) -> list[tuple[int, bytes]]:
        nonlocal peak, before
        async with clients() as session:
            await stream(session, url, "hello")
            before = resident_kb(pid)
            asked = [
                asyncio.create_task(stream(session, url, "[[say n=200 gap=0.02]]"))
                for _ in range(500)
            ]
            while not all(task.done() for task in asked):
                peak = max(peak, resident_kb(pid))
                await asyncio.sleep(0.1)
            return [task.result() for task in asked]

    with gateway_process(cwd=tmp_path) as (process, url, _):
        answers = asyncio.run(run(url, process.pid))
    in_order = [
        [int(k) for k in re.findall(rb"word(\d+) ", body)] == list(range(200))
        for _, body in answers
    ]
    a_stream_kb = (peak - before) / 500
    figures("L-03", streams=500, out_of_order=in_order.count(False), rss_mb=round(peak / 1024),
            rss_kb_a_stream=round(a_stream_kb, 1))  # fmt: skip
    assert all(in_order)
    assert peak <= 150 * 1024 + 60 * 500


def test_beyond_its_bound_a_worker_refuses_and_recovers(chaos, tmp_path):
    """D-12, D-13: those it took on are answered, the others told when to come back."""
    write_config(tmp_path, chaos.url, 'default_model = "cheap"\nmax_in_flight = 16')

    async def run(url: str) -> list[tuple[int, bytes]]:
        async with clients() as session:
            return await asyncio.gather(
                *(stream(session, url, "[[say n=15 gap=0.1]]") for _ in range(60))
            )

    with gateway_process(cwd=tmp_path) as (_, url, _):
        answers = asyncio.run(run(url))
        assert Served(url, None).chat("hello").status == 200
    whole = [status == 200 and b"[DONE]" in body for status, body in answers]
    refused = [body for status, body in answers if status == 503]
    assert sum(whole) >= 16
    assert sum(whole) + len(refused) == 60
    assert all(b'"code":"overloaded"' in body for body in refused)


def in_little_memory(chaos: Chaos, folder: Path, streams: int, words: int) -> dict[str, int]:
    """So many streams through a gateway that may have 256 MB of data; it must live on."""
    write_config(folder, chaos.url, PATIENT)

    async def run(url: str) -> list[tuple[int, bytes]]:
        async with clients() as session:
            asked = (stream(session, url, f"[[say n={words} gap=0.02]]") for _ in range(streams))
            return await asyncio.gather(*asked)

    limit = ["prlimit", f"--data={256 << 20}", "--"]
    with gateway_process(cwd=folder, before=limit) as (process, url, _):
        answers = asyncio.run(run(url))
        used = int(
            re.findall(r"VmData:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())[0]
        )
        assert Served(url, None).chat("hello").status == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    whole = sum(status == 200 and b"[DONE]" in body for status, body in answers)
    refused = sum(status == 503 and b'"code":"overloaded"' in body for status, body in answers)
    assert whole + refused == streams
    assert whole >= streams // 2
    return {"streams": streams, "whole": whole, "refused": refused, "data_mb": used >> 10}


@pytest.mark.skipif(shutil.which("prlimit") is None, reason="util-linux has prlimit")
def test_little_memory_is_enough(chaos, tmp_path):
    """D-12, shortened."""
    in_little_memory(chaos, tmp_path, 40, 10)


@pytest.mark.nightly
@pytest.mark.skipif(shutil.which("prlimit") is None, reason="util-linux has prlimit")
def test_half_the_streams_in_little_memory(chaos, tmp_path, figures):
    """D-12: 256 MB at half of L-03."""
    figures("D-12", limit_mb=256, killed=0, **in_little_memory(chaos, tmp_path, 250, 200))


def test_with_few_descriptors_it_survives_many_clients(chaos, tmp_path):
    """D-13: 256 descriptors, 400 clients; afterwards it answers as before."""
    write_config(tmp_path, chaos.url, 'default_model = "cheap"')
    process = subprocess.Popen(
        [sys.executable, "-m", "routewright.cli.main", "serve"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=ENV,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256)),  # noqa: PLW1509
    )
    try:
        assert process.stdout
        url = next(line.split()[2] for line in process.stdout if line.startswith("listening"))
        port = int(url.rpartition(":")[2])
        held: list[socket.socket] = []
        for _ in range(400):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
            held.append(client)
        time.sleep(1.0)
        spent_s = _cpu_s(process.pid)
        time.sleep(1.0)
        assert _cpu_s(process.pid) - spent_s <= 0.5  # it waits, rather than trying all the time
        for client in held:
            client.close()
        over = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError):
                if Served(url, None).chat("hello").status == 200:
                    break
            assert time.monotonic() < over
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(35) == 0
    finally:
        process.kill()
        process.communicate()


def _cpu_s(pid: int) -> float:
    told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")
