"""Is a job on a Ray cluster, one of whose workers is killed, the job of one process?

    python benchmarks/ray_job.py                 # 2,000 prompts, 2 models and a judge
    python benchmarks/ray_job.py --prompts 40    # a small one

The same prompts are collected and judged twice: in one process, and on a local cluster with two
workers. In the middle of asking and again in the middle of judging one worker is killed (SIGKILL).
Answers, grades, routing data and costs are compared; what was charged is counted in the log of the
upstream, which honours Idempotency-Key.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from routewright.data.journal import Journal  # noqa: E402
from tests.fakes.grading import GradingUpstream  # noqa: E402

MODELS = ("small", "large")
JUDGE = "grader"
VOLATILE = ("latency_s",)  # what the clock says; all else must be the same to the last bit


@dataclass
class Job:
    """One run of the whole job, in a folder of its own, against an upstream of its own."""

    folder: Path
    prompts: int
    upstream: GradingUpstream
    on: Sequence[str] = ()
    in_flight: int = 32

    def write(self) -> None:
        self.folder.mkdir()
        with (self.folder / "prompts.jsonl").open("w") as file:
            for n in range(self.prompts):
                verified = {"grader": "numeric", "reference": str(n % 7)} if n % 2 else {}
                row = {"prompt_id": f"p{n}", "prompt": f"prompt {n}", "max_tokens": 32, **verified}
                file.write(json.dumps(row) + "\n")
        config = f'[providers.x]\nkind = "openai"\nbase_url = "{self.upstream.url}"\n'
        config += f'api_key_env = "RAY_JOB_KEY"\nmax_concurrency = {self.in_flight}\n'
        for n, name in enumerate((*MODELS, JUDGE)):
            config += f'[models.{name}]\nprovider = "x"\ninput_usd_per_mtok = {n + 0.1}\n'
            config += f"output_usd_per_mtok = {4.3 * (n + 1)}\n"
        (self.folder / "routewright.toml").write_text(config)

    def run(self, kill_at: int = 0) -> list[int]:
        """Collect, then judge; the process ids of the workers that were killed."""
        config = ["--config", str(self.folder / "routewright.toml"), *self.on]
        out = str(self.folder / "out")
        collect = ["collect", str(self.folder / "prompts.jsonl"), "--models", ",".join(MODELS)]
        killed: list[int] = []
        for verb in ([*collect, "--yes", "--out", out], ["judge", out, "--judge", JUDGE]):
            killed += self._verb([*verb, *config], kill_at)
        return killed

    def _verb(self, arguments: Sequence[str], kill_at: int) -> list[int]:
        self.upstream.answered = 0
        process = subprocess.Popen(
            [sys.executable, "-m", "routewright.cli.main", *arguments],
            env={**os.environ, "RAY_JOB_KEY": "a-key-of-this-job-alone"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        killed: list[int] = []
        killer = threading.Thread(target=self._kill, args=(process, kill_at, killed))
        killer.start()
        said, _ = process.communicate()
        killer.join()
        assert process.returncode == 0, said
        assert "a-key-of-this-job-alone" not in said
        return killed

    def _kill(self, process: subprocess.Popen[str], at: int, killed: list[int]) -> None:
        """Once so many calls were answered, kill a worker below that process."""
        pid = 0
        while at and process.poll() is None:
            if self.upstream.answered and not pid:
                pid = next(iter(workers_of(process.pid)), 0)
            if self.upstream.answered >= at and pid:
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)
                return
            time.sleep(0.005)

    def answers(self) -> list[dict[str, Any]]:
        journal = Journal(self.folder / "out" / "answers.journal")
        rows = [row for row in journal.rows() if "sent" not in row]
        return [row for row in rows if row["state"] != "failed"]

    def grades(self) -> list[dict[str, Any]]:
        return Journal(self.folder / "out" / "grades.journal").rows()


def workers_of(root: int) -> list[int]:
    """The processes of Worker actors that descend from a process."""
    parents: dict[int, int] = {}
    names: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
                names[int(entry.name)] = (entry / "cmdline").read_text()
            except OSError:
                continue
            parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
    found: list[int] = []
    for pid, name in names.items():
        if name.startswith("ray::Worker"):
            above = pid
            while above > 1 and above != root:
                above = parents.get(above, 0)
            if above == root:
                found.append(pid)
    return sorted(found)


def steady(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows in the order of their cells, without what the clock says and what a death leaves.

    A cell whose worker was killed says so itself, beside its answer: ``unsure_*``.
    """
    dropped = (*VOLATILE, "unsure_calls", "unsure_usd")
    kept = [{k: v for k, v in row.items() if k not in dropped} for row in rows]
    return sorted(kept, key=lambda row: (row["prompt_id"], row["model"], row.get("judge", "")))


