"""kill -9 during collect, at any moment: the run completes afterwards and nothing that was
recorded is asked again."""

import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from routewright.data.journal import Journal

PROMPTS = 60
MODELS = ("small", "large")
KILLS = 20


class CountingUpstream(BaseHTTPRequestHandler):
    """Answers after a few milliseconds and remembers every call it was asked for."""

    calls: ClassVar[list[tuple[str, str]]] = []
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        prompt = body["messages"][-1]["content"]
        self.calls.append((prompt, body["model"]))
        time.sleep(0.004)
        answer = {
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "stop",
                    "message": {"role": "assistant", "content": f"{body['model']}: {prompt}"},
                }
            ],
            "usage": {"prompt_tokens": 7, "completion_tokens": 3},
        }
        data = json.dumps(answer).encode()
        try:
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except OSError:
            pass  # the caller was killed meanwhile: that is what this test is about

    def log_message(self, *_):
        pass


@pytest.fixture
def upstream():
    CountingUpstream.calls = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), CountingUpstream)
    server.handle_error = lambda *_: None  # killed callers reset their connections
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def command(tmp_path, upstream):
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text(
        "".join(
            json.dumps({"prompt_id": f"p{n}", "prompt": f"prompt {n}"}) + "\n"
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
        [models.small]
        provider = "fake"
        input_usd_per_mtok = 1.0
        [models.large]
        provider = "fake"
        input_usd_per_mtok = 9.0
        """
    )
    return [
        *(sys.executable, "-m", "routewright.cli.main", "collect", str(prompts)),
        *("--models", ",".join(MODELS), "--config", str(config), "--out", str(tmp_path / "out")),
        "--yes",
    ]


def answer_rows(folder):
    return [row for row in Journal(folder / "answers.journal").rows() if "sent" not in row]


def recorded(folder):
    return {
        (row["prompt_id"], row["model"]) for row in answer_rows(folder) if row["state"] != "failed"
    }


def asked_since(start):
    return {(text.replace("prompt ", "p"), model) for text, model in CountingUpstream.calls[start:]}


def test_kill_9_twenty_times_loses_nothing_and_asks_nothing_twice(tmp_path, upstream, command):
    """D-07: of answers that are collected."""
    clock = random.Random(20)
    folder = tmp_path / "out"
    killed_midway = 0
    for _ in range(KILLS):
        before = recorded(folder)
        start = len(CountingUpstream.calls)
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # Die somewhere between start-up and a handful of answers, counted in answers, not in
        # time, so that a slow machine is killed at the same kinds of moments.
        target = start + clock.randint(0, 9)
        while process.poll() is None and len(CountingUpstream.calls) < target:
            time.sleep(0.001)
        time.sleep(clock.random() * 0.01)
        process.send_signal(signal.SIGKILL)
        killed_midway += process.wait() == -signal.SIGKILL
        again = asked_since(start) & before
        assert not again, f"asked again although recorded: {sorted(again)[:5]}"
        assert recorded(folder) >= before, "a recorded answer was lost"

    before = recorded(folder)
    start = len(CountingUpstream.calls)
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not asked_since(start) & before
    rows = answer_rows(folder)
    cells = Counter((row["prompt_id"], row["model"]) for row in rows)
    assert cells == {(f"p{n}", model): 1 for n in range(PROMPTS) for model in MODELS}
    assert all(row["text"] == f"{row['model']}: prompt {row['prompt_id'][1:]}" for row in rows)
    assert killed_midway >= KILLS // 2, "the kills came too late to prove anything"

    start = len(CountingUpstream.calls)
    subprocess.run(command, check=True, capture_output=True)
    assert CountingUpstream.calls[start:] == [], "a finished run asks nothing"


def test_costs_are_recorded_from_usage_and_price(tmp_path, upstream, command):
    subprocess.run(command, check=True, capture_output=True)
    rows = answer_rows(tmp_path / "out")
    assert {(row["model"], row["cost_usd"]) for row in rows} == {
        ("small", 7e-6),
        ("large", 63e-6),
    }
