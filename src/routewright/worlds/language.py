"""Prompts made of made-up words, and how much their words tell.

A language has blocks of words. What a prompt is about shows only in how often it uses each block;
which word of a block is used says nothing more. So the blocks' counts are all that anybody can
learn from a text, and what follows from them is exact.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from routewright.data.wording import shown
from routewright.errors import ConfigError, DataError
from routewright.types import Prompt

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

_SYLLABLES = tuple(c + v for c in "bdfgklmnprstvz" for v in "aeiou")


@dataclass(frozen=True)
class Language:
    """Made-up words in blocks.

    Args:
        blocks: how many blocks there are, B.
        length: words of every prompt.
        words_each: words of a block; the fewer, the more two prompts of a kind have in common.
        seed: equal seeds make equal words.
    """

    blocks: int
    length: int = 12
    words_each: int = 40
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("blocks", "length", "words_each"):
            if getattr(self, name) < 1:
                raise ConfigError(f"a language's {name} must be 1 or more")
        if self.blocks * self.words_each > len(_SYLLABLES) ** 3:
            raise ConfigError(f"there are {len(_SYLLABLES) ** 3:,} made-up words; ask for fewer")

    @cached_property
    def words(self) -> NDArray[np.str_]:
        """All words, one block a row (B, words_each); no two are alike."""
        one, most = len(_SYLLABLES), len(_SYLLABLES) ** 3
        picked = np.random.default_rng(self.seed).choice(
            most, (self.blocks, self.words_each), replace=False
        )
        parts = np.array(_SYLLABLES)
        first, second, third = picked // one**2, picked // one % one, picked % one
        return np.char.add(np.char.add(parts[first], parts[second]), parts[third])

    def write(self, speech: Floats, rng: np.random.Generator) -> list[str]:
        """n texts, given how likely a word of each is to be of each block (n, B)."""
        n = len(speech)
        bounds = np.cumsum(speech, axis=1)[:, None, :-1]
        drawn = rng.random((n, self.length, 1))
        block = (drawn >= bounds).sum(axis=2)
        word = rng.integers(0, self.words_each, (n, self.length))
        return [" ".join(row) for row in self.words[block, word].tolist()]

    def read(self, prompts: Iterable[Prompt]) -> Counts:
        """How many words of each block every prompt holds (n, B).

        Raises:
            DataError: a word that the language does not have.
        """
        rows = [self._blocks_of(prompt) for prompt in prompts]
        counts = [np.bincount(row, minlength=self.blocks) for row in rows]
        return np.array(counts, dtype=np.int64).reshape(len(counts), self.blocks)

    def _blocks_of(self, prompt: Prompt) -> NDArray[np.intp]:
        try:
            found = [self._block[word] for word in prompt.text.split()]
        except KeyError as error:
            raise DataError(
                f"prompt {shown(prompt.id)}: {shown(error.args[0])} is no word of this world; it "
                "knows only prompts that it drew itself"
            ) from None
        return np.array(found, dtype=np.intp)

    @cached_property
    def _block(self) -> dict[str, int]:
        return {word: block for block, row in enumerate(self.words.tolist()) for word in row}


def speech_apart(kinds: int, separation: float) -> Floats:
    """Kinds with nothing in common but noise: P(block | kind) as (K, K).

    A word is of the kind's own block with probability ``separation`` and of any block else. At 0
    the text says nothing, at 1 a single word gives the kind away. Less separation is the same
    text with words replaced at random, so that no router can gain by it (Blackwell's order).

    Raises:
        ConfigError: ``separation`` is not between 0 and 1.
    """
    return noisy(np.eye(kinds), separation)


def speech_along(kinds: int, separation: float) -> Floats:
    """Kinds in a row, each most like its neighbours: P(block | kind) as (K, K).

    The block is where a random walk that sets out from the kind's own stands after some time: the
    heat kernel of a path, whose slowest mode has shrunk to ``separation``. At 0 it may be
    anywhere, at 1 it has not moved. Less separation is the same walk going on (Blackwell's order).

    Raises:
        ConfigError: ``separation`` is not between 0 and 1.
    """
    check_share("separation", separation)
    if kinds == 1:
        return np.ones((1, 1))
    mode = np.arange(kinds)
    wave = np.cos(np.pi * np.outer(mode + 0.5, mode) / kinds)
    wave /= np.linalg.norm(wave, axis=0)
    speed = 2 - 2 * np.cos(np.pi * mode / kinds)
    kernel = (wave * separation ** (speed / speed[1])) @ wave.T
    kernel = np.clip(kernel, 0, None)
    return kernel / kernel.sum(axis=1, keepdims=True)


def noisy(speech: Floats, separation: float) -> Floats:
    """The same speech (K, B) with the share ``1 - separation`` of its words drawn from any block.

    Raises:
        ConfigError: ``separation`` is not between 0 and 1.
    """
    check_share("separation", separation)
    return separation * speech + (1 - separation) / speech.shape[1]


def check_share(name: str, value: float) -> None:
    """Refuse what is no share.

    Raises:
        ConfigError: naming what it was.
    """
    if not 0 <= value <= 1:
        raise ConfigError(f"{name} is {value}; give a number from 0 to 1")
