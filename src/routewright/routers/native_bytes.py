"""A text as C reads it: a byte a character, and what each byte's character is.

C knows the patterns of ``encoders``, Python the characters. Those outside ASCII get a byte of the
upper half each; texts of one language nearly always get along with the bytes that an earlier one
was given. What has more different characters, as Chinese may have, Python reads alone.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from functools import cache, lru_cache
from struct import pack
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from routewright.types import Prompt

MOST_CHARS = 8_000  # of a longer text the middle is left out, which Python does
_MOST_TOKENS = 2**62
_MARKS = 128  # bytes for characters outside ASCII
_ROOM = 16  # bytes for what a character is read as, behind their number
_SPACE, _WORD, _ALONE = 1, 1 << 4, 1 << 7  # bits of ``native.h``
_NOT_ALONE = (
    "Σ\ufffe"  # small at a word's end in another way; what ``codecs`` takes for no character
)
_APART = b"\x01"  # no sign of the vocabulary: it parts words
_WIDE_OPERATORS, _WIDE_QUOTES = "×÷−", "“”«»"
# As ``encoders.hashed`` has them: a character of these scripts is a word.
_SCRIPT = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]")


class Charset(NamedTuple):
    """Characters outside ASCII and their bytes.

    Attributes:
        characters: who has one.
        encoding: for ``codecs``.
        told: what C is told of all 256, as ``native.h`` has it.
        sizes: how many bytes each of the 256 has where it is cut into pieces.
    """

    characters: frozenset[str]
    encoding: Any
    told: bytes
    sizes: NDArray[np.uint8]


class Written(NamedTuple):
    """A text for C: a byte for each character, and what C is told of the bytes.

    ``plain`` is ASCII, of which C need only be told the kinds.
    """

    text: bytes
    told: bytes
    plain: bool


class Sending:
    """Texts for C in one piece, and where in it each of them is (``native_stack.c``'s spans)."""

    def __init__(self) -> None:
        self._parts = [_ascii_kinds()]
        self._size = len(self._parts[0])
        self._spans: list[int] = []
        self._told: dict[bytes, int] = {self._parts[0]: 0}

    def add(self, prompt: Prompt) -> bool:
        """Whether C can have the prompt's text; if so, it is sent."""
        text = prompt.text
        written = as_bytes(text) if len(text) <= MOST_CHARS else None
        if written is None:
            return False
        at = self._put(written.text)
        told_at = self._told.get(written.told)
        if told_at is None:
            told_at = self._told[written.told] = self._put(written.told)
        limit = -1 if prompt.max_tokens is None else min(prompt.max_tokens, _MOST_TOKENS)
        self._spans += (at, len(text), told_at, written.plain, limit)
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
    """The text for C, which is no longer than ``MOST_CHARS``; None where Python has to read it."""
    if text.isascii():
        return Written(text.encode(), _ascii_kinds(), plain=True)
    charset = _charsets.latest
    try:
        told = codecs.charmap_encode(text, "strict", charset.encoding)[0]
    except UnicodeEncodeError:
        found = _charsets.of(text)
        if found is None:
            return None
        charset = found
        told = codecs.charmap_encode(text, "strict", charset.encoding)[0]
    if int(charset.sizes[np.frombuffer(told, dtype=np.uint8)].sum()) > MOST_CHARS:
        return None
    return Written(told, charset.told, plain=False)


class _Charsets:
    """The bytes that the latest text was written in, which most likely are those of the next."""

    def __init__(self) -> None:
        self._latest: Charset | None = None

    @property
    def latest(self) -> Charset:
        """They need not have all characters of a text."""
        if self._latest is None:
            self._latest = _charset(frozenset[str]())
            assert self._latest is not None  # noqa: S101
        return self._latest

    def of(self, text: str) -> Charset | None:
        """Bytes for all characters of a text; None where there are too few, or C must not have one.

        Those of earlier texts keep theirs where there is room.
        """
        others = frozenset(each for each in set(text) if not each.isascii())
        both = self.latest.characters | others
        found = _charset(both if len(both) <= _MARKS else others)
        if found is not None:
            self._latest = found
        return found


_charsets = _Charsets()


@lru_cache(64)
def _charset(characters: frozenset[str]) -> Charset | None:
    if len(characters) > _MARKS:
        return None
    listed = sorted(characters)
    read, folded = [_reading(each) for each in listed], [_fold(each) for each in listed]
    if None in read or None in folded:
        return None
    ascii_alone = "".join(map(chr, range(128)))
    spare = _MARKS - len(listed)
    sizes = np.ones(256, dtype=np.uint8)
    sizes[128 : 128 + len(listed)] = [len(each or b"") for each in read]
    kinds = bytes(map(_kind, listed)) + bytes(spare)
    tables = (_table(each, spare) for each in (read, folded))
    return Charset(
        characters,
        codecs.charmap_build(ascii_alone + "".join(listed)),
        _ascii_kinds()[:128] + kinds + b"".join(tables),
        sizes,
    )


def _table(readings: list[bytes | None], spare: int) -> bytes:
    each = (bytes((len(told or b""),)) + (told or b"") for told in readings)
    return b"".join(told.ljust(_ROOM, b"\0") for told in each) + bytes(_ROOM * spare)


@lru_cache(4096)
def _reading(character: str) -> bytes | None:
    """What a character outside ASCII is to ``encoders.wordpiece``: a letter without its accent, or
    a sign, which is a word by itself.

    None where that hangs on its neighbours, where it becomes something else in lower case, and of
    half an emoji.
    """
    low = character.lower()
    if len(low) != 1 or low.isascii() or character in _NOT_ALONE or "\ud800" <= low <= "\udfff":
        return None
    if low.isspace():
        return b" "
    apart = "".join(c for c in unicodedata.normalize("NFD", low) if unicodedata.category(c) != "Mn")
    told = apart.encode() if low.isalnum() else _APART + apart.encode() + _APART
    return told if len(told) < _ROOM else None


@lru_cache(4096)
def _fold(character: str) -> bytes | None:
    """What a character is to ``encoders.hashed``; None where it becomes one of another kind."""
    folded = "".join("0" if each.isdecimal() else each for each in character.casefold())
    kinds = {_part(each) for each in folded}
    if kinds != {_part(character)} or (len(folded) > 1 and kinds != {_WORD}):
        return None
    told = folded.encode("utf-8", "surrogatepass")
    return told if len(told) < _ROOM else None


def _part(character: str) -> int:
    """The bits of a character that say how a text is cut into words at it."""
    return _kind(character) & (_SPACE | _WORD | _ALONE)


@lru_cache(4096)
def _kind(character: str) -> int:
    """Bits of ``native.h``, as the patterns of ``encoders`` see a character."""
    return (
        character.isspace()
        | character.isdecimal() << 1
        | character.isupper() << 2
        | character.isalpha() << 3
        | (character.isalnum() or character == "_") << 4
        | (character in _WIDE_OPERATORS) << 5
        | (character in _WIDE_QUOTES) << 6
        | bool(_SCRIPT.match(character)) << 7
    )


@cache
def _ascii_kinds() -> bytes:
    return bytes(_kind(chr(at)) for at in range(128)) + bytes(128)
