"""Database away or slow, process killed, bytes flipped: nothing is lost in silence."""

from __future__ import annotations

import time

import pytest
import sqlalchemy as sa

from routewright.config import Secret
from routewright.errors import StoreAwayError
from routewright.serve.ids import Ids
from routewright.state import tables
from routewright.state.keeper import Keeper
from routewright.state.reconcile import reconcile
from routewright.state.store import Store
from tests.fakes.rows import decision, outcome

IDS = Ids()


def keeper(folder, url: str = "sqlite:///state.db") -> Keeper:
    return Keeper(Store(Secret(url), folder), folder / "spool", IDS.new())


def stored(folder, table: sa.Table) -> list[dict[str, object]]:
    store = Store(Secret("sqlite:///state.db"), folder)
    rows = list(store.select(sa.select(table)))
    store.close()
    return rows


def until(holds, timeout_s: float = 20.0) -> None:
    end = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.02)


def test_the_gateway_starts_while_its_database_is_away(tmp_path):
    """D-01"""
    began = time.monotonic()
    away = keeper(tmp_path, "postgresql://rw:x@127.0.0.1:9/none")
    away.open()
    away.append([decision("d1")])
    assert time.monotonic() - began < 2
    assert away.shipper is not None
    assert "127.0.0.1" in away.shipper.away
    with pytest.raises(StoreAwayError):
        away.key_of(IDS.new())
    away.close()
    back = keeper(tmp_path)
    back.open()
    until(lambda: back.store.key_of("d1") == "")
    back.close()


def test_a_slow_database_holds_up_no_row(tmp_path, monkeypatch):
    """D-03"""
    slow = keeper(tmp_path)
    slow.open()
    write = slow.store.write
    monkeypatch.setattr(slow.store, "write", lambda rows: (time.sleep(2), write(rows))[1])
    slow.append([decision("d0", slow.next_seq())])
    time.sleep(0.7)  # the shipper is in the middle of it
    began = time.monotonic()
    for n in range(100):
        slow.append([decision(f"d{n + 1}", slow.next_seq())])
    assert time.monotonic() - began < 1.5
    slow.close(20)
    assert len(stored(tmp_path, tables.decisions)) == 101


def test_ids_stay_unique_and_ordered_when_the_clock_jumps(monkeypatch):
    """D-08"""
    ids = Ids()
    given: list[str] = []
    now = 1_800_000_000 * 10**9
    for jump_s in (0, -3600, 86_400, 10 * 365 * 86_400, -86_400, 1, 0):
        now += jump_s * 10**9
        monkeypatch.setattr("routewright.serve.ids.time.time_ns", lambda at=now: at)
        given += [ids.new() for _ in range(100)]
    assert given == sorted(set(given))


def test_two_workers_share_one_sqlite_file_and_one_spool(tmp_path):
    """D-09"""
    workers = [keeper(tmp_path) for _ in range(2)]
    for worker in workers:
        worker.open()
    for n in range(50):
        for worker in workers:
            seq = worker.next_seq()
            worker.append([decision(f"{worker.boot}-{n}", seq, boot=worker.boot)])
            worker.append([outcome(f"{worker.boot}-{n}")])
    assert workers[0].key_of(f"{workers[1].boot}-49") == ""
    for worker in workers:
        worker.close()
    store = Store(Secret("sqlite:///state.db"), tmp_path)
    report = reconcile([], [], store)
    store.close()
    assert (report.decisions, report.unexplained, report.gaps) == (100, 0, ())
