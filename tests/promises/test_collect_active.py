"""``collect --active`` over real HTTP: in rounds, graded between them, resumable after kill -9."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from routewright.cli.main import main
from routewright.data import RoutingData
from routewright.data.journal import Journal

PROMPTS = 120
PRICES = {"small": 10.0, "useless": 400.0, "large": 300.0}  # a million tokens; a call is 10


def right(number, model):
    """Every third prompt is hard: small fails it, large doesn't; useless mostly fails."""
    if model == "useless":
        return number % 10 == 0
    return model == "large" or number % 3 > 0


class Upstream(BaseHTTPRequestHandler):
    """Answers with the number that was asked for, or with a wrong one."""

    calls: ClassVar[list[tuple[int, str]]] = []
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        number = int(body["messages"][-1]["content"].rsplit(" ", 1)[1])
        self.calls.append((number, body["model"]))
        text = str(number if right(number, body["model"]) else number + 1)
        answer = {
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "stop",
                    "message": {"role": "assistant", "content": text},
                }
            ],
            "usage": {"prompt_tokens": 10, "completion_tokens": 1},
        }
        data = json.dumps(answer).encode()
        try:
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except OSError:
            pass  # the caller was killed meanwhile

    def log_message(self, *_):
        pass


@pytest.fixture
def upstream():
    Upstream.calls = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    server.handle_error = lambda *_: None
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def arguments(tmp_path, upstream, out, *, budget="0.25", grader="numeric"):
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text(
        "".join(
            json.dumps(
                {
                    "prompt_id": f"p{n}",
                    "prompt": f"{'Work out' if n % 3 == 0 else 'Repeat'} the number {n}",
                    "grader": grader,
                    "reference": str(n),
                }
            )
            + "\n"
            for n in range(PROMPTS)
        )
    )
    config = tmp_path / "routewright.toml"
    config.write_text(
        f"""
        [providers.fake]
        kind = "openai"
        base_url = "http://127.0.0.1:{upstream.server_port}/v1"
        max_concurrency = 3
        """
        + "".join(
            f"""
        [models.{name}]
        provider = "fake"
        input_usd_per_mtok = {price}
        """
            for name, price in PRICES.items()
        )
    )
    return [
        *("collect", str(prompts), "--models", ",".join(PRICES), "--config", str(config)),
        *("--out", str(tmp_path / out), "--active", "--yes", "--budget-usd", budget),
    ]


@dataclass
class Done:
    exit_code: int
    output: str


@pytest.fixture
def invoke(monkeypatch, capsys):
    """The command line in this process."""

    def run(command):
        monkeypatch.setattr(sys, "argv", ["routewright", *command])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        told = capsys.readouterr()
        return Done(code, told.out + told.err)

    return run


def bought(folder):
    rows = Journal(folder / "answers.journal").rows()
    return Counter((row["prompt_id"], row["model"]) for row in rows if "sent" not in row)


def test_rounds_are_bought_graded_and_told_and_the_answers_train_a_router(
    tmp_path, upstream, invoke
):
    done = invoke(arguments(tmp_path, upstream, "out"))
    assert done.exit_code == 0, done.output
    folder = tmp_path / "out"
    cells = bought(folder)
    assert max(cells.values()) == 1
    assert len(cells) == len(Upstream.calls) < PROMPTS * 3
    spent = sum(PRICES[model] * 10e-6 for _, model in cells)
    assert spent <= 0.25 + 24 * 0.004
    count = Counter(model for _, model in cells)
    assert count["small"] > count["large"] > count["useless"]
    assert "random prompts alone" in done.output
    assert "stopped: " in done.output
    report = json.loads((folder / "active.json").read_text())
    assert report["spent_usd"] == pytest.approx(spent)
    assert len(report["anchors"]) >= 30
    assert invoke(["judge", str(folder)]).exit_code == 0
    data = RoutingData.load(folder)
    for name in report["anchors"]:
        row = [prompt.id for prompt in data.prompts].index(name)
        assert data.complete[row]
    train = ["train", str(folder), "--router", "partial", "--out", str(tmp_path / "router")]
    trained = invoke(train)
    assert trained.exit_code == 0, trained.output
    evaluated = invoke(["evaluate", str(tmp_path / "router"), "--data", str(folder)])
    assert evaluated.exit_code == 0, evaluated.output
    assert "partial" in evaluated.output
    assert "incomplete left out" in evaluated.output


def test_kill_9_and_again_buys_the_same_cells_once(tmp_path, upstream, invoke):
    assert invoke(arguments(tmp_path, upstream, "clean")).exit_code == 0
    clean = bought(tmp_path / "clean")
    command = [
        *(sys.executable, "-m", "routewright.cli.main"),
        *arguments(tmp_path, upstream, "killed"),
    ]
    folder = tmp_path / "killed"
    for target in (20, 95):
        start = len(Upstream.calls)
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and len(Upstream.calls) < start + target:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, "it ended before it could be killed"
        assert bought(folder).total() < clean.total()
    done = invoke(arguments(tmp_path, upstream, "killed"))
    assert done.exit_code == 0, done.output
    assert bought(folder) == clean
    first, second = (
        [row for row in Journal(tmp_path / name / "rounds.journal").rows() if row["kind"] == "plan"]
        for name in ("clean", "killed")
    )
    assert first == second


def test_active_needs_a_budget_and_something_to_grade_with(tmp_path, upstream, invoke):
    command = arguments(tmp_path, upstream, "out", grader="")
    without = invoke(command[:-2])
    assert without.exit_code == 2
    assert "--budget-usd" in without.output
    blind = invoke(command)
    assert blind.exit_code == 2
    assert "--judge" in blind.output
    asked = len(Upstream.calls)
    again = invoke(command)
    assert again.exit_code == 2
    assert len(Upstream.calls) == asked, "what was paid for is kept"
    alone = invoke([part for part in command if part != "--active"] + ["--judge", "small"])
    assert alone.exit_code == 2
