"""Database away or slow, process killed, bytes flipped: nothing is lost in silence."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time

import pytest
import sqlalchemy as sa

from routewright.config import Secret, StateSettings
from routewright.errors import StoreAwayError
from routewright.serve.gateway import Gateway
from routewright.serve.ids import Ids
from routewright.state import tables
from routewright.state.keeper import Keeper
from routewright.state.reconcile import ClientLine, UpstreamLine, reconcile
from routewright.state.store import Store
from tests.fakes.gateway import ByWord, scripted_settings, served
from tests.fakes.postgres import Postgres
from tests.fakes.rows import decision, feedback, outcome
from tests.fakes.upstream import Upstream

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


def load_while(url: str, folder, disturb) -> tuple[list[ClientLine], list[int], Upstream]:
    """Requests and feedback from four clients while ``disturb`` does its work."""
    seen: list[ClientLine] = []
    failed: list[int] = []
    with Upstream() as upstream:
        state = StateSettings(url=Secret(url))
        settings = scripted_settings(upstream.url, folder, decisions="", state=state)
        gateway = Gateway(settings, router=ByWord())
        with served(gateway) as running:
            over = threading.Event()

            def client(at: int) -> None:
                n = 0
                while not over.is_set():
                    n += 1
                    name = f"{at}-{n}"
                    reply = running.chat(name, user=name, stream=n % 2 == 0)
                    if reply.status != 200:
                        failed.append(reply.status)
                        continue
                    id_ = reply.headers["x-routewright-decision-id"]
                    seen.append(ClientLine(name, id_, "complete"))
                    if n % 5 == 0:
                        said = running.request(
                            "POST", "/v1/feedback", {"decision_id": id_, "mark": n % 6}
                        )
                        if said.status == 200:
                            seen.append(ClientLine(feedback_id=said.json["id"]))
                        else:
                            failed.append(said.status)
                    time.sleep(0.01)

            threads = [threading.Thread(target=client, args=(at,)) for at in range(4)]
            for thread in threads:
                thread.start()
            disturb()
            over.set()
            for thread in threads:
                thread.join()
    return seen, failed, upstream


def outage(tmp_path, away_s: float) -> dict[str, int]:
    with Postgres() as server:

        def disturb() -> None:
            time.sleep(0.5)
            server.stop()
            time.sleep(away_s)
            server.start()
            time.sleep(0.5)

        seen, failed, upstream = load_while(server.url, tmp_path, disturb)
        assert failed == []
        spool = tmp_path / "routewright-spool"
        if list(spool.iterdir()):  # what the end had no time for, the next start ships
            next_one = Keeper(Store(Secret(server.url)), spool, IDS.new())
            next_one.open()
            until(lambda: len(list(spool.glob("*.boot"))) == 1, 30)
            next_one.close()
        asked = [UpstreamLine(request["user"]) for request in upstream.requests]
        store = Store(Secret(server.url))
        report = reconcile(seen, asked, store)
        store.close()
    assert (report.missing, report.unexplained, report.gaps) == (0, 0, ())
    assert report.decisions == len(asked) > 50
    return {"requests": len(asked), "client_errors": 0, "missing": 0, "duplicated": 0}


def test_a_database_that_goes_away_under_load_costs_nothing(tmp_path, figures):
    """D-02"""
    figures("D-02", **outage(tmp_path, 1.5))


@pytest.mark.nightly
def test_ten_minutes_without_database_cost_nothing(tmp_path, figures):
    """D-02"""
    figures("D-02", minutes=10, **outage(tmp_path, 600))


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


KILLED = """
import sys
from pathlib import Path
from routewright.config import Secret
from routewright.serve.ids import Ids
from routewright.state.keeper import Keeper
from routewright.state.store import Store
from tests.fakes.rows import decision, outcome
folder = Path(sys.argv[1])
ids = Ids()
keeper = Keeper(Store(Secret("sqlite:///state.db"), folder), folder / "spool", ids.new())
keeper.open()
print("open", flush=True)
while True:
    numbered = [(keeper.next_seq(), ids.new()) for _ in range(8)]
    keeper.append([decision(id_, n, boot=keeper.boot) for n, id_ in numbered])
    print(*(id_ for _, id_ in numbered), flush=True)
    keeper.append([outcome(id_) for _, id_ in numbered[:5]])
