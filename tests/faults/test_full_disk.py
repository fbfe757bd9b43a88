"""A disk that is full, for the spool and the database alike: requests go on, losses are counted."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from routewright.config import Secret
from routewright.state import tables
from routewright.state.store import Store
from tests.fakes.gateway import Served
from tests.fakes.load import Load, reconciled
from tests.fakes.upstream import Upstream
from tests.promises.test_gateway import gateway_process, write_config


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A file system of its own, in memory."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    unmount = ["umount", "-l", str(folder)]
    if os.getuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this process may not mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(unmount, check=True)


def fill(disk: Path) -> Path:
    """A file that takes all the room there is."""
    path = disk / "filler"
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * size)
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)), (disk / "more").open("wb") as one:
        one.write(b"x" * 8192)
    (disk / "more").unlink()
    return path


def full_for(folder: Path, seconds: float, *, feedback_every: int, clients: int) -> dict[str, Any]:
    """Fill the disk for so long under load; what was counted when there was room again."""
    with small_disk(folder / "disk", 64) as disk, Upstream() as upstream:
        # A machine that is busy must not fail what is a test of the disk.
        patient = 'default_model = "cheap"\n[gateway.timeouts]\nconnect_s = 30'
        write_config(disk, upstream.url, patient)
        with gateway_process(cwd=disk) as (process, url, _):
            with Load([url], clients=clients, feedback_every=feedback_every) as load:
                time.sleep(0.5)
                filler = fill(disk)
                time.sleep(seconds)
                told = Served(url, None).request("GET", "/readyz").status
                filler.unlink()
                time.sleep(1.5)
            metrics = Served(url, None).request("GET", "/metrics").body.decode()
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
            assert process.stderr
            said = process.stderr.read()
        report = reconciled(disk, f"sqlite:///{disk}/routewright.db", load, upstream)
        store = Store(Secret(f"sqlite:///{disk}/routewright.db"))
        ended = sa.select(tables.outcomes.c.state).where(tables.outcomes.c.state != "unknown")
        outcomes = len(list(store.select(ended)))
        store.close()
    assert told == 200
    assert (load.failed, load.broken) == ([], 0)
    assert "No space left" in said
    dropped = sum(float(n) for n in re.findall(r"(?m)^\w*ledger_dropped\w* ([\d.]+)$", metrics))
    gaps = sum(gap["last"] - gap["first"] + 1 for gap in report["gaps"])
    return {
        "full_s": seconds,
        "requests": len(upstream.requests),
        "client_errors": 0,
        "rows_dropped": int(dropped),
        "decisions_in_gaps": gaps,
        "outcomes_missing": len(upstream.requests) - outcomes,
        "unexplained": report["unexplained"],
    }


def test_a_full_disk_costs_nothing_while_rows_can_wait(tmp_path):
    """D-04, shortened: neither requests nor rows, and feedback waits for room."""
    told = full_for(tmp_path, 1.5, feedback_every=5, clients=4)
    lost = (told["rows_dropped"], told["outcomes_missing"], told["decisions_in_gaps"])
    assert (lost, told["unexplained"]) == ((0, 0, 0), 0)


@pytest.mark.nightly
def test_a_disk_that_stays_full_costs_rows_that_are_counted(tmp_path, figures):
    """D-04: the counter is what the numbers lack."""
    told = full_for(tmp_path, 90, feedback_every=0, clients=8)
    figures("D-04", **told)
    assert told["rows_dropped"] > 0
    assert told["rows_dropped"] == told["decisions_in_gaps"] + told["outcomes_missing"]
    assert told["unexplained"] >= told["decisions_in_gaps"]  # no kill explains them
