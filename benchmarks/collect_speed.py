"""How fast collecting is, and what it holds in memory.

    python benchmarks/collect_speed.py           # 1,000 calls in flight, 1 s of latency
    python benchmarks/collect_speed.py --resume  # journals of up to 1,000,000 rows: time to go on

One process collects; the upstream is another one on the same machine. Memory is the most that
was resident (VmHWM) in the collecting process.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from routewright.data.journal import Journal  # noqa: E402
from tests.fakes.faulty import faulty_upstream, read_log  # noqa: E402

MODELS = tuple(f"model-{n}" for n in range(10))
WORDS = "the quick brown fox jumps over the lazy dog and runs on through the wide green field "

RESUME = """
import sys, time
from pathlib import Path
from routewright.collect import ANSWERS_FILE, Ledger
from routewright.data.journal import Journal
from routewright.data.prompt_file import load_prompts
from routewright.types import Model
folder = Path(sys.argv[1])
started = time.monotonic()
prompts = load_prompts(folder / "prompts.jsonl")
loaded = time.monotonic()
with Journal(folder / "out" / ANSWERS_FILE, check=False) as journal:
    opened = time.monotonic()
    ledger = Ledger.read(folder / "out", prompts)
    read = time.monotonic()
    missing = ledger.missing([Model(f"model-{n}", "x") for n in range(10)])
    ended = time.monotonic()
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
cpu = time.process_time()
print(loaded - started, opened - loaded, read - opened, ended - read, len(missing), peak, cpu)
"""


def write_job(folder: Path, prompts: int, url: str, in_flight: int) -> list[str]:
    """Prompts and configuration; the command that collects them."""
    with (folder / "prompts.jsonl").open("w") as file:
        for n in range(prompts):
            file.write(json.dumps({"prompt_id": f"p{n}", "prompt": f"prompt {n}: {WORDS * 3}"}))
            file.write("\n")
    config = f'[providers.x]\nkind = "openai"\nbase_url = "{url}"\nmax_concurrency = {in_flight}\n'
    config += "".join(
        f'[models.{name}]\nprovider = "x"\ninput_usd_per_mtok = 1.0\noutput_usd_per_mtok = 4.0\n'
        for name in MODELS
    )
    (folder / "routewright.toml").write_text(config)
    return [
        *(sys.executable, "-m", "routewright.cli.main", "collect", str(folder / "prompts.jsonl")),
        *("--models", ",".join(MODELS), "--yes", "--out", str(folder / "out")),
        *("--config", str(folder / "routewright.toml")),
    ]


def peak_mb(pid: int) -> float:
    """The most memory that was resident so far, in MB; 0 when the process is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    lines = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(lines[0].split()[1]) / 1000 if lines else 0.0


def throughput(cells: int, in_flight: int, latency_s: float) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        log = folder / "upstream.log"
        log.touch()
        with faulty_upstream(log, "--latency-s", str(latency_s), "--times") as url:
            command = write_job(folder, cells // len(MODELS), url, in_flight)
            started = time.monotonic()
            process = subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            peak, cpu_s = 0.0, 0.0
            while process.poll() is None:
                peak = max(peak, peak_mb(process.pid))
                cpu_s = max(cpu_s, cpu_seconds(process.pid))
                time.sleep(0.05)
            took = time.monotonic() - started
            assert process.returncode == 0
        rows, _ = read_log(log)
        per_second = Counter(int(row["at"]) for row in rows if "asked" in row)
        counts = [per_second[second] for second in sorted(per_second)]
        steady = sorted(counts[10:-2])  # after the start, before the last calls
        answers = sum(1 for _ in answer_rows(folder))
        assert answers == cells
        print(f"calls                       {cells}, {in_flight} in flight at most")
        print(f"latency of the upstream     {latency_s:g} s")
        print(f"whole command               {took:.1f} s, {cells / took:.0f} calls/s")
        print(f"sustained, per second       median {steady[len(steady) // 2]}, least {steady[0]}")
        print(f"CPU                         {cpu_s / cells * 1e3:.2f} ms a call")
        print(f"memory, at most             {peak:.0f} MB")


def answer_rows(folder: Path) -> Iterator[dict[str, Any]]:
    for _, row in Journal(folder / "out" / "answers.journal").read(dict[str, Any]):
        if "sent" not in row:
            yield row


def cpu_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resume(rows: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_job(folder, rows // len(MODELS), "http://127.0.0.1:9/v1", 1)
        write_journal(folder, rows)
        size = (folder / "out" / "answers.journal").stat().st_size
        out = subprocess.run(
            [sys.executable, "-c", RESUME, str(folder)], check=True, capture_output=True, text=True
        ).stdout.split()
        prompts, opened, read, missing = map(float, out[:4])
        assert int(out[4]) == 0
        print(
            f"{rows:>9,} answers  {size / 1e6:4.0f} MB   prompts {prompts:5.2f} s   "
            f"open {opened:5.2f} s   read {read:5.2f} s   cells {missing:5.2f} s   "
            f"together {sum(map(float, out[:4])):5.2f} s, CPU {float(out[6]):5.2f} s"
            f"   memory {int(out[5]) / 1000:4.0f} MB",
            flush=True,
        )


def write_journal(folder: Path, rows: int) -> None:
    """As a collection writes it: a row for what is sent, then answers of some 300 characters."""
    batch = 10
    with Journal(folder / "out" / "answers.journal") as journal:
        pending: list[dict[str, Any]] = []
        for n in range(0, rows, batch):
            cells = [(f"p{k // len(MODELS)}", MODELS[k % len(MODELS)]) for k in range(n, n + batch)]
            pending.append({"sent": [(*cell, 0, 0.00134) for cell in cells]})
            pending += [
                {
                    "prompt_id": prompt,
                    "model": model,
                    "text": WORDS * 4,
                    "state": "complete",
                    "usage": {"input_tokens": 70, "output_tokens": 71},
                    "cost_usd": 0.000354,
                    "latency_s": 1.00213,
                    "finish_reason": "stop",
                }
                for prompt, model in cells
            ]
            if len(pending) > 5000:
                journal.append_all(pending)
                pending = []
        journal.append_all(pending)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--cells", type=int, default=40_000)
    parser.add_argument("--in-flight", type=int, default=1000)
    parser.add_argument("--latency-s", type=float, default=1.0)
    given = parser.parse_args()
    if given.resume:
        for rows in (125_000, 250_000, 500_000, 1_000_000):
            resume(rows)
    else:
        throughput(given.cells, given.in_flight, given.latency_s)


if __name__ == "__main__":
    main()
