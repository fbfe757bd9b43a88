"""The ``llm`` command line and curl: ``commands.py llm`` or ``commands.py curl``."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from cells import CITIES, PNG, SCHEMA, URL, left, run

HOME = Path(tempfile.mkdtemp())
MODEL = f"""
- model_id: routed
  model_name: auto
  api_base: {URL}/v1
  vision: true
  supports_tools: true
  supports_schema: true
- model_id: nobody
  model_name: "no"
  api_base: {URL}/v1
"""
(HOME / "extra-openai-models.yaml").write_text(MODEL)
(HOME / "a.png").write_bytes(base64.b64decode(PNG))
ENV = {**os.environ, "LLM_USER_PATH": str(HOME), "OPENAI_API_KEY": "none"}
PYTHON = Path(sys.executable)
FUNCTION = 'def weather(city: str) -> str:\n    "The weather."\n    return "rain in " + city\n'


def same(got, wanted):
    assert got == wanted, got


def done(*command):
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=ENV, timeout=60
    )


def said(*command):
    ended = done(*command)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def stop(*command):
    running = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=ENV)
    assert running.stdout
    assert running.stdout.read(1)
    running.send_signal(signal.SIGINT)
    running.wait(30)
    left()


def llm(*words, model="routed"):
    return (str(PYTHON.with_name("llm")), "-m", model, *words)


def refused(*command):
    ended = done(*command)
    assert ended.returncode, ended.stdout
    assert "unknown model" in ended.stderr + ended.stdout, ended.stderr


def llm_cells():
    tools = ("--functions", FUNCTION, "--td")
    return {
        "chat": lambda: same(said(*llm("hello", "--no-stream")), "hello back"),
        "stream": lambda: same(said(*llm("hello")), "hello back"),
        "tools": lambda: same("rain in" in done(*llm(*tools, "one city")).stderr, True),
        "parallel tools": lambda: same(
            [c in done(*llm(*tools, "two cities")).stderr for c in CITIES], [True] * 2
        ),
        "structured": lambda: same(
            json.loads(said(*llm("--schema", json.dumps(SCHEMA), "json"))), {"n": 7}
        ),
        "image": lambda: same(said(*llm("image", "-a", str(HOME / "a.png"))), "seen"),
        "error": lambda: refused(*llm("x", model="nobody")),
        "cancel": lambda: stop(*llm("hang")),
    }


def curl(path, body=None, *words):
    sent = ["-d", json.dumps(body)] if body else []
    return ("curl", "-sS", "-N", f"{URL}{path}", *sent, *words)


def chat(content, *words, **more):
    turns = [{"role": "user", "content": content}]
    return curl("/v1/chat/completions", {"model": "auto", "messages": turns, **more}, *words)


def message(*command):
    return json.loads(said(*command))["choices"][0]["message"]


def curl_cells():
    tool = {"type": "function", "function": {"name": "weather", "parameters": {}}}
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}
    url = {"url": f"data:image/png;base64,{PNG}"}
    parts = [{"type": "text", "text": "image"}, {"type": "image_url", "image_url": url}]
    return {
        "list": lambda: same(json.loads(said(*curl("/v1/models")))["data"][0]["id"], "auto"),
        "chat": lambda: same(message(*chat("hello"))["content"], "hello back"),
        "stream": lambda: same(said(*chat("hello", stream=True))[-12:], "data: [DONE]"),
        "tools": lambda: same(len(message(*chat("one city", tools=[tool]))["tool_calls"]), 1),
        "parallel tools": lambda: same(
            len(message(*chat("two cities", tools=[tool]))["tool_calls"]), 2
        ),
        "structured": lambda: same(
            message(*chat("json", response_format=form))["content"], '{"n": 7}'
        ),
        "image": lambda: same(message(*chat(parts))["content"], "seen"),
        "error": lambda: same(done(*chat("limit", "--fail")).returncode, 22),
        "timeout": lambda: same(done(*chat("slow", "--max-time", "0.5")).returncode, 28),
        "cancel": lambda: stop(*chat("hang", stream=True)),
    }


run({"llm": llm_cells, "curl": curl_cells}[sys.argv[1]]())
