"""Reads a pickled data frame from stdin without running any of it, and writes its columns.

Run as a script in a process of its own, with the standard library alone: neither numpy nor
pandas is needed, and none of their code ever meets the file. Every global that the pickle names
is looked up in one list (``inert.ADMITTED``); all else is refused by name. Limits on CPU, memory,
file size, open files and processes hold the rest, and an audit hook ends the process at anything
that reaches beyond it, such as opening a file.

Output is JSON Lines: ``{"rows": n}``, then one object a column, or one that says what is wrong:
``{"refused": "module.name"}``, ``{"broken": "..."}``, ``{"exhausted": "..."}``.
"""

from __future__ import annotations

import json
import os
import pickle  # noqa: TID251 -- RouterBench is published as pickles alone; this process is the cage
import resource
import sys
from typing import TYPE_CHECKING, Any, NoReturn

# Run as a script, without site-packages: the siblings are found by folder, not by package.
if TYPE_CHECKING:
    from routewright.data.benchmarks.unpickle.columns import (
        DESCRIBED_CHARS,
        columns_of,
        packed,
    )
    from routewright.data.benchmarks.unpickle.inert import (
        ADMITTED,
        BrokenError,
        RefusedError,
    )
else:
    sys.path.insert(0, __file__.rpartition("/")[0])
    from columns import DESCRIBED_CHARS, columns_of, packed
    from inert import ADMITTED, BrokenError, RefusedError

    del sys.path[0]


class Reader(pickle.Unpickler):
    """An unpickler that finds what is admitted and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        """The class that stands for an admitted global."""
        try:
            return ADMITTED[module, name]
        except (KeyError, TypeError):
            raise RefusedError(f"{module}.{name}") from None

    def persistent_load(self, _: Any) -> NoReturn:
        """Refuse an object that is kept elsewhere."""
        raise RefusedError("a persistent id")


def limit(cpu_s: int, memory_bytes: int) -> None:
    """Cap CPU, memory, output, files and processes; a limit the system lacks is passed over."""
    caps = {
        "RLIMIT_CORE": 0,
        "RLIMIT_CPU": cpu_s,
        "RLIMIT_AS": memory_bytes,
        "RLIMIT_FSIZE": memory_bytes,
        "RLIMIT_NOFILE": 16,
        "RLIMIT_NPROC": 0,
    }
    # At the soft limit on CPU comes SIGXCPU, which says why it ended; at the hard one SIGKILL,
    # which comes first where both are the same.
    spare = {"RLIMIT_CPU": 1}
    for name, cap in caps.items():
        try:
            resource.setrlimit(getattr(resource, name), (cap, cap + spare.get(name, 0)))
        except (AttributeError, OSError, ValueError):
            continue


def guard() -> None:
    """End the process, from here on, at every audited event but the making of an array."""
    leave = os._exit  # pyright: ignore[reportPrivateUsage] -- no handlers may run
    tell = os.write

    def hook(event: str, _: tuple[Any, ...]) -> None:
        if event != "array.__new__":
            tell(1, b'{"refused": "the event %s"}\n' % event.encode())
            leave(1)

    sys.addaudithook(hook)


def send(line: dict[str, Any]) -> None:
    """Write one line for the parent."""
    sys.stdout.write(json.dumps(line) + "\n")


def main() -> None:
    """Raise the walls, read, write. Arguments: CPU seconds, bytes, endings of columns to skip."""
    cpu_s, memory_bytes, *skipped = sys.argv[1:]
    limit(int(cpu_s), int(memory_bytes))
    guard()
    try:
        n, columns = columns_of(Reader(sys.stdin.buffer).load())
        send({"rows": n})
        for name, values in columns:
            if not name.endswith(tuple(skipped)):
                send(packed(name, values))
    except RefusedError as refusal:
        send({"refused": str(refusal)[:DESCRIBED_CHARS]})
    except MemoryError:
        send({"exhausted": f"more than {int(memory_bytes) >> 20:,} MB of memory"})
    except BrokenError as fault:
        send({"broken": str(fault)[: 2 * DESCRIBED_CHARS]})
    # Whatever else a damaged pickle can end in: truncation, wrong opcodes, missing keys, recursion.
    except Exception as fault:
        send({"broken": f"{type(fault).__name__}: {fault}"[: 2 * DESCRIBED_CHARS]})
    sys.stdout.flush()
    os._exit(0)  # pyright: ignore[reportPrivateUsage] -- taking a hostile heap apart gains nothing


if __name__ == "__main__":
    main()
