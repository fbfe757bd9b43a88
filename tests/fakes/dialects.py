"""A scripted HTTP upstream of any dialect: it sends what it is told, and breaks off as told.

with dialect([Whole({...}), Events([b"data: {}\\n\\n"], cut=True)]) as upstream:
    provider = AnthropicProvider("a", base_url=upstream.url)
"""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Whole:
    """An answer in one piece: JSON, or bytes as they are."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Events:
    """A stream; ``cut`` drops the connection after the last event, ``reset`` with an RST."""

    events: Sequence[bytes]
    cut: bool = False
    reset: bool = False
    gap_s: float = 0.0


@dataclass(frozen=True)
class Request:
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class Dialect:
    url: str
    requests: list[Request] = field(default_factory=list)


def sse(*payloads: Any, named: bool = False) -> list[bytes]:
    """Server-sent events of JSON objects; ``named`` adds Anthropic's ``event:`` lines."""
    names = (f"event: {each['type']}\n" if named else "" for each in payloads)
    return [
        f"{name}data: {json.dumps(each)}\n\n".encode()
        for name, each in zip(names, payloads, strict=True)
    ]


@contextmanager
def dialect(steps: Sequence[Whole | Events]) -> Generator[Dialect]:
    """Serve the steps in order, the last one for ever, on a free loopback port."""
    left = list(steps)
    lock = threading.Lock()
    pause = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with lock:
                headers = {k.lower(): v for k, v in self.headers.items()}
                served.requests.append(Request(self.path, headers, body))
                step = left.pop(0) if len(left) > 1 else left[0]
            try:
                self.whole(step) if isinstance(step, Whole) else self.stream(step)
            except OSError:
                self.close_connection = True  # the client has given up

        def whole(self, step: Whole) -> None:
            raw = step.body if isinstance(step.body, bytes) else json.dumps(step.body).encode()
            self.send_response(step.status)
            for name, value in step.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def stream(self, step: Events) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            for event in step.events:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(event), event))
                self.wfile.flush()
                pause.wait(step.gap_s)
            if not step.cut and not step.reset:
                self.wfile.write(b"0\r\n\r\n")
                return
            if step.reset:
                self.connection.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                )
            self.close_connection = True

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    served = Dialect(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
