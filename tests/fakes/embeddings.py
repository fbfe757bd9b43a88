"""An OpenAI-compatible ``/v1/embeddings`` that answers as it is told, in a thread."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = tuple[int, dict[str, str], bytes]


def vector_of(text: str, width: int = 4) -> list[float]:
    return [byte / 255 - 0.5 for byte in sha256(text.encode()).digest()[:width]]


def embeddings(asked: dict, width: int = 4) -> bytes:
    data = [
        {"object": "embedding", "index": at, "embedding": vector_of(text, width)}
        for at, text in enumerate(asked["input"])
    ]
    return json.dumps({"object": "list", "data": data[::-1], "model": asked["model"]}).encode()


class Host:
    """``script`` holds answers to give first; then every request gets its vectors."""

    def __init__(self) -> None:
        self.seen: list[dict] = []
        self.keys: list[str | None] = []
        self.script: list[Answer | Callable[[dict], Answer]] = []
        self.url = ""


@contextmanager
def serving() -> Iterator[Host]:
    host = Host()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            host.seen.append({"path": self.path, **asked})
            host.keys.append(self.headers["Authorization"])
            told = host.script.pop(0) if host.script else (200, {}, embeddings(asked))
            status, headers, body = told(asked) if callable(told) else told
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    host.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield host
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
