"""Words and signs of a plain text, cut once for all who read it.

Features, n-grams and the static embedding each look at the words of a prompt. Most texts are ASCII,
where their rules agree: such a text is cut once, and the next reader finds the tokens.
"""

from __future__ import annotations

import re
from functools import lru_cache

_TOKEN = re.compile(r"\w+|[^\w\s]", re.ASCII)


def plain_tokens(text: str) -> tuple[str, ...]:
    """Words and signs of an ASCII text in lower case, in order."""
    return _cut(text.strip())


@lru_cache(maxsize=16)
def _cut(text: str) -> tuple[str, ...]:
    return tuple(_TOKEN.findall(text.lower()))
