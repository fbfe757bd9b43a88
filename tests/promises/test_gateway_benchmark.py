"""The benchmark of the gateway measures what it says, and names what it could not measure."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.gateway import bars
from benchmarks.gateway.bars import Bar
from benchmarks.gateway.bench import Point, TroubleError, bench
from benchmarks.gateway.gateways import Gateway
from benchmarks.gateway.shares import can_share, shares

needs_gcc = pytest.mark.skipif(not shutil.which("gcc"), reason="gcc is not installed")


@pytest.fixture
def made():
    with bench() as opened:
        yield opened


def test_a_bar_is_met_or_says_by_how_much_it_is_missed():
    within = Bar("CPU", 1 / 50, 1 / 40, goal=1 / 100)
    assert within.verdict(within.bar) == "met"
    assert within.verdict(1 / 100) == "missed: 2 times as much"
    assert within.told(1 / 40) == "1/40"
    short = Bar("throughput", 1.35, 1.8, unit="", least=True)
    assert short.verdict(short.bar) == "missed: 75% of it"
    assert Bar("answers that broke off", 2, 0, unit="").verdict(0) == "missed"
    lines = bars.table([within, Bar("latency", None, 3, unit="ms")])
    assert lines[2] == "| CPU | 1/50 | ≤ 1/40 | met | 1/100 | missed: 2 times as much |"
    assert lines[3] == "| latency | – | ≤ 3 ms | not measured |  |  |"


@needs_gcc
def test_a_rival_that_does_not_start_is_reported_with_its_logs_last_lines(made):
    says = "import sys; sys.exit('no key is set')"
    rival = Gateway("rival", 1, (sys.executable, "-c", says))
    with pytest.raises(TroubleError, match="ended; its log ends:\nno key is set"):
        made.start(rival)
    with pytest.raises(TroubleError, match="cannot be run"):
        made.start(Gateway("half installed", 1, ("/nowhere/bin/rival",)))


@needs_gcc
def test_a_gateway_that_is_gone_is_trouble_and_not_a_figure(made):
    with pytest.raises(TroubleError, match="cannot be reached any more"):
        made.load(Gateway("gone", 1), 1, None, Point(1, streamed=False, seconds=0.1))


@needs_gcc
def test_every_request_that_begins_is_counted_once_however_it_ends(made, tmp_path):
    kinds = ("", "[fail] ", "[refuse] ", "[leave] ")
    asked = tmp_path / "bodies.jsonl"
    lines = (
        {"messages": [{"role": "user", "content": f"{kind}r000000000"}], "stream": kind != ""}
        for kind in kinds
    )
    asked.write_text("".join(json.dumps(line) + "\n" for line in lines))
    gateway = Gateway("direct", made.port)
    before = made.set(4, 1_000)
    command = made.command(gateway, made.port, clients=4, seconds=60)
    command[1:1] = ["-n", "400"]
    said = subprocess.run([*command, str(asked)], capture_output=True, check=True, timeout=60)
    told, after = json.loads(said.stdout), made.set(4, 1_000)
    assert (told["begun"], told["broken"]) == (400, 0)
    assert (told["answered"], told["refused"], told["left"]) == (100, 200, 100)
    assert after.calls - before.calls == 400
    assert after.failed - before.failed == 200


def test_a_process_with_a_part_of_a_core_takes_no_more():
    if not can_share():
        pytest.skip("this system does not limit processes by control groups")
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        with shares([busy.pid], 0.2):
            before, began = cpu_s(busy.pid), time.monotonic()
            time.sleep(1.0)
            part = (cpu_s(busy.pid) - before) / (time.monotonic() - began)
        assert part < 0.3
        assert not list(Path("/sys/fs/cgroup/cpu").glob("routewright-benchmark-*"))
    finally:
        busy.kill()
        busy.wait()


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
