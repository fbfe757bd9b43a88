"""Bytes flipped on disk: each is noticed, and no row beside it is lost."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from routewright.config import Secret
from routewright.data.journal import Journal
from routewright.errors import DamagedError
from routewright.serve.ids import Ids
from routewright.state import tables
from routewright.state.keeper import Keeper
from routewright.state.reconcile import reconcile
from routewright.state.spool import Mark, Writer, read_segment
from routewright.state.store import Store
from tests.fakes.rows import decision, feedback, outcome

ROWS = 20


def flips(whole: bytes, mutations: int, seed: int):
    """The bytes with one of them changed, again and again, and the number of its line from 0.

    Every tenth is the end of a line: that one damages two rows, where no care is taken.
    """
    print(f"{mutations} flipped bytes, seed {seed}")  # noqa: T201
    chance = random.Random(seed)
    ends = [at for at, byte in enumerate(whole) if byte == 10]
    for n in range(mutations):
        at = chance.choice(ends) if n % 10 == 0 else chance.randrange(len(whole))
        flipped = bytes([whole[at] ^ chance.randrange(1, 256)])
        yield whole[:at] + flipped + whole[at + 1 :], whole.count(b"\n", 0, at), at in ends


def flipped_in_a_spool(folder: Path, mutations: int, seed: int) -> dict[str, int]:
    """How many went unnoticed, and how many rows beside them were lost."""
    rows = [decision(f"d{n}", n + 1, boot="dead") for n in range(ROWS - 1)] + [feedback("f", "d1")]
    writer = Writer(folder, "dead")
    writer.append(rows)
    writer.close()
    path = folder / "dead-000001.jsonl"
    unnoticed = lost = wrong = 0
    for damaged, line, an_end in flips(path.read_bytes(), mutations, seed):
        path.write_bytes(damaged)
        read = list(read_segment(path, ended=True))
        kept = [row for row, _, _ in read if row is not None]
        beside = rows if an_end else rows[:line] + rows[line + 1 :]
        unnoticed += all(row is not None for row, _, _ in read)
        lost += len([row for row in beside if row not in kept])
        wrong += len([row for row in kept if row not in rows]) + len(kept) - len(set(map(id, kept)))
    return {"flips": mutations, "unnoticed": unnoticed, "lost_beside": lost, "wrong": wrong}


def flipped_in_a_journal(folder: Path, mutations: int, seed: int) -> dict[str, int]:
    """Likewise for a journal of answers that were paid for, with its repair."""
    path = folder / "answers.jsonl"
    rows = [{"n": n, "answer": "word " * n} for n in range(ROWS)]
    with Journal(path) as journal:
        journal.append_all(rows)
    aside = path.with_name(path.name + ".damaged")
    unnoticed = lost = wrong = 0
    for damaged, line, an_end in flips(path.read_bytes(), mutations, seed):
        path.write_bytes(damaged)
        journal = Journal(path)
        try:
            journal.open()
        except DamagedError:
            assert journal.repair()
            assert aside.stat().st_size
            aside.unlink()
            journal.open()
            noticed = True
        else:
            noticed = journal.torn_bytes > 0  # the last line's end, without which it is none
        kept = journal.rows()
        journal.close()
        last = an_end and line == ROWS - 1
        beside = rows if an_end and not last else rows[:line] + rows[line + 1 :]
        unnoticed += not noticed
        lost += len([row for row in beside if row not in kept])
        wrong += len([row for row in kept if row not in rows])
    return {"flips": mutations, "unnoticed": unnoticed, "lost_beside": lost, "wrong": wrong}


NONE = {"unnoticed": 0, "lost_beside": 0, "wrong": 0}


def test_a_flipped_byte_is_noticed_and_costs_no_row_beside_it(tmp_path):
    """D-10, shortened."""
    assert flipped_in_a_spool(tmp_path, 300, 11) == {"flips": 300, **NONE}
    assert flipped_in_a_journal(tmp_path, 300, 12) == {"flips": 300, **NONE}


@pytest.mark.nightly
def test_ten_thousand_flipped_bytes_are_noticed_and_cost_no_row_beside_them(tmp_path, figures):
    """D-10"""
    spool = flipped_in_a_spool(tmp_path, 10_000, 13)
    journal = flipped_in_a_journal(tmp_path, 10_000, 14)
    figures("D-10", spool=spool, journal=journal, seeds=[13, 14])
    assert spool == journal == {"flips": 10_000, **NONE}


def left_by_a_dead_worker(folder: Path) -> Path:
    """A segment with three decisions and the outcomes of the first and the last."""
    spool = folder / "spool"
    spool.mkdir()
    mark = Mark.make(spool, "dead")
    writer = Writer(spool, "dead")
    writer.append([decision(f"d{n}", mark.next_seq(), boot="dead") for n in range(3)])
    writer.append([outcome("d0"), outcome("d2")])
    writer.close()
    mark.release()
    return spool / "dead-000001.jsonl"


def shipped(folder: Path) -> tuple[set[str], set[str], Keeper]:
    """The next start takes it over: decisions and outcomes that have arrived."""
    keeper = Keeper(Store(Secret("sqlite:///state.db"), folder), folder / "spool", Ids().new())
    keeper.open()
    over = time.monotonic() + 20
    while (folder / "spool" / "dead.boot").exists():
        assert time.monotonic() < over
        time.sleep(0.02)
    select = keeper.store.select
    decisions = {row["id"] for row in select(sa.select(tables.decisions.c.id))}
    ended = sa.select(tables.outcomes).where(tables.outcomes.c.state == "complete")
    return decisions, {row["decision_id"] for row in select(ended)}, keeper


def test_a_damaged_line_is_kept_aside_and_leaves_a_gap_that_nothing_explains(tmp_path):
    """D-10"""
    path = left_by_a_dead_worker(tmp_path)
    path.write_bytes(path.read_bytes().replace(b'"id":"d1"', b'"id":"dX"'))
    decisions, outcomes, keeper = shipped(tmp_path)
    report = reconcile([], [], keeper.store)
    keeper.close()
    assert (decisions, outcomes) == ({"d0", "d2"}, {"d0", "d2"})
    assert b"dX" in path.with_name(path.name + ".damaged").read_bytes()
    assert [(gap.boot, gap.first, gap.last, gap.killed) for gap in report.gaps] == [
        ("dead", 2, 2, False)
    ]
    assert (report.without_outcome, report.unexplained) == (0, 1)


@pytest.mark.parametrize("line", [0, 4])
def test_a_damaged_end_of_a_line_costs_no_row(tmp_path, line):
    """D-10: neither of the two that it made one of, nor the last one."""
    path = left_by_a_dead_worker(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[line] = lines[line][:-1] + b"!"
    path.write_bytes(b"".join(lines))
    decisions, outcomes, keeper = shipped(tmp_path)
    keeper.close()
    assert (decisions, outcomes) == ({"d0", "d1", "d2"}, {"d0", "d2"})
    assert path.with_name(path.name + ".damaged").exists()


def test_a_torn_last_line_of_a_dead_worker_is_kept_aside(tmp_path):
    """D-10: nothing that was on the disk is deleted unread."""
    path = left_by_a_dead_worker(tmp_path)
    path.write_bytes(path.read_bytes()[:-40])
    decisions, outcomes, keeper = shipped(tmp_path)
    keeper.close()
    assert (decisions, outcomes) == ({"d0", "d1", "d2"}, {"d0"})
    assert b'"d2"' in path.with_name(path.name + ".damaged").read_bytes()
