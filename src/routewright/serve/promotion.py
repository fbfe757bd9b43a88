"""Which artefact is in force on this host: the configured one, or one that was promoted over it.

A pointer in the spool's folder says so, replaced in one step, so that a gateway that starts comes
up with what was promoted. Where the configuration names another artefact than the one that was
promoted over, the configuration counts.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Generator
from pathlib import Path
from typing import Literal

import msgspec

from routewright.config import Settings
from routewright.errors import ConfigError, RefusedError, StoreAwayError

FILE = "artefact.json"
LOCK = "artefact.lock"
MOST_TOLD = 200  # changes that are remembered


class Held(msgspec.Struct, frozen=True):
    """An artefact: its folder, "" for none, and its name with the fingerprint of its content."""

    path: str
    name: str


class Change(msgspec.Struct, frozen=True):
    """What was put in force, when (Unix seconds), and in place of what."""

    at: float
    action: Literal["promote", "rollback"]
    artefact: str
    former: str


class Pointer(msgspec.Struct, frozen=True):
    """``held`` are the configured artefact and those promoted over it, the one in force last."""

    held: tuple[Held, ...] = ()
    log: tuple[Change, ...] = ()

    def promoted(self, now: Held, fresh: Held) -> Pointer:
        """The pointer once ``fresh`` is in force over ``now``."""
        held = self.held or (now,)
        return self._changed("promote", (*held[:-1], now, fresh))

    def rolled_back(self) -> Pointer:
        """The pointer once the former artefact is in force again."""
        return self._changed("rollback", self.held[:-1])

    def _changed(self, action: Literal["promote", "rollback"], held: tuple[Held, ...]) -> Pointer:
        former = self.held[-1] if action == "rollback" else held[-2]
        change = Change(time.time(), action, held[-1].name, former.name)
        return Pointer(held, (*self.log, change)[-MOST_TOLD:])


def pointer_of(settings: Settings) -> Pointer:
    """The pointer over the configured artefact.

    Raises:
        ConfigError: it cannot be read.
    """
    folder = folder_of(settings)
    if folder is None:
        return Pointer()
    path = folder / FILE
    try:
        pointer = msgspec.json.decode(path.read_bytes(), type=Pointer)
    except FileNotFoundError:
        return Pointer()
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path}: cannot be read ({error}); delete it to go back to the configured artefact"
        ) from error
    if pointer.held and pointer.held[0].path != _configured(settings):
        return Pointer(log=pointer.log)
    return pointer


def in_force(settings: Settings, artefact: str | None = None) -> Settings:
    """The settings with the artefact that is in force, or with the one that is given.

    Raises:
        ConfigError: the pointer cannot be read.
    """
    if artefact is None:
        held = pointer_of(settings).held
        artefact = held[-1].path if held else None
    if artefact is None or artefact == _configured(settings):
        return settings
    gateway = msgspec.structs.replace(settings.gateway, artefact=artefact)
    return msgspec.structs.replace(settings, gateway=gateway)


def candidate(settings: Settings, given: str) -> str:
    """The folder of an artefact to promote: below the configuration, or beside the artefact.

    Raises:
        RefusedError: it lies elsewhere on this host.
    """
    path = settings.path(given).resolve()
    homes = [Path(settings.folder).resolve()]
    if configured := _configured(settings):
        homes.append(Path(configured).resolve().parent)
    if not given or not any(path.is_relative_to(home) for home in homes):
        raise RefusedError(
            f"{given!r} lies neither below {homes[0]} nor beside the configured artefact; "
            "copy it there"
        )
    return str(path)


def write_pointer(settings: Settings, pointer: Pointer) -> None:
    """Replace the pointer, in one step and for good.

    Raises:
        StoreAwayError: the disk takes nothing.
    """
    folder = _folder(settings)
    fresh = folder / f"{FILE}.new"
    try:
        with fresh.open("wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(pointer)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(folder / FILE)
        directory = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise StoreAwayError(f"{folder / FILE}: {error.strerror}; nothing was changed") from error


@contextlib.contextmanager
def alone(settings: Settings) -> Generator[None]:
    """One change at a time on this host.

    Raises:
        RefusedError: another is under way.
        StoreAwayError: the spool's folder cannot be written.
    """
    folder = folder_of(settings)
    if folder is None:
        yield
        return
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreAwayError(f"{folder}: {error.strerror}; nothing was changed") from error
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RefusedError("another reload or promotion is under way; try again") from None
        yield
    finally:
        os.close(file)


def folder_of(settings: Settings) -> Path | None:
    """Where the pointer is; None for a gateway without state."""
    state = settings.gateway.state
    return None if state is None else settings.path(state.spool)


def _folder(settings: Settings) -> Path:
    folder = folder_of(settings)
    if folder is None:
        raise RefusedError("a promotion is kept beside the state: set gateway.state.url")
    return folder


def _configured(settings: Settings) -> str:
    named = settings.gateway.artefact
    return str(settings.path(named).absolute()) if named else ""
