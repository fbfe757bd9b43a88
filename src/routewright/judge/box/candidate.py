"""The candidate: holds an answer's code and runs what the checker calls; sees no assert."""

# ruff: noqa: S102 -- running an answer's code is this file's purpose

from __future__ import annotations

import builtins
import functools
import json
import os
import sys
from types import CodeType
from typing import TYPE_CHECKING, Any

# Run as a script, without site-packages: the siblings are found by folder, not by package.
if TYPE_CHECKING:
    from routewright.judge.box.walls import guard, limit
    from routewright.judge.box.wire import Peer, describe
else:
    sys.path.insert(0, __file__.rpartition("/")[0])
    from walls import guard, limit
    from wire import Peer, describe

    del sys.path[0]


def serve(read_fd: int, write_fd: int, folder: str) -> None:
    """Close what is open, raise the walls, then answer calls until the checker is gone."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    peer = Peer(read_fd, write_fd)
    names: dict[str, Any] = {"__name__": "answer", "__builtins__": builtins}

    def load(sources: list[str]) -> str:
        try:
            exec(first_that_compiles(sources), names)
        except BaseException as error:  # what was defined before the error may still be right
            return describe(error)
        return ""

    def find(name: str) -> Any:
        if not callable(names.get(name)):
            raise NameError(f"the answer does not define {name}")
        return functools.partial(names[name])  # a class too is called, never sent

    write, dumps = os.write, json.dumps

    def tell(why: str) -> None:
        write(write_fd, dumps({"error": why}).encode() + b"\n")

    peer.share(load)
    peer.share(find)
    limit()
    guard(folder, tell)
    peer.serve_forever()


def first_that_compiles(sources: list[str]) -> CodeType:
    """The first reading of the answer that is Python; the last one's error when none is."""
    for source in sources[:-1]:
        try:
            return compile(source, "answer", "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            continue
    return compile(sources[-1], "answer", "exec", dont_inherit=True)


if __name__ == "__main__":
    try:
        serve(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
    finally:
        os._exit(0)  # pyright: ignore[reportPrivateUsage] -- an answer's exit handlers never run
