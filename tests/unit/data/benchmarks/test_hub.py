"""Benchmarks from the hub: names, pins, digests, and what to do without a network."""

import hashlib
import http.server
import os
import re
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from routewright.data import RoutingData
from routewright.data.benchmarks import FORMATS, hub
from routewright.errors import DataError, MissingExtraError

FIXTURE = Path("tests/fixtures/pickles/routerbench-pandas-2.2.3-protocol-4.pkl")
DIGEST = hashlib.sha256(FIXTURE.read_bytes()).hexdigest()
COMMITS = {"a" * 40: "a" * 40, "main": "b" * 40}


class Hub(http.server.BaseHTTPRequestHandler):
    """Just enough of a hub: one file of a data set at one commit, and at the branch main."""

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, *, body):
        found = re.fullmatch(r"/datasets/org/set/resolve/(\w+)/t\.pkl", self.path)
        commit = COMMITS.get(found[1]) if found else None
        content = FIXTURE.read_bytes() if commit else b""
        self.send_response(200 if commit else 404)
        if commit:
            self.send_header("etag", f'"{DIGEST}"')
            self.send_header("x-repo-commit", commit)
        else:
            self.send_header("x-error-code", "RevisionNotFound")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def load(tmp_path):
    """Loads a name in a fresh process, against a hub of our own."""
    pytest.importorskip("huggingface_hub", reason="the extra routewright[hub] is not installed")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def run(name, digest=DIGEST, **env):
        code = f"""
            from routewright.data import RoutingData
            from routewright.data.benchmarks import hub
            from routewright.errors import RoutewrightError
            hub.SOURCES["ours"] = hub.Source(
                "org/set", "{"a" * 40}", "t.pkl", "routerbench", "{digest}")
            try:
                data = RoutingData.load("{name}")
                print(data.name, data.models, len(data))
            except RoutewrightError as error:
                print(type(error).__name__, error)
        """
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code)],
            capture_output=True,
            text=True,
            env={
                **os.environ,
                "HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
                "HF_HOME": str(tmp_path),
                "HF_HUB_OFFLINE": "0",
                "HF_HUB_DISABLE_XET": "1",
                "NO_PROXY": "127.0.0.1",
                **env,
            },
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("\n") == 1, done.stdout
        return done.stdout

    yield run
    server.shutdown()
    server.server_close()


def test_a_pinned_file_is_fetched_once_and_read(load):
    assert load("hub:ours").startswith("ours ('small/m', 'large') 3")
    # From the cache: now nothing listens.
    assert load("hub:ours", HF_ENDPOINT="http://127.0.0.1:1").startswith("ours (")


def test_another_revision_is_named_by_its_commit(load):
    out = load("hub:ours@main", digest="0" * 64)
    assert out.startswith("ours@bbbbbbbbbbbb (")


def test_a_file_with_another_digest_is_refused(load):
    out = load("hub:ours", digest="0" * 64)
    assert f"has SHA-256 {DIGEST[:16]}…, not {'0' * 16}…; delete it and fetch it again" in out


@pytest.mark.parametrize(
    ("name", "env", "says"),
    [
        ("hub:ours@nowhere", {}, "the hub didn't give the file (RevisionNotFoundError"),
        ("hub:ours", {"HF_ENDPOINT": "http://127.0.0.1:1"}, "the hub can't be reached"),
        ("hub:ours", {"HF_HUB_OFFLINE": "1"}, "not in the cache, and HF_HUB_OFFLINE is set"),
    ],
)
def test_what_fails_says_how_to_fetch_it_by_hand(load, name, env, says):
    out = load(name, **env)
    assert out.startswith(f"DataError {name}: {says}")
    assert "download t.pkl of the data set org/set at revision" in out
    assert "on another machine and give its path" in out


def test_an_unknown_name_lists_the_known():
    with pytest.raises(DataError, match=r"did you mean 'routerbench-0shot'\?; known: hub:router"):
        RoutingData.load("hub:routerbench-0-shot")
    with pytest.raises(DataError, match="name a revision after the @"):
        RoutingData.load(Path("hub:llmrouterbench@"))


def test_the_extra_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingExtraError, match=r"routewright\[hub\].*download routerbench_0shot"):
        RoutingData.load("hub:routerbench-0shot")


def test_every_source_is_pinned_and_of_a_known_format():
    for name, source in hub.SOURCES.items():
        assert re.fullmatch(r"[0-9a-f]{40}", source.revision), name
        assert re.fullmatch(r"[0-9a-f]{64}|", source.sha256), name
        assert source.format in FORMATS
        assert hub.is_hub(f"hub:{name}")
