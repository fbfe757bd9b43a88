"""Counts the words and phrases that give a task, a domain or a need away."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

import msgspec

_TOKEN = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*(?:\+\+)?")
_STRONG, _WEAK = 3, 1

Class = tuple[str, str]  # ("domain", "law")
Marks = tuple[tuple[Class, int], ...]


class _Table:
    """The terms of ``cues.toml``, by how they are looked up."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.exact: dict[str, Marks] = {}
        self.prefix: dict[str, Marks] = {}
        self.phrases: dict[str, list[tuple[list[str], Class, int]]] = {}
        for kind, classes in told.items():
            for name, terms in classes.items():
                for strength, weight in (("strong", _STRONG), ("weak", _WEAK)):
                    for term in dict.fromkeys(terms.get(strength, "").split()):
                        self._add(term, (kind, name), weight)
        self.lengths = sorted({len(stem) for stem in self.prefix})

    def _add(self, term: str, owner: Class, weight: int) -> None:
        first, *rest = term.split("_")
        if rest:
            self.phrases.setdefault(first, []).append((rest, owner, weight))
            return
        table = self.prefix if term.endswith("*") else self.exact
        stem = term.removesuffix("*")
        table[stem] = (*table.get(stem, ()), (owner, weight))

    def of_word(self, word: str) -> tuple[tuple[str, Marks], ...]:
        """The single-word terms that a word matches, with what each counts for."""
        found = [(word, self.exact[word])] if word in self.exact else []
        for length in self.lengths:
            if length > len(word):
                break
            stem = word[:length]
            if stem in self.prefix:
                found.append((stem + "*", self.prefix[stem]))
        return tuple(found)


@cache
def _table() -> _Table:
    return _Table(
        msgspec.toml.decode(files("routewright.analysis").joinpath("cues.toml").read_bytes())
    )


@lru_cache(maxsize=16_384)
def _of_word(word: str) -> tuple[tuple[str, Marks], ...]:
    return _table().of_word(word)


def count_cues(text: str) -> tuple[dict[Class, int], list[str]]:
    """The weight of each class's distinct terms in a text in lower case, and the text's words."""
    table = _table()
    words = _TOKEN.findall(text)
    terms: dict[object, Marks] = {}
    for word in set(words):
        terms.update(_of_word(word))
    starts = table.phrases.keys() & set(words)
    for at, word in enumerate(words):
        if word not in starts:
            continue
        for number, (rest, owner, weight) in enumerate(table.phrases[word]):
            if words[at + 1 : at + 2] == rest[:1] and words[at + 1 : at + 1 + len(rest)] == rest:
                terms[word, number] = ((owner, weight),)
    total: dict[Class, int] = {}
    for marks in terms.values():
        for owner, weight in marks:
            total[owner] = total.get(owner, 0) + weight
    return total, words
