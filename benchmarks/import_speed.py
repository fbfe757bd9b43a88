"""How fast a log is imported, and in how much memory, as rows grow.

    python benchmarks/import_speed.py                   # 10,000, 100,000 and 1,000,000 rows
    python benchmarks/import_speed.py 10000 100000      # these

A log of OpenAI-style requests is made of three kinds of rows: questions of their own, of random
words with the frequencies of English (three quarters), instances of twenty templates, and, a tenth
of all, repeats of earlier rows, half of them lightly edited. Each size runs in a process of its
own: import with a sample of a tenth, seconds of CPU by step, peak memory of the process.
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from routewright.data.logs import Source, log_format
from routewright.data.logs.importing import Steps, import_log
from routewright.encoders.named import make
from routewright.types import Model, Price

SIZES = (10_000, 100_000, 1_000_000)
WORDS = 30_000


def write_log(path: Path, rows: int, seed: int = 0) -> None:
    draw = random.Random(seed)
    words = [
        "".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(2, 11)))
        for _ in range(WORDS)
    ]
    weights = [1 / rank for rank in range(1, WORDS + 1)]

    def text(length: int) -> str:
        return " ".join(draw.choices(words, weights, k=length))

    templates = [f"{text(25)}: {{}}. {text(10)}" for _ in range(20)]
    recent: list[str] = []
    with path.open("w") as file:
        for row in range(rows):
            kind = draw.random()
            if kind < 0.1 and recent:
                said = draw.choice(recent)
                if draw.random() < 0.5:
                    said = said.capitalize() + " please"
            elif kind < 0.25:
                said = draw.choice(templates).format(text(6))
            else:
                said = text(draw.randint(15, 90))
            if row % 10 == 0:
                recent.append(said)
            request = {"model": "m", "messages": [{"role": "user", "content": said}]}
            file.write(json.dumps({"request": request}) + "\n")


def one(rows: int) -> None:
    with TemporaryDirectory() as folder:
        log = Path(folder) / "log.jsonl"
        write_log(log, rows)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        steps: list[tuple[str, float]] = []
        start = time.process_time()
        manifest = import_log(
            Source(log),
            "openai",
            log_format("openai"),
            Path(folder) / "out",
            steps=Steps(sample=max(rows // 10, 1)),
            encoder=make("static"),
            models=[Model("m", "x", (Price("2026-01-01"),))],
            on_step=lambda name: steps.append((name, time.process_time())),
        )
        end = time.process_time()
        times = [at for _, at in steps[1:]] + [end]
        parts = ", ".join(
            f"{name} {after - at:.1f}" for (name, at), after in zip(steps, times, strict=True)
        )
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{rows:>10,} rows, {log.stat().st_size / 1e6:6.1f} MB: {end - start:7.1f} CPU s, "
            f"{peak:6.0f} MB at most ({before:.0f} before); "
            f"{manifest['dropped']['rows']}; s of {parts}",
            flush=True,
        )


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["--one"]:
        one(int(arguments[1]))
        return
    for rows in [int(given) for given in arguments] or SIZES:
        subprocess.run([sys.executable, __file__, "--one", str(rows)], check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