"""


def kill_loop(tmp_path, rounds: int) -> dict[str, int]:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    told: list[ClientLine] = []
    chance = random.Random(7)
    for _ in range(rounds):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
            env=env,
        )
        assert process.stdout
        assert process.stdout.readline() == "open\n"
        time.sleep(chance.random() * 0.7)
        process.send_signal(signal.SIGKILL)
        lines = process.communicate()[0].split("\n")
        told += [ClientLine(decision_id=id_) for line in lines[:-1] for id_ in line.split()]
    last = keeper(tmp_path)
    last.open()
    until(lambda: len(list((tmp_path / "spool").glob("*.boot"))) == 1, 60)
    report = reconcile(told, [], last.store)
    last.close()
    assert (report.missing, report.unexplained) == (0, 0)
    assert report.gap_rows <= 8 * rounds  # the batch that was being written, as numbers say
    assert sum(not boot["clean"] for boot in stored(tmp_path, tables.boots)) == rounds
    return {"kills": rounds, "decisions": report.decisions, "in_gaps": report.gap_rows}


def test_a_killed_process_loses_what_it_had_not_written_and_says_so(tmp_path, figures):
    """D-07"""
    figures("D-07", **kill_loop(tmp_path, 5))


@pytest.mark.nightly
def test_a_process_killed_five_hundred_times_loses_nothing_in_silence(tmp_path, figures):
    """D-07"""
    figures("D-07", **kill_loop(tmp_path, 500))


def flipped(tmp_path, mutations: int) -> int:
    """Change one byte of a dead worker's spool at a time; returns how often it went unnoticed."""
    chance = random.Random(11)
    rows = [decision(f"d{n}", n + 1, boot="dead") for n in range(20)] + [feedback("f", "d1")]
    (tmp_path / "spool").mkdir()
    from routewright.state.spool import Writer, read_segment

    writer = Writer(tmp_path / "spool", "dead")
    writer.append(rows)
    writer.close()
    path = tmp_path / "spool" / "dead-000001.jsonl"
    whole = path.read_bytes()
    unnoticed = 0
    for _ in range(mutations):
        at = chance.randrange(len(whole))
        path.write_bytes(
            whole[:at] + bytes([whole[at] ^ chance.randrange(1, 256)]) + whole[at + 1 :]
        )
        read = [row for row, _, _ in read_segment(path) if row is not None]
        unnoticed += len(read) >= len(rows) or any(row not in rows for row in read)
    return unnoticed


def test_a_flipped_byte_in_the_spool_is_noticed(tmp_path, figures):
    """D-10"""
    assert flipped(tmp_path, 300) == 0


@pytest.mark.nightly
def test_ten_thousand_flipped_bytes_are_noticed(tmp_path, figures):
    """D-10"""
    unnoticed = flipped(tmp_path, 10_000)
    figures("D-10", mutations=10_000, unnoticed=unnoticed)
    assert unnoticed == 0


def test_a_damaged_line_is_kept_aside_and_leaves_a_gap(tmp_path):
    """D-10"""
    first = keeper(tmp_path)
    first.open()
    assert first.shipper is not None
    first.shipper.close(5)  # nobody ships: the rows stay
    (tmp_path / "spool").mkdir(exist_ok=True)
    from routewright.state.spool import Mark, Writer

    mark = Mark.make(tmp_path / "spool", "dead")
    writer = Writer(tmp_path / "spool", "dead")
    writer.append([decision(f"d{n}", mark.next_seq(), boot="dead") for n in range(3)])
    writer.append([outcome("d0"), outcome("d2")])
    writer.close()
    mark.release()
    path = tmp_path / "spool" / "dead-000001.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"id":"d1"', b'"id":"dX"'))
    second = keeper(tmp_path)
    second.open()
    until(lambda: not path.exists())
    assert b"dX" in path.with_name(path.name + ".damaged").read_bytes()
    until(lambda: not (tmp_path / "spool" / "dead.boot").exists())
    report = reconcile([], [], second.store)
    second.close()
    assert [(gap.boot, gap.first, gap.last) for gap in report.gaps] == [("dead", 2, 2)]
    assert report.without_outcome == 0


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
