"""Does collecting keep its promises against an upstream that fails in every way it can?

    python benchmarks/collect_faults.py                # 10,000 cells, faults, one process
    python benchmarks/collect_faults.py --kills 100    # kill -9 at random moments, again and again

The upstream runs in its own process and keeps its own log of what it was asked and what it
charged. What the journal says is compared with that log. ``--forget`` lets the upstream ignore
Idempotency-Key, as many do: then calls can be charged twice, and the bound that the report gives
has to cover them.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from routewright.data.journal import Journal  # noqa: E402
from tests.fakes.faulty import charges_of, faulty_upstream, read_log  # noqa: E402

MODELS = ("small", "medium", "large", "other")
PRICES = {"small": 0.5, "medium": 2.0, "large": 10.0, "other": 1.0}
OUTPUT_FACTOR = 4


@dataclass
class Job:
    """A collection in a folder, and the upstream's log beside it."""

    folder: Path
    prompts: int
    url: str
    log: Path
    timeout_s: float = 2.0
    command: list[str] = field(default_factory=list[str])

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def cells(self) -> int:
        return self.prompts * len(MODELS)

    def write(self) -> None:
        lines = [
            json.dumps({"prompt_id": f"p{n}", "prompt": f"prompt {n}", "max_tokens": 16})
            for n in range(self.prompts)
        ]
        (self.folder / "prompts.jsonl").write_text("\n".join(lines) + "\n")
        config = [
            f'[providers.{name}]\nkind = "openai"\nbase_url = "{self.url}"\n'
            f"max_concurrency = {most}"
            for name, most in (("one", 100), ("two", 30))
        ]
        config += [
            f'[models.{name}]\nprovider = "{"two" if name == "other" else "one"}"\n'
            f"input_usd_per_mtok = {price}\noutput_usd_per_mtok = {price * OUTPUT_FACTOR}"
            for name, price in PRICES.items()
        ]
        (self.folder / "routewright.toml").write_text("\n".join(config) + "\n")
        self.command = [
            *(sys.executable, "-m", "routewright.cli.main", "collect"),
            *(str(self.folder / "prompts.jsonl"), "--models", ",".join(MODELS), "--yes"),
            *("--config", str(self.folder / "routewright.toml"), "--out", str(self.out)),
            *("--timeout-s", str(self.timeout_s)),
        ]

    def run(self) -> str:
        done = subprocess.run(self.command, check=False, capture_output=True, text=True)
        assert "Traceback" not in done.stderr, done.stderr
        return done.stdout + done.stderr

    def answers(self) -> list[dict[str, Any]]:
        return [row for row in Journal(self.out / "answers.journal").rows() if "sent" not in row]

    def answered(self) -> set[str]:
        return {cell_of(row) for row in self.answers() if row["state"] != "failed"}


def cell_of(row: dict[str, Any]) -> str:
    return f"prompt {row['prompt_id'][1:]}|{row['model']}|{row.get('sample', 0)}"


def cost_of(cell: str, tokens: tuple[int, int]) -> float:
    price = PRICES[cell.split("|")[1]]
    return (tokens[0] * price + tokens[1] * price * OUTPUT_FACTOR) / 1e6


