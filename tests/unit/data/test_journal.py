"""The journal: what was written before a crash is read after it, and damage is never silent."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routewright.data.journal import Journal
from routewright.errors import DataError


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
