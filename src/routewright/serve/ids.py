"""Ids that sort by time: 48 bits of milliseconds and 80 bits of chance, as ULIDs are laid out."""

from __future__ import annotations

import os
import threading
import time

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O, U to misread
_CHANCE_BYTES = 10
_MOST_CHANCE = (1 << 8 * _CHANCE_BYTES) - 1
_SHIFTS = range(70, -1, -10)
_PAIRS = tuple(first + second for first in _ALPHABET for second in _ALPHABET)


class Ids:
    """Gives ids that never repeat and never sort before an earlier one of the same process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ms = self._chance = 0
        self._head = ""  # the milliseconds' characters

    def new(self) -> str:
        """Return 26 characters; a clock that jumps back does not disturb the order."""
        ms = time.time_ns() // 1_000_000
        with self._lock:
            if ms > self._ms:
                self._begin(ms)
            else:
                self._chance += 1
                if self._chance > _MOST_CHANCE:
                    self._begin(self._ms + 1)
            head, chance = self._head, self._chance
        return head + "".join([_PAIRS[(chance >> shift) & 1023] for shift in _SHIFTS])

    def _begin(self, ms: int) -> None:
        """A millisecond that no id was given in yet."""
        self._ms = ms
        self._head = "".join([_PAIRS[(ms >> shift) & 1023] for shift in (40, 30, 20, 10, 0)])
        self._chance = int.from_bytes(os.urandom(_CHANCE_BYTES))

    @staticmethod
    def looks_like_one(text: str) -> bool:
        """Whether a text has the shape of such an id; not whether it was ever given."""
        return len(text) == 26 and not set(text) - set(_ALPHABET)
