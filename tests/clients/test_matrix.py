"""Every client, unmodified, against a gateway in its own process: the table of docs/clients.md.

``UPDATE_CLIENTS=1`` writes a client's row of the table; otherwise the row has to be true.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.chat_events import call_deltas, streamed, tool_calls, whole
from tests.fakes.upstream import Hang, Refuse, Say, Step, Upstream
from tests.promises.test_gateway import gateway_process, write_config

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
TABLE = ROOT / "docs" / "clients.md"
CLIENTS_PYTHON = ROOT / ".venv-clients" / "bin" / "python"
CELLS = (
    "list",
    "chat",
    "stream",
    "tools",
    "parallel tools",
    "structured",
    "image",
    "error",
    "timeout",
    "cancel",
    "async",
)
CALLS = [
    (f"call_{n}", "weather", json.dumps({"city": city}, ensure_ascii=False))
    for n, city in enumerate(("Łódź", "Paris"))
]


def script(name: str, *words: str, python: Path | str = CLIENTS_PYTHON) -> list[str]:
    return [str(python), str(HERE / "scripts" / f"{name}.py"), *words]


def node(name: str) -> list[str]:
    return ["node", str(HERE / "node" / f"{name}.mjs")]


CLIENTS = {
    "openai 2 (Python)": script("openai_python"),
    "openai 3 (Python)": script("openai_python", python=sys.executable),
    "anthropic (Python)": script("anthropic_python"),
    "openai (Node)": node("openai"),
    "@anthropic-ai/sdk (Node)": node("anthropic"),
    "langchain-openai": script("langchain_python"),
    "llama-index openai-like": script("llama_index_python"),
    "litellm SDK": script("litellm_python"),
    "llm (command line)": script("commands", "llm"),
    "curl": script("commands", "curl", python=sys.executable),
}


def answer(request: dict[str, Any]) -> Step:
    """What the upstream does is in the last words of the user, and in what came with them."""
    last = request["messages"][-1]
    parts = last["content"] if isinstance(last["content"], list) else []
    text = last["content"] if isinstance(last["content"], str) else ""
    text = text or "".join(part.get("text", "") for part in parts)
    if last["role"] == "tool":
        return Say("so it rains")
    match text:
        case "one city" | "two cities" if request.get("tools"):
            calls = CALLS[: 1 if text == "one city" else 2]
            if request.get("stream"):
                return streamed(call_deltas(calls), "tool_calls")
            return whole({"tool_calls": tool_calls(calls)}, "tool_calls")
        case "json":
            return Say('{"n": 7}' if request.get("response_format") else "no schema")
        case "image":
            return Say("seen" if any(p.get("type") == "image_url" for p in parts) else "blind")
        case "limit":
            return Refuse(429, "slow down", (("retry-after-ms", "1"),))
        case "slow":
            return Say("late", gap_s=2.0)
        case "hang":
            return Hang(3)
        case _:
            return Say("hello back")


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as running:
        running.says = {"cheap": answer, "strong": answer}
        yield running


@contextlib.contextmanager
def gateway(upstream: Upstream, folder: Path) -> Generator[str]:
    write_config(folder, upstream.url, 'default_model = "cheap"')
    with gateway_process(cwd=folder) as (_, url, _):
        yield url


def absent(command: list[str]) -> str:
    """What is missing to run a command; "" where nothing is."""
    program = command[0]
    if shutil.which(program) is None:
        return f"{program} is not there; make clients installs what these tests need"
    if program == "node" and not (HERE / "node" / "node_modules").is_dir():
        return "the Node packages are not there; make clients installs them"
    if "curl" in command and shutil.which("curl") is None:
        return "curl is not installed"
    return ""


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_works_unmodified_in_every_cell_it_has(client, upstream, tmp_path):
    """C-01"""
    command = CLIENTS[client]
    if why := absent(command):
        pytest.skip(why)
    with gateway(upstream, tmp_path) as url:
        found = run(command, url, upstream)
    assert {cell: why for cell, why in found.items() if why} == {}
    row = f"| {client} | {' | '.join('yes' if cell in found else '–' for cell in CELLS)} |"
    told = TABLE.read_text("utf-8")
    if os.environ.get("UPDATE_CLIENTS"):
        line = re.compile(rf"^\| {re.escape(client)} \|.*$", re.MULTILINE)
        TABLE.write_text(line.sub(lambda _: row, told), "utf-8")
    else:
        assert row in told.splitlines(), row


def run(command: list[str], url: str, upstream: Upstream) -> dict[str, str]:
    """What each cell told: "" where it is right."""
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    env |= {"GATEWAY_URL": url, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "NO_PROXY": "*"}
    found: dict[str, str] = {}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env, cwd=HERE
    ) as process:
        assert process.stdin
        assert process.stdout
        for line in process.stdout:
            if not line.startswith("{"):
                continue
            told = json.loads(line)
            if told.get("ask") == "left":
                # Nothing but what was cancelled hangs, so that it is this call that was left.
                gone = upstream.left_hanging.acquire(timeout=1)
                process.stdin.write("yes\n" if gone else "no\n")
                process.stdin.flush()
            else:
                found[told["cell"]] = "" if told["ok"] else told["why"]
    assert found, "the script told nothing"
    assert not upstream.left_hanging.acquire(blocking=False)
    return found
