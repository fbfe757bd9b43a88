"""What an artefact promises: the same router, or a refusal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from routewright.errors import ArtefactError
from routewright.routers.artefact import ARRAYS, MANIFEST, load_router
from routewright.routers.checks.subject import Subject, hold, same
from routewright.routers.manifest import FORMAT_VERSION, seal

_ELSEWHERE = """
import importlib, sys
from pathlib import Path
from routewright.routers.artefact import load_router
from routewright.types import Message, Prompt
kind = importlib.import_module(sys.argv[2])
for name in sys.argv[3].split("."):
    kind = getattr(kind, name)
told = load_router(Path(sys.argv[1]), kind).predict([
    Prompt.from_text(*line.split("\\t")) for line in sys.stdin.read().splitlines()
])
print((told.scores.tobytes() + told.costs.tobytes() + told.std.tobytes()).hex())
"""


def check_not_fitted_is_not_saved(subject: Subject) -> None:
    """A router that was not fitted is not saved: RuntimeError, and nothing is written."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            subject.make().save(Path(folder) / "router")
        except RuntimeError as error:
            hold("fit" in str(error), error)
        else:
            raise AssertionError("it was saved")
        hold(not any(Path(folder).iterdir()), "something was written")


def check_saved_predicts_the_same(subject: Subject) -> None:
    """Save → load gives the same predictions bit for bit, and the same bytes again."""
    with _saved(subject) as first:
        second = first.with_name("second")
        loaded = load_router(first, type(subject.fitted))
        loaded.save(second)
        same(subject.told, loaded.predict(subject.data.prompts))
        hold(loaded.params() == subject.fitted.params(), "parameters")
        for file in first.iterdir():
            hold(file.read_bytes() == (second / file.name).read_bytes(), file.name)


def check_saved_predicts_the_same_elsewhere(subject: Subject) -> None:
    """Another process that loads the artefact predicts the same, bit for bit.

    A class that only exists in this process (in a function, in a script) is left out.
    """
    kind = type(subject.fitted)
    if "<" in kind.__qualname__ or kind.__module__ == "__main__" or subject.is_bound:
        return
    prompts = subject.data.prompts[:8]
    asked = "\n".join(f"{prompt.id}\t{prompt.text}" for prompt in prompts)
    plain = [type(prompt).from_text(prompt.id, prompt.text) for prompt in prompts]
    told = subject.fitted.predict(plain)
    with _saved(subject) as path:
        done = subprocess.run(
            [sys.executable, "-c", _ELSEWHERE, str(path), kind.__module__, kind.__qualname__],
            input=asked,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    hold(done.returncode == 0, done.stderr[-1_000:])
    here = told.scores.tobytes() + told.costs.tobytes() + told.std.tobytes()
    hold(done.stdout.strip() == here.hex(), "predictions differ")


def check_other_version_refused(subject: Subject) -> None:
    """An artefact of another format version is refused, not guessed at."""
    for found in (FORMAT_VERSION - 1, FORMAT_VERSION + 1):
        with _saved(subject) as path:
            manifest = json.loads((path / MANIFEST).read_text())
            (path / MANIFEST).write_bytes(seal(manifest | {"format_version": found}))
            _refuses(subject, path)


def check_damage_refused(subject: Subject) -> None:
    """An artefact with a byte changed, anywhere in it, is refused."""
    rng = np.random.default_rng(4)
    for name in (ARRAYS, MANIFEST) * 3:
        with _saved(subject) as path:
            raw = bytearray((path / name).read_bytes())
            raw[int(rng.integers(len(raw)))] ^= 1 << int(rng.integers(8))
            (path / name).write_bytes(bytes(raw))
            _refuses(subject, path)


def check_saving_replaces(subject: Subject) -> None:
    """Saving over an artefact replaces the whole of it and leaves nothing beside it."""
    with _saved(subject) as path:
        (path / "of the old one").write_text("x")
        (path / ARRAYS).write_bytes(b"damaged")
        subject.fitted.save(path)
        hold(sorted(p.name for p in path.iterdir()) == [ARRAYS, MANIFEST], "files")
        hold([p.name for p in path.parent.iterdir()] == [path.name], "left beside it")
        same(load_router(path, type(subject.fitted)).predict(subject.data.prompts), subject.told)


def check_saving_writes_nowhere_else(subject: Subject) -> None:
    """Saving writes its two files in the folder given, and nothing where it was started."""
    here = _here()
    with _saved(subject) as path:
        hold(sorted(p.name for p in path.iterdir()) == [ARRAYS, MANIFEST], "files")
        hold([p.name for p in path.parent.iterdir()] == [path.name], "left beside it")
    hold(_here() == here, "the working directory has changed")


@contextmanager
def _saved(subject: Subject) -> Generator[Path]:
    """The router's artefact in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "router"
        subject.fitted.save(path)
        yield path


def _here() -> list[str]:
    return sorted(path.name for path in Path().iterdir())


def _refuses(subject: Subject, path: Path) -> None:
    try:
        load_router(path, type(subject.fitted))
    except ArtefactError as error:
        hold("\n" not in str(error), error)
    else:
        raise AssertionError("it was read")


CHECKS = (
    check_not_fitted_is_not_saved,
    check_saved_predicts_the_same,
    check_saved_predicts_the_same_elsewhere,
    check_other_version_refused,
    check_damage_refused,
    check_saving_replaces,
    check_saving_writes_nowhere_else,
)
