"""Ids that sort by time: 48 bits of milliseconds and 80 bits of chance, as ULIDs are laid out."""

from __future__ import annotations

import os
import threading
import time

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O, U to misread
_CHANCE_BITS = 80
_PAIRS = tuple(first + second for first in _ALPHABET for second in _ALPHABET)


class Ids:
    """Gives ids that never repeat and never sort before an earlier one of the same process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def new(self) -> str:
        """Return 26 characters; a clock that jumps back does not disturb the order."""
        fresh = (time.time_ns() // 1_000_000) << _CHANCE_BITS
        fresh |= int.from_bytes(os.urandom(_CHANCE_BITS // 8))
        with self._lock:
            if fresh >> _CHANCE_BITS <= self._last >> _CHANCE_BITS:
                fresh = self._last + 1
            self._last = fresh
        return "".join([_PAIRS[(fresh >> shift) & 1023] for shift in range(120, -1, -10)])

    @staticmethod
    def looks_like_one(text: str) -> bool:
        """Whether a text has the shape of such an id; not whether it was ever given."""
        return len(text) == 26 and not set(text) - set(_ALPHABET)
