"""The words of a text, cut once for all who read it, and what is known of a word.

Features, n-grams and the static embedding each look at the words of a prompt. What they look for
never spans white space but in a few phrases, so that a text is parted there once, and what a reader
makes of a word is remembered: most words of a text then cost one look-up.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

Value = TypeVar("Value")

_LONGEST = 100  # characters of a word that is remembered: a longer one will not come again


def spaced(text: str) -> tuple[str, ...]:
    """What stands between white space, in order, with the signs that stand at it."""
    return _cut(text.strip())


@lru_cache(maxsize=16)
def _cut(text: str) -> tuple[str, ...]:
    return tuple(text.split())


class Remembered(dict[str, Value]):
    """What a function makes of a word, made once: ``remembered[word]``.

    A look-up takes half of what ``functools.lru_cache`` takes, and a prompt has hundreds of words.
    A full one starts again.

    Args:
        make: value of a word.
        most: words kept.
    """

    def __init__(self, make: Callable[[str], Value], most: int = 20_000) -> None:
        super().__init__()
        self._make, self._most = make, most

    def __missing__(self, word: str) -> Value:
        value = self._make(word)
        if len(word) <= _LONGEST:
            if len(self) >= self._most:
                self.clear()
            self[word] = value
        return value
