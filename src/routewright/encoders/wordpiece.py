"""Text → words → pieces of words, as the vocabulary of the BERT family has them, uncased.

A word is cut from its beginning into the longest pieces that the vocabulary holds (Wu et al.,
arXiv 1609.08144); pieces within a word are marked with ##. No library: whoever cuts remembers
the cut, so that most words of a text cost one look-up.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence

_WORD = re.compile(r"[^\W_]+|[^\w\s]|_")
_LONGEST = 100  # characters: what is longer is no word


def words(text: str) -> Sequence[str]:
    """The words and signs of a text in lower case, in order."""
    return _WORD.findall(text.lower())


def pieces(word: str, vocabulary: Mapping[str, int]) -> list[int]:
    """Rows of the pieces of a word; none where a part of it is in no piece."""
    if not word.isascii():
        apart = unicodedata.normalize("NFD", word)
        word = "".join(c for c in apart if unicodedata.category(c) != "Mn")
    if len(word) > _LONGEST:
        return []
    found: list[int] = []
    start = 0
    while start < len(word):
        mark = "##" if start else ""
        for end in range(len(word), start, -1):
            row = vocabulary.get(mark + word[start:end])
            if row is not None:
                found.append(row)
                start = end
                break
        else:
            return []
    return found
