from __future__ import annotations

import asyncio
import errno
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import pytest

from routewright.data.journal import Journal
from routewright.errors import DataError
from routewright.serve.call import Call
from routewright.serve.ledger import BATCH_ROWS, Ledger
from routewright.serve.rows import Ended, Entry
from routewright.serve.sinks import JournalSink
from routewright.serve.wire import chat_request
from routewright.types import Decision

if TYPE_CHECKING:
    from routewright.serve.generation import Generation

REQUEST = chat_request({"model": "auto", "messages": [{"role": "user", "content": "secret words"}]})


def call(name: str = "d") -> Call:
    made = Decision(name, "cheap", "why", 0.1, 1.0, ())
    return Call(REQUEST, made, cast("Generation", None))  # which is never asked


class Disk:
    """A sink that takes nothing while it is full, or rows it is told to refuse."""

    def __init__(self) -> None:
        self.full = False
        self.poison = ""
        self.kept: list[Entry] = []
        self.tried = threading.Event()

    def open(self) -> None: ...

    def next_seq(self) -> int:
        return 1

    def write(self, entries: Sequence[Entry]) -> list[Entry]:
        self.tried.set()
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        lost = [e for e in entries if isinstance(e, Ended) and e.decision.id == self.poison]
        self.kept += [e for e in entries if e not in lost]
        return lost

    def close(self) -> None: ...


async def test_what_was_recorded_is_on_disk_after_closing(tmp_path):
    ledger = Ledger(JournalSink(tmp_path / "rows"))
    await ledger.start()
    for n in range(200):
        ledger.decided(call(str(n)))
        ledger.ended(call(str(n)), "complete", None, None)
    await ledger.aclose()
    await ledger.aclose()
    rows = Journal(tmp_path / "rows").rows()
    assert [row["decision"]["id"] for row in rows] == [str(n) for n in range(200)]
    assert not ledger.dropped
    assert b"secret words" not in (tmp_path / "rows").read_bytes()


async def test_a_request_ends_once(tmp_path):
    ledger = Ledger(JournalSink(tmp_path / "rows"))
    await ledger.start()
    one = call()
    ledger.ended(one, "partial", None, None)
    ledger.ended(one, "failed", None, None)
    await ledger.aclose()
    assert [row["state"] for row in Journal(tmp_path / "rows").rows()] == ["partial"]


async def test_a_full_disk_costs_no_request_and_rows_are_counted_by_kind(caplog):
    """D-04: what does not fit the queue is counted; what does is written when space returns."""
    disk = Disk()
    disk.full = True
    ledger = Ledger(disk, queue_rows=BATCH_ROWS)
    await ledger.start()
    for n in range(BATCH_ROWS):
        ledger.decided(call(str(n)))
    assert disk.tried.wait(5)
    began = time.monotonic()
    for n in range(BATCH_ROWS // 2 + 100):
        ledger.decided(call(str(n)))
        ledger.ended(call(str(n)), "complete", None, None)
    assert time.monotonic() - began < 1
    assert "No space left" in ledger.trouble
    disk.full = False
    await ledger.aclose()
    assert not ledger.trouble
    assert len(disk.kept) == 2 * BATCH_ROWS
    assert ledger.dropped == {"decision": 100, "outcome": 100}
    assert "decisions cannot be written" in caplog.text
    assert "can be written again" in caplog.text


async def test_a_row_that_cannot_be_written_costs_only_itself():
    disk = Disk()
    disk.poison = "1"
    ledger = Ledger(disk)
    await ledger.start()
    for n in range(3):
        ledger.ended(call(str(n)), "complete", None, None)
    await ledger.aclose()
    assert [e.decision.id for e in disk.kept if isinstance(e, Ended)] == ["0", "2"]
    assert ledger.dropped == {"outcome": 1}


async def test_a_disk_that_never_takes_anything_does_not_hold_up_the_end():
    disk = Disk()
    disk.full = True
    ledger = Ledger(disk)
    await ledger.start()
    ledger.ended(call(), "complete", None, None)
    began = time.monotonic()
    await ledger.aclose()
    assert time.monotonic() - began < 5
    assert ledger.dropped == {"outcome": 1}


async def test_a_row_does_not_wait_for_a_full_batch():
    disk = Disk()
    ledger = Ledger(disk)
    await ledger.start()
    ledger.decided(call())
    await asyncio.sleep(0.5)
    assert len(disk.kept) == 1
    await ledger.aclose()


async def test_a_second_writer_is_refused(tmp_path):
    first, second = (Ledger(JournalSink(tmp_path / "rows")) for _ in range(2))
    await first.start()
    with pytest.raises(DataError, match="another process"):
        await second.start()
    await second.aclose()
    await first.aclose()


async def test_without_a_sink_nothing_is_kept():
    ledger = Ledger(None)
    await ledger.start()
    ledger.ended(call(), "complete", None, None)
    await ledger.aclose()
    assert not ledger.dropped
