"""The checker: evaluates asserts on the candidate's functions and reports to the parent.

Run as a script with the standard library alone: request on stdin, one line of JSON per assert on
stdout.
"""

# ruff: noqa: S307 -- evaluating a prompt's asserts is this file's purpose

from __future__ import annotations

import ast
import builtins
import json
import math
import os
import sys
from typing import TYPE_CHECKING, Any

# Run as a script, without site-packages: the siblings are found by folder, not by package.
if TYPE_CHECKING:
    from routewright.judge.box.kernel import confine
    from routewright.judge.box.walls import die_with_parent, guard, isolate, limit
    from routewright.judge.box.wire import FIND, LOAD, FailedError, GoneError, Peer, describe
else:
    sys.path.insert(0, __file__.rpartition("/")[0])
    from kernel import confine
    from walls import die_with_parent, guard, isolate, limit
    from wire import FIND, LOAD, FailedError, GoneError, Peer, describe

    del sys.path[0]


def check(peer: Peer, request: dict[str, Any]) -> None:
    """Evaluate each assert with this process's own builtins and report it."""
    loaded = peer.call(LOAD, [request["sources"]], {})
    for statement in request["asserts"]:
        try:
            passed = holds(peer, statement)
            error = "" if passed else f"fails: {statement}"
        except FailedError as failure:
            passed, error = False, loaded or str(failure)
        report(passed=passed, error=error)


def holds(peer: Peer, statement: str) -> bool:
    """Whether one assert is true; names that are not builtins are the answer's functions."""
    tree = ast.parse(statement).body[0]
    if not isinstance(tree, ast.Assert):
        raise TypeError("not an assert")
    names: dict[str, Any] = {"__builtins__": builtins, "math": math}
    bound = {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}
    bound |= {
        n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)
    }
    loaded = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)} - bound - set(names)
    for name in sorted(name for name in loaded if not hasattr(builtins, name)):
        names[name] = peer.call(FIND, [name], {})
    return bool(eval(compile(ast.Expression(tree.test), "assert", "eval"), names))


def report(**line: Any) -> None:
    """Write one line for the parent."""
    line["error"] = str(line["error"])[:200].encode("utf-8", "replace").decode()
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def start_candidate(folder: str) -> Peer:
    """Start the candidate in a fresh interpreter, before any assert has been read."""
    down_read, down_write = os.pipe()
    up_read, up_write = os.pipe()
    if os.fork() == 0:
        try:
            die_with_parent()
            for fd in (down_read, up_write):
                os.set_inheritable(fd, True)
            confine(folder)
            script = __file__.rpartition("/")[0] + "/candidate.py"
            args = [script, str(down_read), str(up_write), folder]
            os.execve(sys.executable, [sys.executable, "-I", "-S", "-B", *args], {})  # noqa: S606
        finally:
            os._exit(1)  # pyright: ignore[reportPrivateUsage] -- a failed exec must not go on
    os.close(down_read)
    os.close(up_write)
    return Peer(up_read, down_write)


def main() -> None:
    """Start the candidate, raise the walls, check."""
    folder = os.getcwd()  # noqa: PTH109 -- importing pathlib would cost more than the rest
    die_with_parent()
    isolate()
    peer = start_candidate(folder)
    request = json.loads(sys.stdin.buffer.read())
    limit()
    guard(folder, lambda why: report(error=why, fatal=True))
    try:
        check(peer, request)
    except (GoneError, OSError):
        report(error="the code ended its process", fatal=True)
    except FailedError as failure:
        report(error=str(failure), fatal=True)
    except BaseException as error:
        report(error=describe(error), fatal=True)


if __name__ == "__main__":
    main()
