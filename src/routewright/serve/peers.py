"""How the workers of one port agree on what is in force: all try it before any takes it.

Each worker listens on a socket in a folder that is theirs alone. A line asks it to try; it says
what it would put in force, or why it will not, and waits for ``apply`` or ``drop``. One whose asker
has died on the way reads again what is on disk, as a worker that starts would.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from routewright.errors import RefusedError

if TYPE_CHECKING:
    from routewright.serve.gateway import Gateway
    from routewright.serve.generation import Generation

logger = logging.getLogger(__name__)

TRY_S = 120.0  # how long a worker may take to load and try an artefact
APPLY_S = 10.0
_APPLY, _DROP = b"apply\n", b"drop\n"
_GONE = (OSError, EOFError, asyncio.IncompleteReadError, msgspec.DecodeError)


class Ask(msgspec.Struct, frozen=True):
    """What to try: this artefact, or where None what is on disk."""

    artefact: str | None = None


class Told(msgspec.Struct, frozen=True):
    """What a worker has to say: ``artefact`` is its name, ``refused`` why it will not have it."""

    pid: int
    artefact: str = ""
    refused: str = ""


class _GoneError(RefusedError):
    """Who asked is no longer there."""


class Peers:
    """One worker among those of a port.

    Args:
        folder: where their sockets are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._socket: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._again: set[asyncio.Task[None]] = set()

    def listen(self) -> None:
        """Be there for the others, before the configuration is read: what changes then is asked."""
        path = self._folder / f"{os.getpid()}.sock"
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(path))
        self._socket.listen()

    async def start(self, gateway: Gateway) -> None:
        """Begin to answer; safe to call twice."""
        if self._socket is None or self._server is not None:
            return

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await self._answer(gateway, reader, writer)
            except _GONE:
                logger.warning("another worker asked for a reload and is gone")
            finally:
                writer.close()

        self._server = await asyncio.start_unix_server(answer, sock=self._socket)

    async def aclose(self) -> None:
        """Be there no longer; safe to call twice."""
        if self._server is not None:
            self._server.close()
        elif self._socket is not None:
            self._socket.close()
        self._server = self._socket = None
        (self._folder / f"{os.getpid()}.sock").unlink(missing_ok=True)
        for task in tuple(self._again):
            task.cancel()

    def others(self) -> list[Path]:
        """The sockets of the other workers, dead ones among them."""
        mine = f"{os.getpid()}.sock"
        return sorted(path for path in self._folder.glob("*.sock") if path.name != mine)

    async def _answer(
        self, gateway: Gateway, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        asked = msgspec.json.decode(await reader.readline(), type=Ask)

        async def agree(fresh: Generation) -> None:
            await _say(writer, Told(os.getpid(), fresh.decider.artefact))
            said = await reader.readline()
            if said == _DROP:
                raise RefusedError("another worker refused")
            if said != _APPLY:
                raise _GoneError("the worker that asked is gone")

        try:
            await gateway.reload(artefact=asked.artefact, agree=agree)
        except _GoneError:
            task = asyncio.create_task(_reload(gateway))
            self._again.add(task)
            task.add_done_callback(self._again.discard)
        except Exception as error:  # whatever it is, the others must hear of it
            await _say(writer, Told(os.getpid(), refused=_line(error)))
        else:
            await _say(writer, Told(os.getpid(), gateway.decider.artefact))


class Others:
    """The other workers, as one of them asks them all.

    Use it as an asynchronous context manager: those that have not been told to apply by its end
    drop what they have tried.
    """

    def __init__(self, peers: Peers | None, artefact: str | None) -> None:
        self._peers = peers
        self._ask = Ask(artefact)
        self._asked: set[Path] = set()
        self._open: dict[int, tuple[asyncio.StreamReader, asyncio.StreamWriter]] = {}

    async def __aenter__(self) -> Others:
        return self

    async def __aexit__(self, *_: object) -> None:
        for _reader, writer in self._open.values():
            with contextlib.suppress(OSError):
                writer.write(_DROP)
                await writer.drain()
            writer.close()

    async def try_it(self) -> Sequence[Told]:
        """What those that have not been asked yet say of it; dead ones are left out."""
        if self._peers is None:
            return []
        paths = [path for path in self._peers.others() if path not in self._asked]
        self._asked.update(paths)
        told = await asyncio.gather(*(self._try_one(path) for path in paths))
        return [each for each in told if each is not None]

    async def apply(self) -> list[Told]:
        """Have all that have tried it take it."""
        told = await asyncio.gather(*(self._apply_one(pid) for pid in tuple(self._open)))
        return list(told)

    async def _try_one(self, path: Path) -> Told | None:
        pid = int(path.stem) if path.stem.isdecimal() else 0
        try:
            async with asyncio.timeout(TRY_S):
                reader, writer = await asyncio.open_unix_connection(str(path))
                await _say(writer, self._ask)
                told = msgspec.json.decode(await reader.readline(), type=Told)
        except TimeoutError:
            return Told(pid, refused=f"it did not answer within {TRY_S:g} s")
        except ConnectionRefusedError:  # it died without taking its socket along
            await asyncio.to_thread(path.unlink, missing_ok=True)
            return None
        except _GONE:  # it ends; its successor reads what is on disk
            return None
        if told.refused:
            writer.close()
        else:
            self._open[told.pid] = reader, writer
        return told

    async def _apply_one(self, pid: int) -> Told:
        reader, writer = self._open.pop(pid)
        try:
            async with asyncio.timeout(APPLY_S):
                writer.write(_APPLY)
                await writer.drain()
                return msgspec.json.decode(await reader.readline(), type=Told)
        except (TimeoutError, *_GONE):
            return Told(pid, refused="it has ended; its successor reads what is in force")
        finally:
            writer.close()


async def _say(writer: asyncio.StreamWriter, what: msgspec.Struct) -> None:
    writer.write(msgspec.json.encode(what) + b"\n")
    await writer.drain()


async def _reload(gateway: Gateway) -> None:
    try:
        await gateway.reload()
    except Exception as error:
        logger.warning("reload refused, the old configuration stays in force: %s", error)


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
