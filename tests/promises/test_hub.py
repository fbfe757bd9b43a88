"""An artefact on a hub: what was put there comes back, from one commit, and no code with it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from routewright import routers
from routewright.errors import ArtefactError, ConfigError
from routewright.routers.check import sample_data
from routewright.routers.published import card_of, pulled
from tests.fakes.hub import Hub, hub

pytest.importorskip("huggingface_hub", reason="the extra hub is not installed")
pytest.importorskip("sklearn", reason="the extra train (scikit-learn) is not installed")

REPO = "team/router"
TOKEN = "hf_" + "x" * 34


@pytest.fixture(scope="module")
def artefact(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "router"
    routers.make("ridge").fit(sample_data()).save(folder)
    return folder


def run(running: Hub, home: Path, *args: str, token: str = "") -> subprocess.CompletedProcess[str]:
    """The command, in a process of its own: the hub's client reads its address once."""
    env = {
        **os.environ,
        "HF_ENDPOINT": running.url,
        "HF_HOME": str(home / "hf"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_TOKEN": token,
    }
    command = [sys.executable, "-m", "routewright.cli.main", *args]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_was_pushed_comes_back_to_the_byte_from_its_own_commit(artefact, tmp_path):
    """A-07: round trip, card, pinned revision, no code."""
    with hub(TOKEN) as running:
        told = run(running, tmp_path, "push", str(artefact), REPO, "--licence", "mit", token=TOKEN)
        assert told.returncode == 0, told.stderr
        commit = told.stdout.split()[2]
        assert sorted(running.files(REPO, commit)) == [
            "README.md",
            "arrays.safetensors",
            "manifest.json",
        ]
        # Somebody pushes another router, and code, on top.
        running.commit(REPO, {"manifest.json": b"{}", "modeling.py": b"raise SystemExit(3)"})
        args = ("pull", REPO, "--revision", commit, "--out", str(tmp_path / "router"))
        told = run(running, tmp_path, *args)
        assert told.returncode == 0, told.stderr
        assert "ridge for m0, m1, m2" in told.stdout
        assert bytes_of(tmp_path / "router") == bytes_of(artefact)
        fetched = [each for each in running.asked if "/resolve/" in each]
        assert fetched
        assert all(f"/resolve/{commit}/" in each for each in fetched)
        assert not [each for each in fetched if each.endswith((".py", "README.md"))]
        told = run(running, tmp_path, *args)
        assert told.returncode == 2
        assert "there is something already" in told.stderr
    router = routers.load(tmp_path / "router")
    wanted = routers.load(artefact)
    prompts = sample_data().prompts[:5]
    assert (router.predict(prompts).scores == wanted.predict(prompts).scores).all()


def test_the_card_is_yaml_and_tells_what_the_manifest_tells(artefact):
    manifest = routers.read_manifest(artefact)
    _, head, text = card_of(manifest, REPO, licence="mit").split("---\n", 2)
    assert yaml.safe_load(head) == {
        "library_name": "routewright",
        "tags": ["llm-routing"],
        "license": "mit",
    }
    for told in ("ridge", "`m0`", manifest.arrays_sha256, manifest.data_fingerprint):
        assert told in text
    assert "license" not in card_of(manifest, REPO)


@pytest.mark.parametrize("revision", ["main", "v1", "abc123", "", "A" * 40, "0" * 39 + "/"])
def test_a_revision_is_a_whole_commit_hash(revision):
    with pytest.raises(ConfigError, match="no commit hash"):
        pulled(REPO, revision=revision)


def test_a_hub_that_gives_something_else_is_not_believed(artefact, tmp_path):
    with hub() as running:
        running.repos[REPO] = []
        files = bytes_of(artefact)
        damaged = {**files, "arrays.safetensors": files["arrays.safetensors"][:-1] + b"\0"}
        commit = running.commit(REPO, damaged)
        told = run(
            running, tmp_path, "pull", REPO, "--revision", commit, "--out", str(tmp_path / "r")
        )
        assert told.returncode == 2
        assert not (tmp_path / "r").exists()
        missing = "f" * 40
        told = run(
            running, tmp_path, "pull", REPO, "--revision", missing, "--out", str(tmp_path / "r")
        )
        assert told.returncode == 2
        assert "Traceback" not in told.stderr


def test_a_refusal_of_the_hub_is_told_without_the_token(artefact, tmp_path):
    with hub("another" + TOKEN) as running:
        told = run(running, tmp_path, "push", str(artefact), REPO, token=TOKEN)
    assert told.returncode == 2
    assert "the hub did not take it" in told.stderr
    assert TOKEN not in told.stdout + told.stderr
    assert running.repos == {}


def test_what_is_no_router_is_not_pushed(tmp_path):
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(ArtefactError):
        routers.push_to_hub(tmp_path, REPO)
