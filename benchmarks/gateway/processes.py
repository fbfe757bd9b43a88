"""A process with all that it started: its CPU time, memory, open files; and how it ends."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

LOG_LINES = 12  # of a log that are shown where something went wrong


class Started:
    """A process in a session of its own, with its log.

    Args:
        command: what is run.
        log: what it says goes there.
        env: laid over this process' environment.
    """

    def __init__(self, command: Sequence[str], log: Path, env: Mapping[str, str]) -> None:
        self.log = log
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                command, stdout=file, stderr=file, env={**os.environ, **env}, start_new_session=True
            )
        self.pid = self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def pids(self) -> list[int]:
        """It and its descendants, whichever of their threads started them."""
        found = [self.pid]
        for parent in found:
            for task in _listed(f"/proc/{parent}/task"):
                with contextlib.suppress(OSError):
                    children = Path(f"/proc/{parent}/task/{task}/children").read_text()
                    found += [pid for pid in map(int, children.split()) if pid not in found]
        return found

    def cpu_s(self) -> float:
        """User and system seconds so far, to the nanosecond, of those that run."""
        spent = 0.0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                # Linux' number of another process' CPU clock; /proc counts in steps of 10 ms,
                # which is as much as nginx takes in some of the measurements.
                spent += time.clock_gettime((~pid << 3) | 2)
        return spent

    def resident_mb(self) -> float:
        """Resident memory of all; what two of them share, such as libraries, is counted twice."""
        return self._kib("Rss:") / 1024

    def own_mb(self) -> float:
        """The same with what is shared divided among those that share it."""
        return self._kib("Pss:") / 1024

    def _kib(self, which: str) -> int:
        kib = 0
        for pid in self.pids():
            with contextlib.suppress(OSError, StopIteration):
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
                kib += int(next(line for line in lines if line.startswith(which)).split()[1])
        return kib

    def files(self) -> int:
        """How many files and sockets are open."""
        return sum(len(_listed(f"/proc/{pid}/fd")) for pid in self.pids())

    def threads(self) -> int:
        """How many threads run."""
        return sum(len(_listed(f"/proc/{pid}/task")) for pid in self.pids())

    def last_words(self) -> str:
        """The end of its log."""
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(line[:300] for line in lines[-LOG_LINES:])

    def end(self, limit_s: float = 20) -> int | None:
        """Ask it to end, and kill it and its descendants if it does not; its exit code."""
        family = self.pids()
        self._process.terminate()
        try:
            return self._process.wait(limit_s)
        except subprocess.TimeoutExpired:
            return None
        finally:
            for pid in family:  # those that outlive their parent too
                with contextlib.suppress(ProcessLookupError):
                    if os.getsid(pid) == self.pid:
                        os.kill(pid, 9)
            self._process.wait(limit_s)


def busy_s() -> float:
    """Seconds that all cores have worked, whoever they worked for."""
    fields = Path("/proc/stat").read_text().partition("\n")[0].split()[1:]
    user, nice, system, _idle, _wait, irq, softirq, *_ = map(int, fields)
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - names alone
    except OSError:
        return []
