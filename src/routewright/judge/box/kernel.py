"""Walls that the kernel keeps, on Linux: what can be opened, and what can be asked of it at all.

The audit hook shares an interpreter with the answer; these don't. They are raised before the
candidate's interpreter starts and can't be taken down by it.
"""

from __future__ import annotations

import ctypes
import os
import platform
import sys

# Landlock: include/uapi/linux/landlock.h. The numbers of these calls are the same everywhere.
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
EXECUTE, READ_FILE, READ_DIR = 1, 1 << 2, 1 << 3
READ = READ_FILE | READ_DIR
FIRST_RIGHTS = (1 << 13) - 1
LATER_RIGHTS = ((2, 1 << 13), (3, 1 << 14))  # since which version: linking, truncating
ON_FILES = EXECUTE | READ_FILE | 1 << 1 | 1 << 14

# Seccomp: include/uapi/linux/{seccomp,filter,audit}.h, x86-64's table of calls.
X86_64 = 0xC000003E
ALLOW, EPERM, ENOSYS, KILL = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000
LOAD, EQUAL, ANY_BIT, AT_LEAST, RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
NUMBER, ARCH, FIRST_ARGUMENT = 0, 4, 16
CLONE, CLONE_THREAD, CLONE3, PRLIMIT = 56, 0x10000, 435, 302
DENIED = (
    *(57, 58, 101, 310, 311),  # fork, vfork, ptrace, reading and writing other processes
    *(62, 129, 200, 234, 297, 424, 434, 438),  # signals to others, and handles on them
    *(41, 42, 43, 44, 46, 49, 50, 53, 288, 299, 307),  # sockets
    *(29, 64, 68, 240, 248, 249, 250),  # shared memory, semaphores, queues, keys
    *(86, 88, 133, 259, 265, 266),  # links, devices, pipes with a name
    *(
        90,
        91,
        92,
        93,
        94,
        260,
        268,
        188,
        189,
        190,
        235,
        261,
        280,
    ),  # owners, rights, attributes, times
    *(155, 161, 165, 166, 272, 308, 428, 429, 430, 432, 442),  # mounts, roots, namespaces
    *(141, 142, 144, 203, 251, 314),  # priorities of others
    *(163, 164, 167, 168, 169, 170, 171, 175, 176, 179, 227, 246, 313, 320),  # the machine itself
    *(103, 135, 298, 303, 304, 319, 321, 323, 425, 426, 427),  # what few programs need
)


def confine(folder: str) -> None:
    """Let this process, and what it becomes, reach its folder and the interpreter alone.

    Without ``no_new_privs``, on an older kernel or another system, nothing happens.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    _wall_off_files(libc, folder)
    if platform.machine() == "x86_64":
        _refuse_calls(libc)


def _wall_off_files(libc: ctypes.CDLL, folder: str) -> None:
    version = libc.syscall(CREATE_RULESET, None, 0, 1)
    if version < 1:
        return
    every = FIRST_RIGHTS
    for since, right in LATER_RIGHTS:
        every |= right if version >= since else 0
    handled = ctypes.c_uint64(every)
    rules = libc.syscall(CREATE_RULESET, ctypes.byref(handled), 8, 0)
    if rules < 0:
        return
    _permit(libc, rules, folder, every)
    for path in _readable():
        _permit(libc, rules, path, READ)
    for path in (sys.executable, *_loaders()):
        _permit(libc, rules, path, EXECUTE | READ)
    _permit(libc, rules, os.devnull, (READ | 1 << 1) & every)
    libc.syscall(RESTRICT_SELF, rules, 0)
    os.close(rules)


def _readable() -> tuple[str, ...]:
    """The standard library, what its modules link to, and the two scripts that run here."""
    own = __file__.rpartition("/")[0]
    settings = sys.executable.rpartition("/bin/")[0] + "/pyvenv.cfg"
    libraries = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache")
    prefixes = {f"{sys.base_prefix}/lib", f"{sys.base_exec_prefix}/lib"}
    return (own, settings, *libraries, *sorted(prefixes), *filter(None, sys.path))


def _loaders() -> tuple[str, ...]:
    """What the kernel opens to start a program that links to shared libraries."""
    found: list[str] = []
    with open("/proc/self/maps") as maps:  # noqa: PTH123 -- importing pathlib would cost more
        for line in maps:
            path = line.split(maxsplit=5)[-1].strip()
            if path.startswith("/") and "/ld" in path:
                found.append(path)
    return tuple(set(found))


def _permit(libc: ctypes.CDLL, rules: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    if not os.path.isdir(path):  # noqa: PTH112 -- as above
        rights &= ON_FILES
    rule = rights.to_bytes(8, sys.byteorder) + place.to_bytes(4, sys.byteorder)
    libc.syscall(ADD_RULE, rules, 1, ctypes.c_char_p(rule), 0)
    os.close(place)


def _refuse_calls(libc: ctypes.CDLL) -> None:
    program = [
        (LOAD, 0, 0, ARCH),
        (EQUAL, 1, 0, X86_64),
        (RETURN, 0, 0, KILL),  # another table of calls, in which these numbers mean others
        (LOAD, 0, 0, NUMBER),
        (AT_LEAST, 0, 1, 0x40000000),
        (RETURN, 0, 0, KILL),
    ]
    for number in DENIED:
        program += [(EQUAL, 0, 1, number), (RETURN, 0, 0, EPERM)]
    program += [
        (EQUAL, 0, 1, CLONE3),  # its flags can't be seen; libraries then take clone
        (RETURN, 0, 0, ENOSYS),
        (EQUAL, 0, 4, CLONE),  # a thread may be made, a process not
        (LOAD, 0, 0, FIRST_ARGUMENT),
        (ANY_BIT, 0, 1, CLONE_THREAD),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, EPERM),
        (EQUAL, 0, 3, PRLIMIT),  # its own limits may be lowered, those of others not be touched
        (LOAD, 0, 0, FIRST_ARGUMENT),
        (EQUAL, 1, 0, 0),
        (RETURN, 0, 0, EPERM),
        (RETURN, 0, 0, ALLOW),
    ]
    code = b"".join(
        op.to_bytes(2, "little") + bytes((yes, no)) + k.to_bytes(4, "little")
        for op, yes, no, k in program
    )
    body = ctypes.create_string_buffer(code, len(code))
    address = ctypes.addressof(body)
    head = len(program).to_bytes(8, "little") + address.to_bytes(8, "little")
    libc.prctl(22, 2, ctypes.c_char_p(head), 0, 0)
