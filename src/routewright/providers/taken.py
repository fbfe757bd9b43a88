"""How much of what was sent the other host has taken: what makes a repetition safe.

A kernel acknowledges bytes as they reach a socket that is open, before any program reads them, and
every later packet of that connection says so, the one that closes it included. A request of which
nothing was acknowledged when the connection closed reached nobody.

One case is left open. A kernel may wait some 40 ms with its word, and a reset has none: a request
that was read and then answered by a reset within that time looks like one that reached nobody. It
is sent again, and ``SENDS`` tells of it, so that it stands in the decision's row.
"""

from __future__ import annotations

import socket
import sys
from contextvars import ContextVar
from typing import Protocol

_ACKED_AT = 120  # in Linux's struct tcp_info: tcpi_bytes_acked, 64 bits, since Linux 4.1
_INFO_BYTES = _ACKED_AT + 8
SENDS: ContextVar[int] = ContextVar("SENDS", default=0)  # requests this task has sent again
_TCP_INFO = getattr(socket, "TCP_INFO", None) if sys.platform == "linux" else None


class Socket(Protocol):
    """What transports show of theirs."""

    def getsockopt(self, level: int, option: int, size: int, /) -> bytes:
        """An option's value."""
        ...


def bytes_taken(end: Socket | None) -> int:
    """How many bytes the other host has acknowledged on a connection; -1 where nobody says.

    Under TLS they are those of its records. A connection through a proxy tells of the proxy.

    Args:
        end: a transport's socket; asking the transport for it each time would take longer.
    """
    if _TCP_INFO is None or end is None:
        return -1
    try:
        info = end.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _INFO_BYTES)
    except OSError:  # closed
        return -1
    return int.from_bytes(info[_ACKED_AT:], sys.byteorder) if len(info) == _INFO_BYTES else -1
