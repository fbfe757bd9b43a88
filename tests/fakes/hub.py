"""A model hub that keeps commits in memory: what its client's own calls need, and no more."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import threading
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote


class Hub:
    """Repositories by name, each a list of commits: (hash, files)."""

    def __init__(self) -> None:
        self.repos: dict[str, list[tuple[str, dict[str, bytes]]]] = {}
        self.asked: list[str] = []
        self.url = ""

    def files(self, repo: str, revision: str) -> dict[str, bytes] | None:
        """The files of a commit; of ``main`` the last one's."""
        commits = dict(self.repos.get(repo, []))
        return (
            list(commits.values())[-1] if revision == "main" and commits else commits.get(revision)
        )

    def commit(self, repo: str, files: dict[str, bytes]) -> str:
        """Another commit on top of the last; its hash."""
        whole = {**(self.files(repo, "main") or {}), **files}
        told = hashlib.sha1(repr((len(self.repos[repo]), sorted(whole.items()))).encode())  # noqa: S324
        self.repos[repo].append((told.hexdigest(), whole))
        return told.hexdigest()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    held: Hub
    token: str

    def log_message(self, format: str, *args: object) -> None:
        del format, args

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        path = unquote(self.path.partition("?")[0])
        self.held.asked.append(f"POST {path}")
        if self.token and self.headers.get("authorization") != f"Bearer {self.token}":
            self.tell(401, {"error": "Invalid username or password."})
        elif path == "/api/repos/create":
            asked = json.loads(body)
            name = "/".join(filter(None, (asked.get("organization"), asked["name"])))
            known = name in self.held.repos
            self.held.repos.setdefault(name, [])
            self.tell(409 if known else 200, {"url": f"{self.held.url}/{name}"})
        elif path == "/api/validate-yaml":
            self.tell(200, {"errors": [], "warnings": []})
        elif "/preupload/" in path:
            files = [
                {"path": each["path"], "uploadMode": "regular", "shouldIgnore": False}
                for each in json.loads(body)["files"]
            ]
            self.tell(200, {"files": files})
        elif "/commit/" in path:
            repo = path.removeprefix("/api/models/").partition("/commit/")[0]
            lines = [json.loads(line) for line in body.splitlines() if line.strip()]
            files = {
                line["value"]["path"]: base64.b64decode(line["value"]["content"])
                for line in lines
                if line["key"] == "file"
            }
            oid = self.held.commit(repo, files)
            told = {"commitOid": oid, "commitUrl": f"{self.held.url}/{repo}/commit/{oid}"}
            self.tell(200, {"success": True, **told})
        else:
            self.tell(404, {"error": "not found"})

    def do_GET(self) -> None:
        self.held.asked.append(f"{self.command} {self.path}")
        path = unquote(self.path.partition("?")[0]).lstrip("/")
        repo, _, rest = path.partition("/resolve/")
        revision, _, name = rest.partition("/")
        files = self.held.files(repo, revision) or {}
        if name not in files:
            self.tell(404, {"error": "not found"}, {"x-error-code": "EntryNotFound"})
            return
        data = files[name]
        self.send_response(200)
        self.send_header("x-repo-commit", revision)
        self.send_header("etag", f'"{hashlib.sha256(data).hexdigest()}"')
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    do_HEAD = do_GET  # noqa: N815

    def tell(self, status: int, told: object, headers: dict[str, str] | None = None) -> None:
        body = json.dumps(told).encode()
        self.send_response(status)
        for name, value in {"content-type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@contextlib.contextmanager
def hub(token: str = "") -> Generator[Hub]:
    """Serve one on loopback; with a token, writing needs it."""
    held = Hub()
    handler = type("Handler", (_Handler,), {"held": held, "token": token})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    held.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield held
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