def kill_at_random(job: Job, kills: int, seed: int) -> tuple[int, int]:
    """Start and kill -9 so often; the number killed at work, and of answered cells asked again."""
    clock = random.Random(seed)
    killed = again = 0
    for _ in range(kills):
        before = job.answered()
        _, start = read_log(job.log)
        process = subprocess.Popen(
            job.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        # Die a random time after the first call, so that start-up is not what is killed.
        while process.poll() is None and job.log.stat().st_size == start:
            time.sleep(0.002)
        time.sleep(clock.random() * 0.6)
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
        asked = {row["asked"] for row in read_log(job.log, start)[0] if "asked" in row}
        again += len(asked & before)
        assert job.answered() >= before, "a recorded answer was lost"
    return killed, again


def reconcile(job: Job, *, forgets: bool, runs_to_end: int) -> list[str]:
    """Compare the journal with the upstream's own log; the lines of the report.

    Raises:
        AssertionError: a promise was broken.
    """
    rows = job.answers()
    log, _ = read_log(job.log)
    charged = charges_of(log)
    cost = sum(cost_of(r["charged"], r["tokens"]) for r in log if "charged" in r)
    last = {cell_of(row): row for row in rows}
    answered = {cell: row for cell, row in last.items() if row["state"] != "failed"}
    finals = Counter(cell_of(row) for row in rows if row["state"] != "failed")
    folder = json.loads((job.out / "bill.json").read_text())["folder"]
    spent, unsure_usd = folder["spent_usd"], folder["unsure_at_most_usd"]

    assert len(last) == job.cells, f"{job.cells - len(last)} cells ended in no state"
    assert max(finals.values()) == 1, "a cell was answered twice"
    assert not set(answered) - set(charged), "an answer that the upstream never charged"
    unanswered = set(charged) - set(answered)
    assert all(last[cell].get("unsure_calls", 0) for cell in unanswered), (
        "a call was charged, has no answer, and is not counted as unsure"
    )
    extra = sum(charged.values()) - len(answered)
    assert extra <= folder["unsure_calls"], "more was charged than is known or counted as unsure"
    assert cost <= spent + unsure_usd + 1e-9, "the bound does not cover the bill"
    if not forgets:
        assert max(charged.values()) == 1, "a call was charged twice"
        assert extra == len(unanswered)
    exact = {cell for cell, row in answered.items() if "note" not in row}
    known = sum(answered[cell]["cost_usd"] for cell in exact)
    told = {r["charged"]: cost_of(r["charged"], r["tokens"]) for r in log if "charged" in r}
    assert abs(known - sum(told[cell] for cell in exact)) < 1e-9, "a cost is not what was charged"

    states = Counter(row["state"] for row in last.values())
    faults = Counter(row["fault"] or "served" for row in log if "asked" in row)
    twice = sum(count - 1 for count in charged.values())
    return [
        f"cells                            {job.cells}, each in exactly one state: "
        + ", ".join(f"{count} {state}" for state, count in sorted(states.items())),
        f"calls the upstream was asked     {sum(faults.values())}: "
        + ", ".join(f"{count} {name}" for name, count in faults.most_common()),
        f"calls the upstream charged       {sum(charged.values())}; charged again: {twice}",
        f"answers in the journal           {len(answered)}, every one charged once or, where the "
        "upstream forgets, covered below",
        f"charged and not answered         {len(unanswered)} cells, all counted as unsure",
        f"unsure calls, by the report      {folder['unsure_calls']}, at most ${unsure_usd:.6f}",
        f"upstream's bill                  ${cost:.6f} <= ${spent:.6f} known + ${unsure_usd:.6f}",
        f"cost of {len(exact)} answers with usage that can be: ${known:.6f}, as the upstream says",
        f"runs that were let end           {runs_to_end}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--forget", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    options = ["--faults", "--seed", str(given.seed), *(["--forget"] if given.forget else [])]
    if given.kills:
        options += ["--latency-s", "0.02"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        log = folder / "upstream.log"
        log.touch()
        with faulty_upstream(log, *options) as url:
            job = Job(folder, given.cells // len(MODELS), url, log)
            job.write()
            started = time.monotonic()
            if given.kills:
                killed, again = kill_at_random(job, given.kills, given.seed)
                print(f"kill -9                          {killed} of {given.kills} at work")
                print(f"answered cells asked again       {again}")
                assert again == 0
            told = job.run()
            ends = 1
            while "budget" not in told and len({*map(cell_of, job.answers())}) < job.cells:
                told = job.run()  # an account was given up: as a user would, go on
                ends += 1
            for line in reconcile(job, forgets=given.forget, runs_to_end=ends):
                print(line)
            print(f"honours Idempotency-Key          {not given.forget}")
            print(f"seconds                          {time.monotonic() - started:.0f}")
            print("the last run said:")
            print("    " + told.replace(str(folder), "…").strip().replace("\n", "\n    "))


if __name__ == "__main__":
    main()
