"""The folder of an import: made beside itself, put in place as a whole, never overwritten.

While it is made, ``import.json`` says that it was begun and with what; everything else is written
in ``.import`` and moved when it is whole, the prompts last. So a folder with prompts holds all that
belongs to them, a killed import begins again, and another log is refused.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from routewright.data.logs.source import Source
from routewright.errors import DataError
from routewright.types import JsonObject, json_object

MANIFEST = "import.json"
PROMPTS = "imported.jsonl"  # not prompts.*: those are tables that judge writes into the same folder
ANSWERS = "answers.journal"  # collect's name for it: it goes on from there
DROPPED = "dropped.jsonl"
SOURCES = "sources.jsonl"
_IN_ORDER = (DROPPED, SOURCES, ANSWERS, PROMPTS)
_FOREIGN = (*_IN_ORDER, "manifest.json")


class ImportFolder:
    """One import's folder, locked against a second one while it is open."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.work = path / ".import"
        self._lock: int | None = None

    def __enter__(self) -> Self:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.path / ".import.lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise DataError(f"{self.path}: cannot be written ({error.strerror})") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._lock)
            self._lock = None
            raise DataError(
                f"{self.path}: another import is writing it; wait for it or choose another folder"
            ) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        shutil.rmtree(self.work, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def begin(self, facts: JsonObject) -> dict[str, Any] | None:
        """Start an import, or return the manifest of the same one where it is complete.

        Raises:
            DataError: the folder holds another import, or what another stage made.
        """
        path = self.path / MANIFEST
        before = _read(path)
        if before is not None and before.get("state") == "begun" and not self._holds_any():
            before = None  # killed before anything was in place: any log may begin
        if before is None:
            self._refuse_foreign()
        else:
            _refuse_others(path, before, facts)
        if before is not None and before.get("state") == "complete":
            for name in _IN_ORDER:
                if not (self.path / name).exists():
                    raise DataError(
                        f"{self.path / name}: is gone from a complete import; choose another folder"
                    )
            return before
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir()
        if before is None:
            _write(path, {**facts, "state": "begun"})
        return None

    def finish(self, facts: JsonObject, told: JsonObject) -> dict[str, Any]:
        """Put the files in place; the manifest that says so comes last."""
        for name in _IN_ORDER:
            (self.work / name).replace(self.path / name)
        manifest = {**facts, "state": "complete", **told}
        _write(self.path / MANIFEST, manifest)
        return manifest

    def abandon(self) -> None:
        """Leave nothing of an import that found no prompt."""
        shutil.rmtree(self.work, ignore_errors=True)
        if self._holds_any():
            return
        (self.path / MANIFEST).unlink(missing_ok=True)
        (self.path / ".import.lock").unlink(missing_ok=True)
        if not any(self.path.iterdir()):
            self.path.rmdir()

    def _refuse_foreign(self) -> None:
        for name in _FOREIGN:
            if (self.path / name).exists():
                raise DataError(
                    f"{self.path}: already holds {name}, which no import made; "
                    "choose another folder with --out"
                )

    def _holds_any(self) -> bool:
        return any((self.path / name).exists() for name in _IN_ORDER)


def _refuse_others(path: Path, before: JsonObject, facts: JsonObject) -> None:
    for name, fact in facts.items():
        if before.get(name) != fact:
            raise DataError(
                f"{path}: this folder was begun with another {name}; "
                "choose another folder with --out, so that imports do not mix"
            )


def fingerprint(source: Source) -> str:
    """One digest of all files of a log, with their names within it."""
    whole = hashlib.sha256()
    for file in source.files():
        whole.update(f"{source.place(file)}\0".encode("utf-8", "surrogateescape"))
        with file.open("rb") as opened:
            whole.update(hashlib.file_digest(opened, "sha256").digest())
    return whole.hexdigest()


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        manifest = json_object(msgspec.json.decode(content))
    except msgspec.DecodeError:
        manifest = None
    if manifest is None or manifest.get("format") != "routewright-import":
        raise DataError(f"{path}: is no import's manifest; choose another folder with --out")
    return manifest


def _write(path: Path, content: JsonObject) -> None:
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")
    temporary.replace(path)
