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
        self._drawn = b""  # chance: to ask the kernel for it each time takes longer
        if hasattr(os, "register_at_fork"):  # or two processes would give one id
            os.register_at_fork(after_in_child=self._forget)

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
        if not self._drawn:
            self._drawn = os.urandom(64 * _CHANCE_BYTES)
        self._chance = int.from_bytes(self._drawn[:_CHANCE_BYTES])
        self._drawn = self._drawn[_CHANCE_BYTES:]

    def _forget(self) -> None:
        self._ms, self._drawn = 0, b""
        self._lock = threading.Lock()

    @staticmethod
    def looks_like_one(text: str) -> bool:
        """Whether a text has the shape of such an id; not whether it was ever given."""
        return len(text) == 26 and not set(text) - set(_ALPHABET)
