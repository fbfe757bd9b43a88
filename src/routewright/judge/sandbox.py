"""Runs untrusted Python against asserts in processes of its own, and reads back what passed.

Two processes are started for one answer (``box/``): a checker that evaluates the asserts, and
below it a candidate that holds the answer's code and never sees an assert. They speak JSON: the
checker sends the arguments of a call, the candidate returns its value as plain data. So an
answer can't forge a pass by patching builtins, leaving early, writing to a result channel, or
returning an object that claims to equal everything: only a right value passes.

What holds it: ``python -I -S`` with an empty environment in a fresh directory; limits on CPU,
memory, file size, open files and, for a user other than root, processes; no core dumps; a wall
clock that kills the whole process group; on Linux, where permitted, namespaces of its own for
users, network and processes, Landlock (nothing can be opened but the directory and the standard
library) and, on x86-64, seccomp (no process, socket, signal to another, link or mount can be
asked for); an audit hook that ends the process at any socket, process, signal to another, ctypes,
foreign compiled module, or file beyond its directory (the standard library may be read).

What remains: hook and answer share one interpreter, so code that exploits a fault of CPython
itself can step round the hook; it then meets the limits and the kernel's walls. Where those are
missing (an old kernel, macOS), the hook stands alone before the user's files. A function asked
for under a builtin's name can't be tested, and changes a function makes to its arguments are not
seen, since values are copied. While it runs, an answer may fill its directory with files of 1 MB,
and it may see whether a file exists and how large it is. Needs a POSIX system. Where answers may
be hostile, run the collection in a container as well.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from routewright.errors import UsageError

WALL_TIMEOUT_S = 5.0
MAX_OUTPUT_BYTES = 65_536

_CHILD = Path(__file__).with_name("box") / "checker.py"


@dataclass(frozen=True)
class Run:
    """Which asserts passed, in order, and what went wrong first (empty when nothing did)."""

    passed: tuple[bool, ...]
    error: str = ""


class _Line(msgspec.Struct):
    passed: bool = False
    error: str = ""
    fatal: bool = False


def run_asserts(
    sources: Sequence[str], asserts: Sequence[str], *, timeout_s: float = WALL_TIMEOUT_S
) -> Run:
    """Run the first source that compiles, then each assert; what is not reached has not passed.

    Args:
        sources: readings of one answer as Python.
        asserts: statements such as ``assert add(1, 2) == 3``.
        timeout_s: wall time for all of it, in seconds.

    Raises:
        UsageError: this system can't confine code (it is not POSIX).
    """
    if os.name != "posix":
        raise UsageError("grading code needs a POSIX system: run it on Linux, macOS or in WSL")
    safe = [_encodable(source) for source in sources]
    request = msgspec.json.encode({"sources": safe, "asserts": list(asserts)})
    with tempfile.TemporaryDirectory(prefix="routewright-", ignore_cleanup_errors=True) as folder:
        output, late = _spawn(request, folder, timeout_s)
    return _read(output, len(asserts), f"ran out of time ({timeout_s:g} s)" if late else "")


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def _spawn(request: bytes, folder: str, timeout_s: float) -> tuple[bytes, bool]:
    """The child's output, and whether it had to be killed for being late."""
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", str(_CHILD)],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env={},
            start_new_session=True,
        )
        late = False
        try:
            child.communicate(request, timeout=timeout_s)
        except subprocess.TimeoutExpired:
            late = True
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        output.seek(0)
        return output.read(MAX_OUTPUT_BYTES), late


def _read(output: bytes, count: int, late: str) -> Run:
    passed: list[bool] = []
    error = ""
    for row in output.splitlines():
        try:
            line = msgspec.json.decode(row, type=_Line)
        except msgspec.DecodeError:
            break
        error = error or line.error
        if line.fatal:
            break
        passed.append(line.passed)
    passed = passed[:count]
    if len(passed) < count:
        error = error or late or "the code ended its process"
    return Run((*passed, *(False for _ in range(count - len(passed)))), error[:200])
