"""S-03, S-04: no request is ever a template, a program, or the name of a file."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# Modules of a running gateway that may start a process, each at its start and by the operator's
# configuration alone.
MAY_START = {
    "routewright.serve.workers": {"os.fork"},  # --workers
    "routewright.providers.local": {"asyncio.create_subprocess_exec"},  # a local model's server
}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}
FORBIDDEN_OS = ("system", "popen", "exec", "spawn", "posix_spawn", "fork")
FORBIDDEN_MODULES = {"subprocess", "jinja2", "mako", "pickle", "shelve", "marshal", "pty", "code"}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("state")
    command = [sys.executable, "-m", "tests.fakes.audited", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    return {**json.loads(done.stdout.splitlines()[-1]), "folder": str(folder)}


def test_no_request_runs_code_or_starts_a_process(told):
    """S-03, S-04: hostile texts in every field of every route, before Python's own audit hook."""
    run = [one for one in told["seen"] if not one[0].startswith(("open", "socket."))]
    assert run == []
    assert len(told["seen"]) > 5  # it does hear of something


def test_no_request_opens_a_file_outside_the_state_folder(told):
    """S-04: what is opened is the spool and the database."""
    opened = {what for event, what in told["seen"] if event == "open"}
    assert {path for path in opened if not path.startswith(told["folder"])} == set()


def test_no_request_names_whom_to_call(told):
    """S-06: connections go to the upstream of the configuration."""
    called = {what for event, what in told["seen"] if event.startswith("socket.")}
    ports = {str(port) for port in told["ports"]}
    assert called
    assert {what for what in called if not any(port in what for port in ports)} <= {"127.0.0.1"}


def test_nobody_is_called_before_the_first_request(told):
    """D-06: without a network it would start as well."""
    assert told["calls_at_start"] == []


def test_no_template_engine_is_loaded(told):
    """S-03: Mako comes with Alembic, and the audit hook says that it does nothing."""
    assert {"jinja2", "mako", "chameleon", "genshi"} & set(told["others"]) <= {"mako"}


def test_the_modules_of_a_gateway_hold_nothing_that_could_run_a_text(told):
    """S-03, S-04: by their source, whether or not a request of ours would reach it."""
    paths = {name: Path(path) for name, path in told["modules"].items()}
    root = paths["routewright"].parent
    for part in ("serve", "providers", "state"):  # what a request did not load, too
        for path in (root / part).rglob("*.py"):
            name = ".".join(("routewright", *path.relative_to(root).with_suffix("").parts))
            paths.setdefault(name.removesuffix(".__init__"), path)
    found = {name: runs for name, path in paths.items() if (runs := set(_runs(path)))}
    assert found == MAY_START


def _runs(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.Import(names=names):
                yield from (n.name for n in names if n.name.partition(".")[0] in FORBIDDEN_MODULES)
            case ast.ImportFrom(module=str(module), level=0):
                if module.partition(".")[0] in FORBIDDEN_MODULES:
                    yield module
            case ast.Call(func=ast.Name(id=name)) if name in FORBIDDEN_CALLS:
                yield name
            case ast.Attribute(value=ast.Name(id="os"), attr=name):
                if name.startswith(FORBIDDEN_OS):
                    yield f"os.{name}"
            case ast.Attribute(attr=name) if name.startswith("create_subprocess"):
                yield f"asyncio.{name}"
            case _:
                pass
