"""Clients that ask a gateway over and over, and write down what they were told of it.

with Load([url]) as load:
    ... disturb the gateway ...
load.seen    # what a client knows: the lines that ``doctor reconcile`` reads

A connection that breaks is counted in ``broken``; an answer that is an error stands in ``failed``.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from routewright.state.reconcile import ClientLine
from tests.fakes.upstream import Upstream


class Load:
    """Requests, every second one streamed, and feedback on some.

    Args:
        urls: gateways; each client goes from one to the next.
        clients: how many ask at once.
        pause_s: what each waits between two requests.
        feedback_every: after how many requests of a client one gets feedback; 0 for never.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        clients: int = 4,
        pause_s: float = 0.01,
        feedback_every: int = 5,
    ) -> None:
        self.urls = urls
        self.seen: list[ClientLine] = []
        self.failed: list[str] = []
        self.broken = 0
        self.url_of: dict[str, str] = {}  # request → the gateway that it was sent to
        self.answered: Counter[str] = Counter()  # requests by gateway
        self._pause_s = pause_s
        self._feedback_every = feedback_every
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask_on, args=(at,), daemon=True) for at in range(clients)
        ]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(60)

    def _ask_on(self, client: int) -> None:
        n = 0
        while not self._over.is_set():
            n += 1
            try:
                self._ask(self.urls[(client + n) % len(self.urls)], f"{client}-{n}", n)
            except (OSError, http.client.HTTPException):
                self.broken += 1
                time.sleep(0.02)  # nobody listens for a moment
            time.sleep(self._pause_s)

    def _ask(self, url: str, name: str, n: int) -> None:
        self.url_of[name] = url
        body = {
            "model": "auto",
            "user": name,
            "stream": n % 2 == 0,
            "messages": [{"role": "user", "content": name}],
        }
        with contextlib.closing(_connection(url)) as connection:
            answer = _post(connection, "/v1/chat/completions", body)
            id_ = answer.headers["x-routewright-decision-id"] or ""
            try:
                raw = answer.read()
            except (OSError, http.client.HTTPException):
                self.seen.append(ClientLine(name, id_))
                raise
            if answer.status != 200:
                self.failed.append(f"{answer.status} {raw[:200]!r}")
                return
            if n % 2 == 0 and b"[DONE]" not in raw:
                self.seen.append(ClientLine(name, id_))
                self.broken += 1
                return
            self.seen.append(ClientLine(name, id_, "complete", at=time.time()))
            self.answered[url] += 1
        if not self._feedback_every or n % self._feedback_every:
            return
        with contextlib.closing(_connection(url)) as connection:
            said = _post(connection, "/v1/feedback", {"decision_id": id_, "mark": n % 6})
            raw = said.read()  # what was cut off in the middle is not acknowledged
            if said.status == 200:
                self.seen.append(ClientLine(feedback_id=json.loads(raw)["id"]))
            else:
                self.failed.append(f"feedback {said.status} {raw[:200]!r}")


def _connection(url: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)


def _post(connection: http.client.HTTPConnection, path: str, body: Any) -> Any:
    connection.request("POST", path, json.dumps(body).encode())
    return connection.getresponse()


def reconciled(folder: Path, url: str, load: Load, upstream: Upstream) -> dict[str, Any]:
    """What ``routewright doctor reconcile`` says of the two logs; its exit code under ``exit``."""
    client, asked = folder / "client.jsonl", folder / "upstream.jsonl"
    client.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in load.seen))
    asked.write_text(
        "".join(json.dumps({"request": request["user"]}) + "\n" for request in upstream.requests)
    )
    told = ["--store", url, "--client", str(client), "--upstream", str(asked)]
    command = [sys.executable, "-m", "routewright.cli.main", "doctor", "reconcile", *told]
    said = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=folder)
    assert said.returncode in (0, 1), said.stderr
    return {**json.loads(said.stdout), "exit": said.returncode}
