"""Words and signs of a plain text, cut once for all who read it.

Features, n-grams and the static embedding each look at the words of a prompt. Most texts are ASCII,
where their rules agree: such a text is cut once, and the next reader finds the tokens.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

Value = TypeVar("Value")

_TOKEN = re.compile(r"\w+|[^\w\s]", re.ASCII)
_WORD_SIGNS = string.ascii_letters + string.digits + "_"
_WORDS = bytes(ord(chr(at).lower() if chr(at) in _WORD_SIGNS else " ") for at in range(256))
_LONGEST = 100  # characters of a word that is remembered: a longer one will not come again


def plain_tokens(text: str) -> tuple[str, ...]:
    """Words and signs of an ASCII text in lower case, in order."""
    return _tokens(text.strip())


def plain_words(text: str) -> tuple[str, ...]:
    """The words among ``plain_tokens``, in half the time."""
    return _words(text.strip())


@lru_cache(maxsize=16)
def _tokens(text: str) -> tuple[str, ...]:
    return tuple(_TOKEN.findall(text.lower()))


@lru_cache(maxsize=16)
def _words(text: str) -> tuple[str, ...]:
    return tuple(text.encode().translate(_WORDS).decode().split())


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
