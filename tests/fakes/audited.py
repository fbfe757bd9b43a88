"""A gateway in a process that is told of all that Python does while requests are answered.

    python -m tests.fakes.audited FOLDER

It sends every request twice, since the first of a kind may import what it needs, and prints a line
of JSON: whom it called before the first request, what was opened, run and called upon during the
second round, and which modules of ours are loaded. An audit hook cannot be taken back, so that this
needs a process of its own.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from routewright.config import StateSettings
from routewright.serve.gateway import Gateway
from routewright.serve.routes import TABLE
from tests.fakes.gateway import ByWord, Served, scripted_settings, served
from tests.fakes.upstream import Upstream

# What runs code, starts a process, opens a file or calls somebody.
WATCHED = {
    "compile",
    "ctypes.dlopen",
    "exec",
    "open",
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.spawn",
    "os.startfile",
    "os.system",
    "pickle.find_class",
    "pty.spawn",
    "shutil.copyfile",
    "socket.connect",
    "socket.getaddrinfo",
    "subprocess.Popen",
    "urllib.Request",
}
HOSTILE = (
    "{{ 7 * 7 }} {% import os %} {{ ''.__class__.__mro__ }}",
    "${jndi:ldap://127.0.0.1:9/a} #{7*7} <%= 7*7 %> {0.__class__} %(x)s",
    "$(touch /tmp/routewright-was-run) `id` ; id | sh && id",
    "__import__('os').system('id')",
    "!!python/object/apply:os.system ['id']",
    "file:///etc/passwd ../../../etc/passwd \\\\host\\share",
)


def ask_everything(up: Served, more: str) -> None:
    """Every route with every hostile text wherever a text may stand."""
    for text in [f"{hostile} {more}" for hostile in HOSTILE]:
        turns = [{"role": "user", "content": text}]
        tools = [{"type": "function", "function": {"name": text, "description": text}}]
        server = {"type": "mcp", "server_label": text, "server_url": text, "command": text}
        bodies: dict[str, list[dict[str, Any]]] = {
            "/v1/chat/completions": [
                {"model": "auto", "messages": turns, "tools": tools, "user": text, text: text},
                {"model": "auto", "messages": turns, "stream": True, "metadata": {text: text}},
                {"model": text, "messages": turns},
                {"model": "cheap", "messages": turns, "tools": [server], "template": text},
            ],
            "/v1/responses": [
                {"model": "auto", "input": text, "instructions": text, "tools": [server]},
                {"model": "auto", "input": text, "prompt": {"id": text, "variables": {"a": text}}},
            ],
            "/v1/messages": [{"model": "auto", "max_tokens": 5, "messages": turns, "system": text}],
            "/v1/messages/count_tokens": [{"model": "auto", "messages": turns}],
            "/v1/embeddings": [{"model": "cheap", "input": text}],
            "/v1/route": [{"prompt": text}],
            "/v1/feedback": [{"decision_id": text, "score": 1, "comment": text, "label": text}],
        }
        sent = text.encode("ascii", "replace").decode()
        headers = {"user-agent": sent, "idempotency-key": sent, "x-api-key": sent}
        for spec in TABLE:
            path = re.sub(r"\{[^}]*\}", "%7B%7B7*7%7D%7D%2f..%2f..%2fetc%2fpasswd", spec.path)
            for body in bodies.get(path, [{"a": text}] if spec.method == "POST" else [None]):
                up.request(spec.method, path, body, headers)


def main(folder: Path) -> None:
    """Serve, ask twice, tell."""
    starting: list[list[str]] = []
    seen: list[list[str]] = []
    noted: list[list[str]] | None = None

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if noted is not None and event in WATCHED:
            what = args[1] if event == "socket.connect" else args[0]
            noted.append([event, str(what)])

    sys.addaudithook(hook)
    with Upstream() as upstream:
        settings = scripted_settings(upstream.url, folder, decisions="", state=StateSettings())
        noted = starting
        with served(Gateway(settings, router=ByWord())) as up:
            noted = None
            ask_everything(up, "first")
            noted = seen
            ask_everything(up, "second")
            decided = up.chat("and an honest one").json["routewright"]["decision_id"]
            up.request("POST", "/v1/feedback", {"decision_id": decided, "score": 1})
            noted = None
            mine = [up.port, upstream.port]
    modules = {
        name: str(module.__file__)
        for name, module in sys.modules.items()
        if name.startswith("routewright") and getattr(module, "__file__", None)
    }
    others = sorted({name.partition(".")[0] for name in sys.modules})
    called = [one for one in starting if one[0].startswith("socket.")]
    told = {"calls_at_start": called, "seen": seen, "modules": modules, "others": others}
    sys.stdout.write(json.dumps({**told, "ports": mine}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
