"""Where the ledger's entries go: one journal file, or spool and database. Blocking."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from routewright.config import Settings, StateSettings
from routewright.data.journal import Journal
from routewright.errors import RequestError
from routewright.serve.ids import Ids
from routewright.serve.rows import Ended, Entry, Kept, Said, joined, row_of

if TYPE_CHECKING:
    from routewright.serve.keyring import Keyring
    from routewright.state.keeper import Keeper

logger = logging.getLogger(__name__)


class Sink(Protocol):
    """Keeps entries."""

    def open(self) -> None:
        """Get ready; raises what makes starting pointless."""
        ...

    def next_seq(self) -> int:
        """The number of the next decision, from 1; 0 where they wait for their outcome."""
        ...

    def write(self, entries: Sequence[Entry]) -> list[Entry]:
        """Keep entries on disk, and return those that can never be kept.

        Raises:
            OSError: the disk is full or failing, and none is kept.
        """
        ...

    def close(self) -> None:
        """Let go; safe to call twice."""
        ...


class JournalSink:
    """A journal with one row a request, written when it has ended."""

    def __init__(self, path: Path) -> None:
        self._journal = Journal(path)

    def open(self) -> None:
        """Open and lock the file.

        Raises:
            DataError: another process writes it, or it is damaged.
        """
        self._journal.open()

    def next_seq(self) -> int:
        """A row is written when its request has ended."""
        return 0

    def write(self, entries: Sequence[Entry]) -> list[Entry]:
        """Append the outcomes among the entries; decisions are in them."""
        ended = [entry for entry in entries if isinstance(entry, Ended)]

        def append(some: Sequence[Ended]) -> None:
            if some:
                self._journal.append_all([joined(entry) for entry in some])

        return _each_if_need_be(append, ended)

    def close(self) -> None:
        """Close the file."""
        self._journal.close()


class StateSink:
    """The spool and the database behind it."""

    def __init__(self, keeper: Keeper) -> None:
        self.keeper = keeper

    def open(self) -> None:
        """Make the spool.

        Raises:
            ConfigError: it cannot be made, or the database is of a newer schema.
        """
        self.keeper.open()

    def next_seq(self) -> int:
        """The number of this worker's next decision."""
        return self.keeper.next_seq()

    def write(self, entries: Sequence[Entry]) -> list[Entry]:
        """Append to the spool, and tell those who wait for it."""

        def append(some: Sequence[Entry]) -> None:
            self.keeper.append([row_of(entry, self.keeper.boot) for entry in some])

        lost: list[Entry] = []
        if any(isinstance(entry, Kept) for entry in entries) and self.keeper.content_full:
            lost = [entry for entry in entries if isinstance(entry, Kept)]
            entries = [entry for entry in entries if not isinstance(entry, Kept)]
        lost += _each_if_need_be(append, entries)
        for entry in entries:
            if isinstance(entry, Kept) and entry not in lost:
                entry.done()
            if isinstance(entry, Said):
                failed = entry in lost
                entry.done(RequestError("the feedback cannot be stored") if failed else None)
        return lost

    def close(self) -> None:
        """Ship what is left, within a time."""
        self.keeper.close()


def make_sink(settings: Settings) -> Sink | None:
    """What keeps the rows of a gateway with these settings; None where they name nothing.

    Raises:
        ConfigError: the database's URL cannot be used.
        MissingExtraError: its driver is not installed.
    """
    gateway = settings.gateway
    if gateway.state is None:
        return JournalSink(settings.path(gateway.decisions)) if gateway.decisions else None
    # Imported where it is needed: the SQL layer is for those who keep state in a database.
    from routewright.state.keeper import Keeper
    from routewright.state.store import Store

    return StateSink(
        Keeper(
            Store(gateway.state.url, Path(settings.folder)),
            settings.path(gateway.state.spool),
            Ids().new(),
            content_days=gateway.content.days,
            content_bytes=int(gateway.content.max_mb * 1e6),
        )
    )


def make_keyring(settings: Settings, sink: Sink | None) -> Keyring | None:
    """What knows the keys of a sink's database; None where there is no database."""
    if not isinstance(sink, StateSink) or settings.gateway.state is None:
        return None
    from routewright.serve.keyring import Keyring
    from routewright.state.keys import Keys

    return Keyring(Keys(sink.keeper.store), settings.path(settings.gateway.state.spool))


def with_state(settings: Settings) -> Settings:
    """Settings of a server: it keeps its state, in a SQLite file where nothing else is said."""
    gateway = settings.gateway
    if gateway.state is not None or gateway.decisions:
        return settings
    gateway = msgspec.structs.replace(gateway, state=StateSettings())
    return msgspec.structs.replace(settings, gateway=gateway)


def _each_if_need_be(append: Callable[[Any], None], entries: Sequence[Any]) -> list[Any]:
    """Append all at once, or one by one where one of them is no JSON; returns those."""
    try:
        append(entries)
        return []
    except OSError:
        raise
    except Exception:
        if len(entries) == 1:
            logger.exception("a row cannot be written")
            return list(entries)
    return [bad for entry in entries for bad in _each_if_need_be(append, [entry])]
