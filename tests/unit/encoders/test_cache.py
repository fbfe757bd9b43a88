import logging
import sqlite3
import stat
import subprocess
import sys

import numpy as np
import pytest

from routewright.encoders import cache
from routewright.encoders.cache import DiskCache, cache_file, cached_rows, forget_recent

PRINT = b"p" * 32


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setenv("ROUTEWRIGHT_CACHE", str(tmp_path / "cache"))
    forget_recent()
    yield tmp_path / "cache" / "encodings.sqlite"
    forget_recent()


class Maker:
    def __init__(self):
        self.made = []

    def __call__(self, texts):
        self.made += texts
        rows = [np.random.default_rng(list(text.encode())).random(3) for text in texts]
        return np.array(rows, dtype=np.float32)


def test_a_hit_gives_the_same_bytes_from_memory_and_from_disk(file):
    make = Maker()
    first = cached_rows(PRINT, 3, ["a", "b", "c"], make)
    assert first.tobytes() == Maker()(["a", "b", "c"]).tobytes()
    for _ in range(2):
        again = cached_rows(PRINT, 3, ["c", "b", "a"], make)
        assert again.tobytes() == first[::-1].tobytes()
        forget_recent()
    assert make.made == ["a", "b", "c"]


def test_only_what_is_missing_is_made(file):
    make = Maker()
    cached_rows(PRINT, 3, ["a", "b"], make)
    forget_recent()
    mixed = cached_rows(PRINT, 3, ["x", "a", "y", "b"], make)
    assert make.made == ["a", "b", "x", "y"]
    assert np.array_equal(mixed, Maker()(["x", "a", "y", "b"]))


def test_another_encoder_or_width_is_another_vector(file):
    make = Maker()
    cached_rows(PRINT, 3, ["a", "b"], make)
    cached_rows(b"q" * 32, 3, ["a", "b"], make)
    forget_recent()
    wide = lambda texts: np.ones((len(texts), 5), dtype=np.float32)  # noqa: E731
    assert cached_rows(PRINT, 5, ["a", "b"], wide).shape == (2, 5)
    assert make.made == ["a", "b", "a", "b"]


def test_a_single_text_never_touches_the_disk(file):
    make = Maker()
    for _ in range(2):
        cached_rows(PRINT, 3, ["alone"], make)
    assert make.made == ["alone"]
    assert not file.exists()


def test_memory_forgets_the_least_recently_asked_for():
    recent = cache._Recent(2)
    recent.put({b"a": b"1", b"b": b"2"})
    recent.get([b"a"])
    recent.put({b"c": b"3"})
    assert recent.get([b"a", b"b", b"c"]) == {b"a": b"1", b"c": b"3"}


def test_work_cut_short_is_kept(file, monkeypatch):
    monkeypatch.setattr(cache, "CHUNK", 2)
    make = Maker()

    def breaks(texts):
        if "e" in texts:
            raise KeyboardInterrupt
        return make(texts)

    with pytest.raises(KeyboardInterrupt):
        cached_rows(PRINT, 3, list("abcdef"), breaks)
    forget_recent()
    cached_rows(PRINT, 3, list("abcdef"), make)
    assert make.made == list("abcdef")


@pytest.mark.parametrize("damage", [b"not a database at all" * 500, "middle"])
def test_a_damaged_file_is_moved_aside_and_begun_anew(file, damage, caplog):
    keys = [bytes([n]) * 20 for n in range(200)]
    disk = DiskCache(file)
    disk.put(dict.fromkeys(keys, b"v" * 400))
    if damage == "middle":
        whole = bytearray(file.read_bytes())
        whole[4096:-4096] = b"\xff" * (len(whole) - 8192)
        damage = bytes(whole)
    file.write_bytes(damage)
    caplog.set_level(logging.WARNING)
    assert disk.get(keys) == {}
    assert "damaged" in caplog.text
    assert [path.read_bytes() for path in file.parent.glob("*.damaged-*")] == [damage]
    disk.put({b"k": b"v"})
    assert disk.get([b"k"]) == {b"k": b"v"}
    make = Maker()
    file.write_bytes(b"junk" * 5000)
    assert np.array_equal(cached_rows(PRINT, 3, ["a", "b"], make), Maker()(["a", "b"]))


def test_a_place_that_cannot_be_written_costs_a_warning_alone(tmp_path, monkeypatch, caplog):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("ROUTEWRIGHT_CACHE", str(tmp_path / "file"))
    forget_recent()
    assert cached_rows(PRINT, 3, ["a", "b"], Maker()).shape == (2, 3)
    assert "not used this time" in caplog.text


def test_the_oldest_go_first_where_it_grows_too_large(file):
    disk = DiskCache(file, cap_bytes=200_000)
    keys = [n.to_bytes(20, "big") for n in range(600)]
    for start in range(0, 600, 50):
        disk.put(dict.fromkeys(keys[start : start + 50], b"v" * 1000))
    kept = disk.get(keys)
    assert 50 < len(kept) < 200
    assert list(kept) == keys[-len(kept) :]
    assert file.stat().st_size < 400_000


def test_the_file_is_its_owners_alone(file):
    cached_rows(PRINT, 3, ["a", "b"], Maker())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_no_text_stands_in_the_file(file):
    cached_rows(PRINT, 3, ["my secret prompt", "b"], Maker())
    assert b"secret" not in file.read_bytes()


def test_where_it_lies(monkeypatch, tmp_path):
    monkeypatch.setenv("ROUTEWRIGHT_CACHE", "")
    assert cache_file() is None
    monkeypatch.delenv("ROUTEWRIGHT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_file() == tmp_path / "routewright" / "encodings.sqlite"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_file() == tmp_path / ".cache" / "routewright" / "encodings.sqlite"


WRITER = """
import sys, logging
from pathlib import Path
from routewright.encoders.cache import DiskCache
logging.basicConfig(level=logging.WARNING)
disk, me = DiskCache(Path(sys.argv[1])), int(sys.argv[2])
print("ready", flush=True); sys.stdin.readline()
for n in range(60):
    own = {bytes([me, n, k]): bytes([me, n, k]) * 100 for k in range(10)}
    shared = {bytes([9, n, k]): bytes([9, n, k]) * 100 for k in range(10)}
    disk.put(own | shared)
    assert disk.get(list(own)) == own, n
"""


def test_two_processes_write_at_once_and_nothing_is_lost(file):
    command = [sys.executable, "-c", WRITER, str(file)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    both = [subprocess.Popen([*command, str(me)], text=True, **pipes) for me in (1, 2)]
    for each in both:
        assert each.stdout.readline() == "ready\n"
    for each in both:
        each.stdin.write("\n")
        each.stdin.flush()
    for each in both:
        _, told = each.communicate(timeout=60)
        assert each.returncode == 0, told
        assert not told
    keys = [bytes([me, n, k]) for me in (1, 2, 9) for n in range(60) for k in range(10)]
    assert DiskCache(file).get(keys) == {key: key * 100 for key in keys}
    with sqlite3.connect(file) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()
