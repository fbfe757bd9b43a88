"""Text → token ids, alike in training and serving."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routewright.encoders.hashed import HALF_CAP
from routewright.errors import ConfigError, require

Ids = NDArray[np.int64]


class Tokens:
    """Reads the start and the end of a text, special tokens included.

    The question after a long example stands last, so a long text is cut in its middle (head and
    tail, as in Sun et al. 2019, "How to Fine-Tune BERT for Text Classification", section 5.3.1).

    Args:
        tokenizer: what a ``tokenizer.json`` holds.
        most: tokens of one text at most.

    Raises:
        ConfigError: there is no room for words, or it is no tokenizer.
        MissingExtraError: tokenizers is not installed.
    """

    def __init__(self, tokenizer: str, most: int) -> None:
        library: Any = require("tokenizers", "encoders")
        try:
            self._tokenizer: Any = library.Tokenizer.from_str(tokenizer)
        except Exception as error:  # the library raises nothing narrower
            raise ConfigError(f"not a tokenizer.json ({error})") from error
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._before, self._after = self._special()
        self._room = most - len(self._before) - len(self._after)
        if self._room < 2:
            raise ConfigError(f"max_tokens is {most}; give room for two words at least")

    def ids(self, texts: Sequence[str]) -> list[Ids]:
        """The token ids of each text, one at least."""
        return [self._read(text) for text in texts]

    def _read(self, text: str) -> Ids:
        if len(text) > 2 * HALF_CAP:
            text = f"{text[:HALF_CAP]}\n{text[-HALF_CAP:]}"
        # The library refuses half a character.
        text = text.encode("utf-8", "replace").decode()
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        if len(ids) > self._room:
            ids = ids[: self._room - self._room // 2] + ids[-(self._room // 2) :]
        return np.array([*self._before, *ids, *self._after] or [0], dtype=np.int64)

    def _special(self) -> tuple[list[int], list[int]]:
        """What stands before and after the words of every text."""
        told: Any = self._tokenizer.encode("a")
        ids: list[int] = told.ids
        words = np.flatnonzero(np.array(told.special_tokens_mask) == 0)
        if not words.size:
            return ids, []
        return ids[: words[0]], ids[words[-1] + 1 :]
