"""The walls of the sandbox: limits, namespaces, and a hook that refuses what reaches out."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable
from typing import Any

CPU_S = 3
MEMORY_BYTES = 512 * 1024**2
FILE_BYTES = 1024**2
OPEN_FILES = 32

DENIED_MODULES = frozenset(
    {
        "_ctypes",
        "_multiprocessing",
        "_posixshmem",
        "_posixsubprocess",
        "_socket",
        "_ssl",
        "asyncio",
        "concurrent",
        "ctypes",
        "fcntl",
        "gc",
        "mmap",
        "multiprocessing",
        "pty",
        "resource",
        "socket",
        "ssl",
        "subprocess",
        "syslog",
        "termios",
    }
)
DENIED_EVENTS = frozenset(
    {
        "code.__new__",
        "gc.get_objects",
        "gc.get_referents",
        "gc.get_referrers",
        "os.chdir",
        "os.chflags",
        "os.chmod",
        "os.chown",
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.fwalk",
        "os.getxattr",
        "os.kill",
        "os.killpg",
        "os.link",
        "os.listxattr",
        "os.lockf",
        "os.posix_spawn",
        "os.putenv",
        "os.removexattr",
        "os.setxattr",
        "os.spawn",
        "os.startfile",
        "os.symlink",
        "os.system",
        "os.unsetenv",
        "os.utime",
        "os.walk",
        "pty.spawn",
        "pathlib.Path.glob",
        "pathlib.Path.rglob",
        "signal.pthread_kill",
        "sys.addaudithook",
        "sys._current_frames",
        "sys.setprofile",
        "sys.settrace",
        "syslog.openlog",
    }
)
UNHEARD = ("chroot", "mkfifo", "mknod", "pidfd_open", "setpriority", "sched_setaffinity")
"""Functions of ``os`` that no audit event tells of; the kernel's walls refuse them as well."""
DENIED_PREFIXES = ("ctypes.", "socket.", "subprocess.", "resource.", "fcntl.", "mmap.", "winreg.")
PATH_EVENTS = frozenset(
    {
        "open",
        "os.listdir",
        "os.mkdir",
        "os.remove",
        "os.rename",
        "os.rmdir",
        "os.scandir",
        "os.truncate",
    }
)
WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def path_rule(folder: str) -> Callable[[Any, bool], bool]:
    """Which paths may be touched: all below the folder; the standard library, read only.

    Nothing here calls a function that an answer could replace: only methods of builtin types.
    """
    readable = tuple(path.rstrip("/") + "/" for path in sys.path if path.startswith("/"))
    own = folder.rstrip("/") + "/"

    def allowed(path: Any, writes: bool) -> bool:
        if type(path) is bytes:
            path = path.decode("utf-8", "replace")
        if type(path) is not str or ".." in path.split("/"):
            return False
        mine = not path.startswith("/") or (path + "/").startswith(own)
        return mine or (not writes and path.startswith(readable))

    return allowed


def refusals(folder: str) -> Callable[[str, tuple[Any, ...]], str]:
    """A function that says why an audited event is refused; empty when it is not.

    What it needs is bound here, not looked up in a module that an answer could change.
    """
    allowed = path_rule(folder)
    split, own = str.split, folder.rstrip("/") + "/"
    modules, events, prefixes = DENIED_MODULES, DENIED_EVENTS, DENIED_PREFIXES
    path_events, write_flags = PATH_EVENTS, WRITE_FLAGS

    def file_event(event: str, args: tuple[Any, ...]) -> bool:
        if event == "open":
            return type(args[0]) is int or allowed(args[0], bool(args[2] & write_flags))
        paths = args[:2] if event == "os.rename" else args[:1]
        reads = event in ("os.listdir", "os.scandir")
        return all(allowed("." if path is None else path, not reads) for path in paths)

    def importable(name: Any, path: Any) -> bool:
        """A module by its last name; a compiled one only from the standard library."""
        if type(name) is not str or not modules.isdisjoint(split(name, ".")):
            return False
        return path is None or (
            type(path) is str
            and not (path + "/").startswith(own)
            and path.startswith("/")
            and allowed(path, False)
        )

    def refusal(event: str, args: tuple[Any, ...]) -> str:
        if event == "import":
            return "" if importable(args[0], args[1]) else f"importing {args[0]}"
        if event in events or event.startswith(prefixes):
            return event
        if event == "object.__setattr__" and args[1] == "__code__":
            return "replacing code"
        if (event == "open" or event in path_events) and not file_event(event, args):
            return "a file outside the working directory"
        return ""

    return refusal


def guard(folder: str, tell: Callable[[str], None]) -> None:
    """End the process, from here on, at whatever reaches beyond it and its folder.

    An exception would hand the hook's own frame to the answer, which could then unpick it.
    """
    refusal, leave = refusals(folder), os._exit  # pyright: ignore[reportPrivateUsage] -- no handlers may run

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if why := refusal(event, args):
            try:
                tell(f"{why} is not allowed")
            finally:
                leave(1)

    for name in UNHEARD:
        for module in (os, sys.modules["posix"]):
            vars(module).pop(name, None)
    for name in [name for name in sys.modules if name.partition(".")[0] in DENIED_MODULES]:
        del sys.modules[name]
    sys.addaudithook(hook)


def limit() -> None:
    """Cap CPU, memory, files and processes; a limit the system lacks is passed over."""
    caps = {
        "RLIMIT_CORE": 0,
        "RLIMIT_CPU": CPU_S,
        "RLIMIT_AS": MEMORY_BYTES,
        "RLIMIT_FSIZE": FILE_BYTES,
        "RLIMIT_NOFILE": OPEN_FILES,
        "RLIMIT_NPROC": 0,
    }
    for name, cap in caps.items():
        try:
            resource.setrlimit(getattr(resource, name), (cap, cap))
        except (AttributeError, OSError, ValueError):
            continue


def call_libc(name: str, *args: int) -> None:
    """Call a Linux function by name; elsewhere, or when refused, nothing happens."""
    try:
        import ctypes

        getattr(ctypes.CDLL(None, use_errno=True), name)(*args)
    except (AttributeError, ImportError, OSError):
        return


def isolate() -> None:
    """Move into new user, network, IPC and process namespaces where the system permits."""
    user, network, ipc, processes = 0x10000000, 0x40000000, 0x08000000, 0x20000000
    call_libc("unshare", user | network | ipc | processes)


def die_with_parent() -> None:
    """Have the kernel kill this process with its parent, and never let it gain rights."""
    set_death_signal, kill_signal, no_new_privileges = 1, 9, 38
    call_libc("prctl", set_death_signal, kill_signal, 0, 0, 0)
    call_libc("prctl", no_new_privileges, 1, 0, 0, 0)
