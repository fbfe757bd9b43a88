"""What the default router costs: fits, decisions one by one and in batches, growth.

    OMP_NUM_THREADS=1 python benchmarks/router_speed.py            # the limits, about two minutes
    OMP_NUM_THREADS=1 python benchmarks/router_speed.py --growth   # to 200,000 prompts, 100 models
    OMP_NUM_THREADS=1 python benchmarks/router_speed.py --gateway  # one decision of the gateway

Prompts are put together from the demo's; outcomes are drawn, since time doesn't hang on them. CPU
seconds are those of the process; decisions are wall time on one thread, those of the gateway CPU
time. Exits 1 where a limit is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from string import ascii_letters
from tempfile import TemporaryDirectory

import numpy as np

from routewright import routers
from routewright.data import RoutingData
from routewright.policy import choose
from routewright.routers import native
from routewright.serve.decider import Decider
from routewright.types import Model, PolicySettings, Price, Prompt

DEMO = Path(__file__).parents[1] / "demo" / "prompts.jsonl"
WORDS = 200
ASKED = 1_000
BATCH = 5_000
LIMITS = {"p50 ms": 1.0, "p99 ms": 3.0, "fit CPU s": 60.0}
GATEWAY_WORDS = 220  # 1.2 kB
GATEWAY_US = 120.0  # CPU µs of a decision with the static encoder, half of them at most
CYRILLIC = {at: 0x430 + at % 32 for at in map(ord, ascii_letters)}
LEAST_BATCH = 5_000  # prompts a second with the static encoder


def texts(count: int, words: int | None = None, seed: int = 0) -> Iterator[tuple[str, str]]:
    """Texts and tasks: pieces of the demo's prompts, one to three in a row, or cut to length."""
    lines = [json.loads(line) for line in DEMO.read_text().splitlines()]
    by_task = [(line["prompt"].split(), line.get("task", "")) for line in lines]
    rng = np.random.default_rng(seed)
    for number in range(count):
        told: list[str] = []
        task = ""
        while len(told) < (words or 1):
            pieces, task = by_task[int(rng.integers(len(by_task)))]
            told += pieces
        told[int(rng.integers(len(told)))] = f"{number}"
        yield " ".join(told[:words]), task


def table(n: int, m: int, seed: int = 0) -> RoutingData:
    """n prompts x m models with outcomes that hang on the task."""
    rng = np.random.default_rng(seed)
    drawn = list(texts(n, seed=seed))
    prompts = tuple(
        Prompt.from_text(str(at), text, task=task) for at, (text, task) in enumerate(drawn)
    )
    names = sorted({task for _, task in drawn})
    skill = rng.random((len(names), m))
    at_task = np.array([names.index(task) for _, task in drawn])
    scores = (rng.random((n, m)) < skill[at_task]).astype(float)
    costs = np.exp(rng.normal(-8, 0.5, (n, m))) * np.geomspace(1, 20, m)
    return RoutingData(prompts, tuple(f"m{at}" for at in range(m)), scores, costs)


def fitted(data: RoutingData, encoder: str) -> tuple[routers.BaseRouter, float]:
    """The router as it is served, read back from its artefact, and the CPU seconds of its fit."""
    started = time.process_time()
    router = routers.make("stack", encoder=encoder).fit(data)
    spent = time.process_time() - started
    with TemporaryDirectory() as folder:
        router.save(folder)
        return routers.load(folder), spent


def one_by_one(router: routers.BaseRouter) -> tuple[float, float]:
    """Milliseconds of a decision on a prompt of 200 words: median and 99th percentile."""
    asked = [Prompt.from_text("", text) for text, _ in texts(ASKED + 50, WORDS, seed=1)]
    spent: list[float] = []
    for prompt in asked:
        started = time.perf_counter()
        told = router.predict([prompt])
        choose(told.scores, told.costs, 0.01)
        spent.append(time.perf_counter() - started)
    p50, p99 = np.percentile(np.array(spent[50:]) * 1e3, [50, 99])
    return float(p50), float(p99)


def at_once(router: routers.BaseRouter) -> float:
    """Prompts a second of one call with many, on one thread."""
    asked = [Prompt.from_text("", text) for text, _ in texts(BATCH, seed=2)]
    started = time.perf_counter()
    router.predict(asked)
    return len(asked) / (time.perf_counter() - started)


