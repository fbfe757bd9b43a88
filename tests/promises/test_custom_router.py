"""The custom router of the manual: 30 lines, keeps the contract, and is found when installed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from routewright import worlds

PAGE = (Path(__file__).parents[2] / "docs" / "custom-router.md").read_text("utf-8")


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)
    assert found is not None
    return found.group(1)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder on the path as an installer leaves it: a module and its entry point."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "form_router.py").write_text(block("python"), "utf-8")
    points = tomllib.loads(block("toml"))["project"]["entry-points"]
    facts = folder / "form_router-0.1.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: form-router\nVersion: 0.1\n")
    lines = [f"[{group}]\n" for group in points]
    lines += [f"{name} = {value}\n" for each in points.values() for name, value in each.items()]
    (facts / "entry_points.txt").write_text("".join(lines))
    return folder


def python(*arguments: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    paths = [str(path)] if path else []
    known = os.environ.get("PYTHONPATH", "")
    return subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [*paths, known]))},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_it_has_thirty_lines() -> None:
    lines = [line for line in block("python").splitlines() if line.strip()]
    assert len(lines) <= 30


def test_it_keeps_the_contract(site: Path) -> None:
    code = (
        "from form_router import FormRouter\n"
        "from routewright.routers import check_router\n"
        "check_router(FormRouter)\n"
    )
    done = python("-c", code, path=site)
    assert done.returncode == 0, done.stderr


def test_installed_it_trains_and_loads_by_its_name(site: Path, tmp_path: Path) -> None:
    worlds.luck(2).draw(60, seed=1).save(tmp_path / "data")
    out = str(tmp_path / "router")
    arguments = ("-m", "routewright.cli.main", "train", str(tmp_path / "data"), "--router", "form")
    done = python(*arguments, "--out", out, path=site)
    assert done.returncode == 0, done.stderr
    assert "form: trained on" in done.stdout
    load = f"from routewright import routers; print(routers.load({out!r}).name)"
    done = python("-c", load, path=site)
    assert done.stdout.strip() == "form", done.stderr
    missing = python("-c", load)
    assert missing.returncode != 0
    assert "no router 'form'" in missing.stderr.splitlines()[-1]
