"""A completions endpoint that follows a script: what it says, and what it was asked."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Reply:
    body: Any = None  # JSON, or bytes as they are
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0


@dataclass
class Endpoint:
    url: str
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


@contextmanager
def completions(reply: Callable[[int, dict[str, Any]], Reply]) -> Generator[Endpoint]:
    """Serve ``reply(number of the request, body)`` on a free loopback port."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with lock:
                number = len(served.asked)
                served.asked.append(body)
                served.headers.append({k.lower(): v for k, v in self.headers.items()})
            told = reply(number, body)
            time.sleep(told.delay_s)
            raw = told.body if isinstance(told.body, bytes) else json.dumps(told.body).encode()
            try:
                self.send_response(told.status)
                for name, value in told.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)
            except OSError:
                pass  # the client has given up

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    served = Endpoint(f"http://127.0.0.1:{server.server_port}/v1/completions")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def with_logprobs(likely: dict[str, float], *, chat: bool = False, tokens: int = 100) -> Reply:
    """A reply of one token, its likely tokens in the shape of chat or of older completions."""
    usage = {"prompt_tokens": tokens, "completion_tokens": 1}
    if chat:
        rivals = [{"token": t, "logprob": v} for t, v in likely.items()]
        first = {"token": next(iter(likely), ""), "logprob": 0.0, "top_logprobs": rivals}
        choice = {"message": {"content": "3"}, "logprobs": {"content": [first]}}
    else:
        choice = {"text": "3", "logprobs": {"top_logprobs": [likely]}}
    return Reply({"choices": [choice], "usage": usage})


def with_text(text: str) -> Reply:
    usage = {"prompt_tokens": 100, "completion_tokens": 4}
    return Reply({"choices": [{"text": text}], "usage": usage})