def same(one: Job, other: Job) -> list[str]:
    """Compare two runs; the lines of the report.

    Raises:
        AssertionError: they differ.
    """
    import polars as pl

    cells = one.prompts * len(MODELS)
    assert len(one.answers()) == len(other.answers()) == cells
    assert steady(one.answers()) == steady(other.answers()), "answers differ"
    assert steady(one.grades()) == steady(other.grades()), "grades differ"
    compared: list[str] = []
    for path in sorted((one.folder / "out").glob("*.parquet")):
        ours, theirs = pl.read_parquet(path), pl.read_parquet(other.folder / "out" / path.name)
        clock = [name for name in ours.columns if "latenc" in name or name == "latency_s"]
        # Rows of answers stand in the order in which they came: that is the clock's too.
        order = [name for name in ("prompt_id", "model") if name in ours.columns]
        kept = [table.drop(clock).sort(order) for table in (ours, theirs)]
        assert kept[0].equals(kept[1]), f"{path.name} differs: {kept}"
        compared.append(path.name)
    assert compared
    spent = [sum(row["cost_usd"] for row in steady(job.answers())) for job in (one, other)]
    assert spent[0] == spent[1]
    return [
        f"answers                     {cells}, equal in every field but latency_s",
        f"grades of the judge         {len(one.grades())}, equal in every field",
        f"routing data                {', '.join(compared)}: equal but for latencies",
        f"cost                        ${spent[0]:.9f} and ${spent[1]:.9f}",
    ]


def paid_once(job: Job) -> list[str]:
    """Compare the journal with the upstream's log."""
    charged, asked = job.upstream.charged, job.upstream.asked
    answered = {
        f"{row['prompt_id'].replace('p', 'prompt ')}|{row['model']}" for row in job.answers()
    }
    collected = Counter({cell: n for cell, n in charged.items() if not cell.endswith(JUDGE)})
    assert set(collected) == answered, "what was charged is not what was answered"
    assert max(collected.values()) == 1, "a call was charged twice"
    again = sum(count - 1 for cell, count in asked.items() if not cell.endswith(JUDGE))
    unsure = sum(row.get("unsure_calls", 0) for row in job.answers())
    assert again <= unsure, "a call was asked again without being counted"
    judged = {cell: n for cell, n in asked.items() if cell.endswith(JUDGE)}
    return [
        f"charged for answers         {sum(collected.values())}, none twice; asked again {again}, "
        f"counted as unsure {unsure}",
        f"asked of the judge          {sum(judged.values())} for {len(job.grades())} grades",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=2000)
    parser.add_argument("--latency-s", type=float, default=0.05)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        runs: list[Job] = []
        for where, on in (("one", ()), ("ray", ("--on", "ray", "--workers", "2"))):
            with GradingUpstream(latency_s=given.latency_s, judge=JUDGE) as upstream:
                job = Job(Path(name) / where, given.prompts, upstream, on)
                job.write()
                started = time.monotonic()
                killed = job.run(kill_at=given.prompts // 2 if on else 0)
                took = time.monotonic() - started
            runs.append(job)
            print(f"{where:<27} {took:.0f} s, workers killed: {len(killed)}", flush=True)
            if on:
                assert len(killed) == 2, "nothing was killed: the run proves nothing"
        for line in (*same(*runs), *paid_once(runs[1])):
            print(line)


if __name__ == "__main__":
    main()
