"""The journal: what was written before a crash is read after it, and damage is never silent."""

import errno
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routewright.data import journal as journal_module
from routewright.data.journal import Journal
from routewright.errors import DamagedError, DataError


def write(path, rows):
    with Journal(path) as journal:
        for row in rows:
            journal.append(row)


def test_rows_come_back_in_order_of_writing(tmp_path):
    path = tmp_path / "j"
    write(path, [{"n": 1}, {"text": "a\nb \u2028 é"}])
    write(path, [{"n": 3}])
    assert Journal(path).rows() == [{"n": 1}, {"text": "a\nb \u2028 é"}, {"n": 3}]


def test_a_missing_journal_has_no_rows(tmp_path):
    assert Journal(tmp_path / "none").rows() == []


@given(cut=st.integers(min_value=1, max_value=60))
def test_a_torn_tail_is_cut_off_and_nothing_before_it(tmp_path_factory, cut):
    path = tmp_path_factory.mktemp("journal") / "j"
    rows = [{"n": n, "text": "x" * n} for n in range(4)]
    write(path, rows)
    data = path.read_bytes()
    path.write_bytes(data[:-cut])
    kept = data[:-cut].count(b"\n")
    assert Journal(path).rows() == rows[:kept]
    write(path, [{"n": "after"}])
    assert Journal(path).rows() == [*rows[:kept], {"n": "after"}]


def test_a_flipped_byte_in_the_middle_names_its_line(tmp_path):
    path = tmp_path / "j"
    write(path, [{"n": 1}, {"n": 2}, {"n": 3}])
    data = bytearray(path.read_bytes())
    data[data.index(b'"n":2') + 4] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"line 2 is damaged"):
        Journal(path).rows()
    with pytest.raises(DataError, match="line 2"), Journal(path):
        pass
    assert path.read_bytes() == bytes(data), "a damaged journal is left as it was found"


def test_a_second_writer_is_refused_and_the_first_goes_on(tmp_path):
    path = tmp_path / "j"
    code = f"""
        from routewright.data.journal import Journal
        try:
            Journal({str(path)!r}).open()
        except Exception as error:
            print(type(error).__name__, error)
    """
    with Journal(path) as journal:
        out = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True
        ).stdout
        journal.append({"n": 1})
    assert out.startswith("DataError")
    assert "another process is writing it" in out
    assert Journal(path).rows() == [{"n": 1}]


def test_a_row_is_on_disk_when_append_returns(tmp_path):
    path = tmp_path / "j"
    code = f"""
        import os
        from routewright.data.journal import Journal
        journal = Journal({str(path)!r}); journal.open()
        journal.append({{"n": 1}})
        os._exit(9)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)])
    assert Journal(path).rows() == [{"n": 1}]


def test_no_descriptor_is_left_open_when_opening_fails(tmp_path):
    path = tmp_path / "j"
    path.write_bytes(b"not a journal\nat all\n\n")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        with pytest.raises(DataError):
            Journal(path).open()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@given(place=st.integers(0, 10_000), flip=st.integers(1, 255))
def test_no_flipped_byte_is_ever_read_as_a_row(tmp_path_factory, place, flip):
    path = tmp_path_factory.mktemp("journal") / "j"
    rows = [{"n": n, "text": "x" * n} for n in range(4)]
    write(path, rows)
    data = bytearray(path.read_bytes())
    data[place % len(data)] ^= flip
    path.write_bytes(data)
    try:
        found = Journal(path).rows()
    except DamagedError:
        return
    assert found == rows[:3], "only the end of the last line may go, as a torn tail does"


def test_repair_moves_damaged_lines_aside_and_keeps_all_others(tmp_path):
    path = tmp_path / "j"
    write(path, [{"n": n} for n in range(5)])
    lines = path.read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b"1", b"7")
    lines[4] = b"\x00" * 20 + b"\n"
    path.write_bytes(b"".join(lines))
    assert Journal(path).repair() == [2, 5]
    assert Journal(path).rows() == [{"n": 0}, {"n": 2}, {"n": 3}]
    assert path.with_name("j.damaged").read_bytes() == lines[1] + lines[4]
    assert Journal(path).repair() == []
    write(path, [{"n": "after"}])
    assert Journal(path).rows()[-1] == {"n": "after"}


def test_a_journal_that_is_being_written_is_not_repaired(tmp_path):
    with Journal(tmp_path / "j"), pytest.raises(DataError, match="another process"):
        Journal(tmp_path / "j").repair()


def test_many_rows_are_written_with_one_flush_and_all_or_none_is_kept(tmp_path, monkeypatch):
    flushed = []
    monkeypatch.setattr(journal_module, "_flush", flushed.append)
    with Journal(tmp_path / "j") as journal:
        journal.append_all([{"n": n} for n in range(100)])
        assert len(flushed) == 1

        def full(file):
            raise OSError(errno.EIO, "Input/output error")

        monkeypatch.setattr(journal_module, "_flush", full)
        with pytest.raises(OSError, match="Input/output"):
            journal.append_all([{"n": 100}, {"n": 101}])
    assert [row["n"] for row in Journal(tmp_path / "j").rows()] == list(range(100))


@pytest.mark.parametrize("room", range(0, 120, 7))
def test_a_disk_that_fills_up_anywhere_gives_its_reserve_to_the_row_under_way(
    tmp_path, monkeypatch, room
):
    path = tmp_path / "j"
    reserve = path.with_name("j.reserve")
    pwrite = os.pwrite

    def small_disk(file, data, at):
        left = room - at + (10_000 if not reserve.exists() else 0)
        if left <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return pwrite(file, data[:left], at)

    monkeypatch.setattr(os, "pwrite", small_disk)
    written = []
    with Journal(path, reserve_bytes=4096) as journal:
        assert reserve.stat().st_size == 4096
        while not journal.full:
            row = {"n": len(written), "text": "words"}
            journal.append(row)
            written.append(row)
    assert Journal(path).rows() == written
    assert not reserve.exists()


def test_rows_are_read_as_what_they_are_and_others_name_their_line(tmp_path):
    class Row(msgspec.Struct):
        n: int

    write(tmp_path / "j", [{"n": 1, "more": "x"}, {"n": 2}])
    assert list(Journal(tmp_path / "j").read(Row)) == [(1, Row(1)), (2, Row(2))]
    write(tmp_path / "j", [{"n": "three"}])
    with pytest.raises(DataError, match="line 3 is not what belongs here"):
        list(Journal(tmp_path / "j").read(Row))
