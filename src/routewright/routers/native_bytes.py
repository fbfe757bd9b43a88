"""A text as C reads it: a byte a character, and what each byte's character is.

C knows the patterns of ``encoders``, Python the characters. A text may have a few that are outside
ASCII, as most texts have that have any; those with more are read by Python alone.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from struct import pack
from typing import NamedTuple

from routewright.types import Prompt

MOST_CHARS = 8_000  # of a longer text the middle is left out, which Python does
_MOST_TOKENS = 2**62
_OTHERS = re.compile(r"[^\x00-\x7f]")
_MARKS = (0xC0, 0xC1, *range(0xF5, 0xFF))  # bytes that are in no text's UTF-8
_APART = b"\x01"  # no sign of the vocabulary: it parts words
_WIDE_OPERATORS, _WIDE_QUOTES = "×÷−", "“”«»"


class Written(NamedTuple):
    """A text for C.

    Attributes:
        text: a byte for each character; one that is not ASCII stands for a character of this text.
        kinds: what each of the 256 bytes is, as ``native.h`` has it.
        read: what is cut into pieces, in UTF-8.
    """

    text: bytes
    kinds: bytes
    read: bytes


class Sending:
    """Texts for C in one piece, and where in it each of them is (``native_stack.c``'s spans)."""

    def __init__(self) -> None:
        self._parts = [_ascii_kinds()]
        self._size = len(self._parts[0])
        self._spans: list[int] = []

    def add(self, prompt: Prompt) -> bool:
        """Whether C can have the prompt's text; if so, it is sent."""
        text = prompt.text
        written = as_bytes(text) if len(text) <= MOST_CHARS else None
        if written is None or len(written.read) > MOST_CHARS:
            return False
        at = self._put(written.text)
        ascii_alone = written.read is written.text
        read_at = at if ascii_alone else self._put(written.read)
        kinds_at = 0 if ascii_alone else self._put(written.kinds)
        limit = -1 if prompt.max_tokens is None else min(prompt.max_tokens, _MOST_TOKENS)
        self._spans += (at, len(text), read_at, len(written.read), kinds_at, limit)
        return True

    def sent(self) -> tuple[bytes, bytes]:
        """The texts, and the spans."""
        return b"".join(self._parts), pack(f"{len(self._spans)}q", *self._spans)

    def _put(self, part: bytes) -> int:
        at = self._size
        self._parts.append(part)
        self._size += len(part)
        return at


def as_bytes(text: str) -> Written | None:
    """The text for C; None where Python has to read it."""
    if text.isascii():
        plain = text.encode()
        return Written(plain, _ascii_kinds(), plain)
    others = set(_OTHERS.findall(text))
    if len(others) > len(_MARKS):
        return None
    kinds = bytearray(_ascii_kinds())
    try:
        told = read = text.encode()
    except UnicodeEncodeError:  # half of an emoji
        return None
    for mark, character in zip(_MARKS, others, strict=False):
        reading = _reading(character)
        if reading is None:
            return None
        kinds[mark] = _kind(character)
        coded = character.encode()
        told, read = told.replace(coded, bytes((mark,))), read.replace(coded, reading)
    return Written(told, bytes(kinds), read)


@lru_cache(4096)
def _reading(character: str) -> bytes | None:
    """What a character outside ASCII is to ``encoders.wordpiece``: a letter without its accent, or
    a sign, which is a word by itself.

    None where it becomes something else in lower case.
    """
    low = character.lower()
    if len(low) != 1 or low.isascii():
        return None
    if low.isspace():
        return b" "
    apart = "".join(c for c in unicodedata.normalize("NFD", low) if unicodedata.category(c) != "Mn")
    return apart.encode() if low.isalnum() else _APART + apart.encode() + _APART


@lru_cache(4096)
def _kind(character: str) -> int:
    """Bits of ``native.h``, as the patterns of ``encoders.features`` see a character."""
    return (
        character.isspace()
        | character.isdecimal() << 1
        | character.isupper() << 2
        | character.isalpha() << 3
        | (character.isalnum() or character == "_") << 4
        | (character in _WIDE_OPERATORS) << 5
        | (character in _WIDE_QUOTES) << 6
    )


@cache
def _ascii_kinds() -> bytes:
    return bytes(_kind(chr(at)) for at in range(128)) + bytes(128)