def limits() -> int:
    data = table(10_000, 10)
    missed = 0
    print("stack on 10,000 prompts x 10 models, one thread")
    for encoder in ("words+static", "static"):
        router, fit_s = fitted(data, encoder)
        p50, p99 = one_by_one(router)
        rate = at_once(router)
        default = encoder == "words+static"
        told = {"p50 ms": p50, "p99 ms": p99, "fit CPU s": fit_s}
        bad = [name for name, value in told.items() if default and value > LIMITS[name]]
        if not default and rate < LEAST_BATCH:
            bad.append("prompts/s")
        missed += len(bad)
        print(
            f"{encoder:14} fit {fit_s:5.1f} CPU s   decision on {WORDS} words: p50 {p50:.2f} ms, "
            f"p99 {p99:.2f} ms   {rate:,.0f} prompts/s at once"
            + (f"   MISSED: {', '.join(bad)}" if bad else "")
        )
    print(
        f"limits: {LIMITS} with the default encoder; {LEAST_BATCH:,} prompts/s at once with static"
    )
    return int(missed > 0)


def growth() -> int:
    print("stack, default encoder, one thread")
    print(" prompts  models  fit CPU s  µs a prompt  decision p50 ms  peak MB")
    for n, m in ((5_000, 10), (20_000, 10), (50_000, 10), (200_000, 10), (20_000, 100)):
        router, fit_s = fitted(table(n, m), "words+static")
        p50, _ = one_by_one(router)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{n:8,}  {m:6}  {fit_s:9.1f}  {fit_s / n * 1e6:11.0f}  {p50:15.2f}  {peak:7,.0f}",
            flush=True,
        )
    return 0


def gateway() -> int:
    """CPU time of ``Decider.decide``, prompt after prompt, none seen before."""
    print(f"one decision of the gateway: stack, 10 models, {GATEWAY_WORDS} words; CPU µs")
    data = table(2_000, 10)
    told = [text for text, _ in texts(3_000, GATEWAY_WORDS, seed=1)]
    asked = [Prompt.from_text("", text) for text in told]
    foreign = [Prompt.from_text("", text.translate(CYRILLIC)) for text in told]
    price = Price("2026-01-01", 1.0, 4.0)
    pool = tuple(Model(name, "fake", (price,), 128_000) for name in data.models)
    missed = 0
    for encoder in ("words+static", "static"):
        with TemporaryDirectory() as folder:
            fitted(data, encoder)[0].save(folder)
            for way in ("compiled", "plain"):
                os.environ[native.OFF_ENV] = "1" if way == "compiled" else "0"
                native.library.cache_clear()
                if way == "compiled" and native.library() is None:
                    print(f"{encoder:14} {way:9} not built here: there is no C compiler")
                    missed += encoder == "static"
                    continue
                decider = Decider(pool, routers.load(folder), PolicySettings(worth_usd=0.01), "")
                p50, p99 = _cpu_us(decider.decide, asked)
                limit = encoder == "static" and way == "compiled" and p50 > GATEWAY_US
                missed += limit
                missing = "   MISSED" if limit else ""
                print(f"{encoder:14} {way:9} p50 {p50:5.0f}, p99 {p99:5.0f}{missing}", flush=True)
                p50, p99 = _cpu_us(decider.decide, foreign)
                print(f"{'':14} {'Cyrillic':9} p50 {p50:5.0f}, p99 {p99:5.0f}", flush=True)
    print(f"limit: p50 {GATEWAY_US:.0f} with static, compiled")
    return int(missed > 0)


def _cpu_us(decide: Callable[[Prompt], object], asked: list[Prompt]) -> tuple[float, float]:
    """Median and 99th percentile of CPU µs a call, the first third left out."""
    spent: list[int] = []
    for prompt in asked:
        started = time.thread_time_ns()
        decide(prompt)
        spent.append(time.thread_time_ns() - started)
    p50, p99 = np.percentile(np.array(spent[len(spent) // 3 :]) / 1e3, [50, 99])
    return float(p50), float(p99)


if __name__ == "__main__":
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--growth", action="store_true")
    given.add_argument("--gateway", action="store_true")
    told = given.parse_args()
    sys.exit(growth() if told.growth else gateway() if told.gateway else limits())
