"""One command: artefact, fake upstream, gateways, load, table.

python -m benchmarks.gateway [--rounds 3] [--seconds 4] [--only ours,nginx] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from benchmarks.gateway.artefact import make, texts
from benchmarks.gateway.gateways import Gateway, installed

HERE = Path(__file__).parent
RESULTS = HERE.parent / "results" / "gateway.md"
UPSTREAM = 19001
# name: clients, streamed
POINTS = {"whole, c=1": (1, False), "whole, c=16": (16, False), "streamed, c=64": (64, True)}
TICKS = os.sysconf("SC_CLK_TCK")


def build(folder: Path) -> None:
    """The two C programs, the bodies and the artefact."""
    for name in ("upstream", "load"):
        source = str(HERE / "rig" / f"{name}.c")
        subprocess.run(["gcc", "-O2", "-o", str(folder / name), source], check=True)  # noqa: S607
    make(folder / "artefact")


def bodies(folder: Path, model: str, streamed: bool) -> Path:
    """A file of 3,000 different requests of about 1.2 kB."""
    path = folder / f"bodies-{model.replace(':', '-')}-{streamed}.jsonl"
    with path.open("w") as file:
        for text in texts(3_000, 1_000, 5):
            system = {"role": "system", "content": "You are a helpful assistant."}
            asked = [system, {"role": "user", "content": text}]
            body: dict[str, Any] = {"model": model, "messages": asked, "max_tokens": 300}
            file.write(json.dumps(body | ({"stream": True} if streamed else {})) + "\n")
    return path


def family(pid: int) -> list[int]:
    """A process and all that it started."""
    found = [pid]
    for parent in found:
        try:
            tasks = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        except OSError:
            continue
        found += map(int, tasks)
    return found


def cpu_s(pid: int) -> float:
    """User and system seconds of a family so far."""
    spent = 0
    for member in family(pid):
        try:
            fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        spent += int(fields[11]) + int(fields[12])
    return spent / TICKS


def memory_mb(pid: int) -> float:
    """Resident memory of a family."""
    pages = 0
    for member in family(pid):
        try:
            pages += int(Path(f"/proc/{member}/statm").read_text().split()[1])
        except OSError:
            continue
    return pages * resource.getpagesize() / 2**20


def wait_ready(gateway: Gateway, body: bytes, limit_s: float = 180) -> float:
    """Seconds until the gateway answers its first request."""
    began = time.monotonic()
    url = f"http://127.0.0.1:{gateway.port}{gateway.path}"
    headers = {"content-type": "application/json", **gateway.headers}
    while time.monotonic() - began < limit_s:
        try:
            with urllib.request.urlopen(  # loopback
                urllib.request.Request(url, body, headers), timeout=20
            ) as answer:
                if b"choices" in answer.read():
                    return time.monotonic() - began
        except OSError:
            pass
        time.sleep(0.02)
    raise SystemExit(f"{gateway.name} does not answer; see its log")


def load(folder: Path, gateway: Gateway, point: str, seconds: float) -> dict[str, Any]:
    """One measurement."""
    clients, streamed = POINTS[point]
    file = folder / f"bodies-{gateway.model.replace(':', '-')}-{streamed}.jsonl"
    command = [str(folder / "load"), str(gateway.port), gateway.path, str(clients), str(seconds)]
    extra = [f"{name}: {value}" for name, value in gateway.headers.items()]
    before = cpu_s(gateway.pid) if gateway.pid else 0.0
    said = subprocess.run([*command, str(file), *extra], check=True, capture_output=True, text=True)
    told = json.loads(said.stdout)
    spent = (cpu_s(gateway.pid) if gateway.pid else 0.0) - before
    told["cpu_ms"] = 1000 * spent / max(told["answered"], 1)
    return told


def table(told: dict[tuple[str, str], list[dict[str, Any]]], facts: dict[str, str]) -> str:
    """CPU milliseconds a request, and latency added to the upstream's own."""
    lines = ["| gateway | point | CPU ms: min / median | added p50, p99 ms | errors |"]
    lines.append("|---|---|---|---|---|")
    for (name, point), runs in told.items():
        if name == "direct":
            continue
        cpu = sorted(run["cpu_ms"] for run in runs)
        direct = told["direct", point]
        added = [
            (statistics.median(r[key] for r in runs) - statistics.median(r[key] for r in direct))
            / 1000
            for key in ("first_p50_us", "first_p99_us")
        ]
        errors = sum(run["errors"] for run in runs)
        figures = f"{cpu[0]:.3f} / {statistics.median(cpu):.3f} | {added[0]:.2f}, {added[1]:.2f}"
        lines.append(f"| {name} | {point} | {figures} | {errors} |")
    return "\n".join([*lines, "", *(f"- {name}: {fact}" for name, fact in facts.items()), ""])


def start(folder: Path, gateway: Gateway, running: list[subprocess.Popen[bytes]]) -> str:
    """Start one, wait for its first answer, and warm it up; how long it took."""
    whole = bodies(folder, gateway.model, streamed=False)
    bodies(folder, gateway.model, streamed=True)
    if gateway.command:
        log = (folder / f"{gateway.name}.log").open("wb")
        env = {**os.environ, **gateway.env}
        process = subprocess.Popen(gateway.command, stdout=log, stderr=log, env=env)
        running.append(process)
        gateway.pid = process.pid
    ready_s = wait_ready(gateway, whole.read_bytes().partition(b"\n")[0])
    load(folder, gateway, "whole, c=16", 1)
    return f"ready after {ready_s:.2f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--only", default="", help="gateways, with commas")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    only = {name for name in given.only.split(",") if name}
    running: list[subprocess.Popen[bytes]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build(folder)
        upstream = [str(folder / "upstream"), str(UPSTREAM), "32", "20"]
        running.append(subprocess.Popen(upstream))
        gateways = [g for g in installed(folder, UPSTREAM) if not only or g.name in only]
        gateways.insert(0, Gateway("direct", UPSTREAM, []))
        facts: dict[str, str] = {}
        try:
            for gateway in gateways:
                facts[gateway.name] = start(folder, gateway, running)
            told: dict[tuple[str, str], list[dict[str, Any]]] = {}
            for _ in range(given.rounds):
                for point in POINTS:
                    for gateway in gateways:
                        run = load(folder, gateway, point, given.seconds)
                        told.setdefault((gateway.name, point), []).append(run)
                        print(gateway.name, point, run, flush=True)
            for gateway in gateways:
                if gateway.pid:
                    facts[gateway.name] += f", {memory_mb(gateway.pid):.0f} MB after the load"
        finally:
            for process in reversed(running):
                process.terminate()
            for process in running:
                process.wait(30)
    text = table(told, facts)
    given.out.write_text(f"# The gateway and its rivals\n\n{text}")
    print(text)


if __name__ == "__main__":
    sys.exit(main())
