"""A part of a core for each process, so that what loads it has the rest."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterable
from pathlib import Path

_CPU = Path("/sys/fs/cgroup/cpu")  # the first version of control groups
_PERIOD_US = 10_000
_GROUP = "routewright-benchmark-{}"


def can_share() -> bool:
    """Whether this system limits processes so; it takes root."""
    try:
        (_CPU / _GROUP.format("probe")).mkdir()
        (_CPU / _GROUP.format("probe")).rmdir()
    except OSError:
        return False
    return True


@contextlib.contextmanager
def shares(pids: Iterable[int], part: float) -> Generator[None]:
    """Let each process run for such a part of every 10 ms, whatever its threads do.

    Raises:
        OSError: a process is gone, or the system does not allow it.
    """
    made: list[Path] = []
    try:
        for pid in pids:
            group = _CPU / _GROUP.format(pid)
            group.mkdir()
            made.append(group)
            (group / "cpu.cfs_period_us").write_text(str(_PERIOD_US))
            (group / "cpu.cfs_quota_us").write_text(str(round(part * _PERIOD_US)))
            (group / "cgroup.procs").write_text(str(pid))
        yield
    finally:
        for group in made:
            for pid in (group / "cgroup.procs").read_text().split():
                with contextlib.suppress(OSError):  # it has ended meanwhile
                    (_CPU / "cgroup.procs").write_text(pid)
            group.rmdir()
