"""How much of what was sent the other host has taken: what makes a repetition safe.

A kernel acknowledges bytes as they reach a socket that is open, before any program reads them, and
every later packet of that connection says so, the one that closes it included. A request of which
nothing was acknowledged when the connection closed reached nobody.

One case is left open. A kernel may wait some 40 ms with its word, and a reset has none: a request
that was read and then answered by a reset within that time looks like one that reached nobody. It
is sent again, and ``SENDS`` tells of it, so that it stands in the decision's row.
"""

from __future__ import annotations

import ctypes
import socket
import sys
from collections.abc import Callable
from contextvars import ContextVar
from functools import cache
from typing import Any, Protocol

_ACKED_AT = 15  # of 64 bits each, in Linux's struct tcp_info: tcpi_bytes_acked, since Linux 4.1
SENDS: ContextVar[int] = ContextVar("SENDS", default=0)  # requests this task has sent again
_TCP_INFO = getattr(socket, "TCP_INFO", None) if sys.platform == "linux" else None
_Info: Any = ctypes.c_uint64 * (_ACKED_AT + 1)


class Socket(Protocol):
    """What transports show of theirs."""

    def fileno(self) -> int:
        """Its file; -1 once it is closed."""
        ...


def bytes_taken(end: Socket | None) -> int:
    """How many bytes the other host has acknowledged on a connection; -1 where nobody says.

    Under TLS they are those of its records. A connection through a proxy tells of the proxy.

    Args:
        end: a transport's socket; asking the transport for it each time would take longer.
    """
    if _TCP_INFO is None or end is None:
        return -1
    info, size = _Info(), ctypes.c_uint32(ctypes.sizeof(_Info))
    told = _getsockopt()(
        end.fileno(), socket.IPPROTO_TCP, _TCP_INFO, ctypes.byref(info), ctypes.byref(size)
    )
    return info[_ACKED_AT] if told == 0 and size.value == ctypes.sizeof(_Info) else -1


@cache
def _getsockopt() -> Callable[..., int]:
    """The C library's. Python's would make a socket of uvloop's each time, which takes longer than
    all else here; and it keeps the interpreter's lock, for it waits for nobody.
    """
    return ctypes.PyDLL(None).getsockopt
