"""How long and how dear is a job of up to ten million prompts on a cluster?

    python benchmarks/ray_scaling.py --measure   # CPU a call costs coordinator and workers, here
    python benchmarks/ray_scaling.py             # the table, by simulation from those figures

The simulation follows single calls: the coordinator (one process, one call at a time) notes and
journals each, a worker (likewise) makes it, the provider answers after its latency. An account
takes so many calls in flight and so many a minute; a call beyond that waits, as ``collect`` has it
wait. The rate in the middle of a window of calls is what is carried over to the whole job.
"""

from __future__ import annotations

import argparse
import heapq
import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.collect_speed import cpu_seconds, write_job  # noqa: E402
from benchmarks.ray_job import workers_of  # noqa: E402
from tests.fakes.faulty import faulty_upstream  # noqa: E402

# As measured with --measure (results/ray_scaling.txt), in seconds of CPU a call.
COORDINATOR_S = 0.00140
WORKER_S = 0.00161
ONE_PROCESS_S = 0.00036  # without a cluster, from results/collect_speed.txt
MODELS = 3
JUDGED = 0.5  # of the answers; a program verifies the others
TOKENS = (300, 200)  # read and written a call
PRICES = (0.5, 2.0)  # US dollars a million tokens read and written, a mean over the models
NODE_USD = 0.17  # an hour of a machine with 4 processors, on demand


@dataclass(frozen=True)
class Account:
    """What a provider allows, and how long it takes."""

    name: str
    latency_s: float
    per_minute: float
    in_flight: int


ACCOUNTS = (
    Account("entry tier", 2.0, 500, 64),
    Account("high tier", 2.0, 10_000, 1000),
    Account("own servers", 1.0, float("inf"), 1000),
    Account("own servers, more in flight", 1.0, float("inf"), 4000),
)
LOCAL = "an open LLM in each worker"
LOCAL_S = 4.0  # an answer of 200 tokens at 50 a second, one at a time


def rate(account: Account, workers: int, calls: int, seed: int = 0) -> float:
    """Calls a second in the steady middle of ``calls`` calls, by following each of them.

    Without workers the process of the command makes the calls itself.
    """
    rng = random.Random(seed)
    coordinator = 0.0  # when it is free next
    worker = [0.0] * max(workers, 1)
    coordinator_s, worker_s = (COORDINATOR_S, WORKER_S) if workers else (ONE_PROCESS_S, 0.0)
    slots = [0.0] * min(account.in_flight, calls)  # when each slot of the account is free
    next_start = 0.0  # the account's limit a minute, evenly spread
    ends: list[float] = []
    for number in range(calls):
        freed = heapq.heappop(slots)
        begin = max(freed, coordinator)
        coordinator = begin + coordinator_s
        own = number % len(worker)
        worker[own] = max(worker[own], coordinator) + worker_s
        start = max(worker[own], next_start)
        next_start = start + 60.0 / account.per_minute
        end = start + account.latency_s * rng.lognormvariate(-0.125, 0.5)  # mean 1
        ends.append(end)
        heapq.heappush(slots, end)
    ends.sort()
    low, high = calls // 4, 3 * calls // 4
    return (high - low) / (ends[high] - ends[low])


def table(calls: int) -> None:
    per_prompt = MODELS * (1 + JUDGED)
    usd = per_prompt * (TOKENS[0] * PRICES[0] + TOKENS[1] * PRICES[1]) / 1e6
    print(f"calls a prompt              {per_prompt:g}: {MODELS} models, {JUDGED:.0%} judged")
    print(f"tokens a call               {TOKENS[0]} read, {TOKENS[1]} written")
    print(f"price                       ${PRICES[0]} and ${PRICES[1]} a million tokens")
    print(
        f"CPU a call                  coordinator {COORDINATOR_S * 1e3:.2f} ms, worker "
        f"{WORKER_S * 1e3:.2f} ms"
    )
    print(f"machines                    ${NODE_USD} an hour each: one a worker and the head")
    print(f"latency                     log-normal, spread 0.5; window of {calls} calls")
    print()
    head = "account                      latency  a minute  in flight  workers   calls/s"
    print(
        head
        + "".join(f"{n:>13}" for n in ("100 000", "1 000 000", "10 000 000"))
        + "   machines, $ a million prompts"
    )
    cases = [(account, workers) for account in ACCOUNTS for workers in (0, 1, 2, 8)]
    cases += [(Account(LOCAL, LOCAL_S, float("inf"), n), n) for n in (2, 8, 64, 512)]
    for account, workers in cases:
        found = rate(account, workers, calls)
        hours = [n * per_prompt / found / 3600 for n in (1e5, 1e6, 1e7)]
        machines = hours[1] * (workers + 1) * NODE_USD
        limit = "none" if account.per_minute == float("inf") else f"{account.per_minute:g}"
        print(
            f"{account.name:<28} {account.latency_s:>5g} s {limit:>9} {account.in_flight:>10}"
            f" {workers or 'none':>8} {found:>9.1f}"
            + "".join(f"{hour:>11.1f} h" for hour in hours)
            + f"{machines:>15.2f}"
        )
    print()
    print(
        f"calls themselves            ${usd * 1e6:,.0f} a million prompts, the same on any number "
        "of machines"
    )


def measure() -> None:
    """CPU seconds by the number of calls: the slope is what a call costs."""
    found: list[tuple[int, float, float, float]] = []
    for cells in (2000, 10_000):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            log = folder / "upstream.log"
            log.touch()
            with faulty_upstream(log, "--latency-s", "0.5") as url:
                command = [*write_job(folder, cells // 10, url, 400), "--on", "ray"]
                process = subprocess.Popen(
                    command,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env={**os.environ},
                )
                own, others, started = 0.0, dict[int, float](), 0.0
                while process.poll() is None:
                    own = max(own, cpu_seconds(process.pid))
                    for pid in workers_of(process.pid):
                        others[pid] = max(others.get(pid, 0.0), cpu_seconds(pid))
                    if not started and log.stat().st_size:
                        started = time.monotonic()
                    time.sleep(0.2)
                took = time.monotonic() - started
                assert process.returncode == 0
            found.append((cells, own, sum(others.values()), took))
            print(
                f"{cells:>6} calls: coordinator {own:.1f} s of CPU, workers "
                f"{sum(others.values()):.1f} s, {took:.0f} s from the first call to the end",
                flush=True,
            )
    (few, own0, all0, _), (many, own1, all1, _) = found
    print(
        f"a call costs the coordinator {(own1 - own0) / (many - few) * 1e3:.2f} ms, a worker "
        f"{(all1 - all0) / (many - few) * 1e3:.2f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measure", action="store_true")
    parser.add_argument("--calls", type=int, default=100_000)
    given = parser.parse_args()
    if given.measure:
        measure()
    else:
        table(given.calls)


if __name__ == "__main__":
    main()
