"""What every encoder that learns nothing is: weights made elsewhere, known by a fingerprint.

An artefact keeps the fingerprint alone, never the weights. Whoever loads it opens the encoder of
that name and is refused where the fingerprint differs: other weights put prompts elsewhere, and a
router would go wrong without a sound.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from routewright.encoders.cache import cached_rows
from routewright.encoders.hashed import both_ends_of
from routewright.errors import ArtefactError, ConfigError

Float32 = NDArray[np.float32]


class FrozenEncoder(ABC):
    """Texts → unit vectors by weights that training does not touch.

    A family implements ``_open`` and ``_vectors``. A text without a word gives a zero row, and
    of a long one both ends are read, as by every encoder here.

    Args:
        name: as ``encoders.make`` takes it.
    """

    cached: ClassVar[bool] = True  # worth it from about a millisecond a text

    def __init__(self, name: str) -> None:
        self.name = name

    def fit(self, texts: Sequence[str]) -> Self:  # noqa: ARG002  # an encoder's seam; nothing is learned
        """Open the encoder, so that whatever is missing is missed now.

        Raises:
            MissingExtraError: a library is not installed.
            WeightsError: the weights are not here, or not the published ones.
        """
        self.fingerprint_, self.dimensions_ = self._open()
        return self

    def encode(self, texts: Sequence[str]) -> Float32:
        """Vectors (n, d), float32, of unit length or zero; each depends on its own text alone."""
        read = [as_read(text) for text in texts]
        worded = [text for text in dict.fromkeys(read) if text]
        rows = np.zeros((len(read), self.dimensions_), dtype=np.float32)
        if not worded:
            return rows
        if self.cached:
            made = cached_rows(self.fingerprint_, self.dimensions_, worded, self._unit_rows)
        else:
            made = self._unit_rows(worded)
        row_of = dict(zip(worded, made, strict=True))
        for at, text in enumerate(read):
            if text:
                rows[at] = row_of[text]
        return rows

    def state(self) -> dict[str, NDArray[Any]]:
        """What an artefact keeps: the fingerprint (32,) and the length of a vector."""
        return {
            "fingerprint": np.frombuffer(self.fingerprint_, dtype=np.uint8),
            "dimensions": np.asarray(self.dimensions_),
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Open the encoder that gave this state.

        Raises:
            ArtefactError: the weights here are others.
        """
        self.fit(())
        trained, here = arrays["fingerprint"].tobytes(), self.fingerprint_
        if trained != here:
            raise ArtefactError(
                f"encoder {self.name}: the artefact was trained with {self._called(trained)}, here "
                f"is {self._called(here)}; train again or install what it was trained with"
            )
        return self

    @abstractmethod
    def _open(self) -> tuple[bytes, int]:
        """Fingerprint (32 bytes) and length of a vector; raises where something is missing."""

    @abstractmethod
    def _vectors(self, texts: Sequence[str]) -> Sequence[NDArray[Any]]:
        """One vector (d,) for each text, of any length; no text is empty."""

    def _called(self, fingerprint: bytes) -> str:
        """How a fingerprint is told to people."""
        return f"fingerprint {fingerprint.hex()[:12]}"

    def _unit_rows(self, texts: Sequence[str]) -> Float32:
        # Row by row: a row must round alike in any company.
        rows = [_unit(np.asarray(row, dtype=np.float64)) for row in self._vectors(texts)]
        return np.array(rows, dtype=np.float32)


def as_read(text: str) -> str:
    """The text without its middle where it is long, without halves of characters; may be ""."""
    text = text.strip()
    text = both_ends_of(text)
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def both_ends(tokens: Sequence[int], limit: int) -> list[int]:
    """At most ``limit`` tokens, the first and the last ones: a question often stands at the end."""
    if len(tokens) <= limit:
        return list(tokens)
    return [*tokens[: limit - limit // 2], *tokens[-(limit // 2) :]]


def fingerprint_of(*parts: str | int) -> bytes:
    """SHA-256 (32 bytes) of what makes an encoder what it is, each part apart from the next."""
    return sha256("\n".join(map(repr, parts)).encode()).digest()


def token_limit(text: str, default: int, name: str, most: int = 1 << 15) -> int:
    """The token limit in an encoder's name.

    Raises:
        ConfigError: it is no number from 8 to ``most``.
    """
    if not text:
        return default
    if not text.isdecimal() or not 8 <= int(text) <= most:
        raise ConfigError(f"encoder {name}: the token limit must be a number from 8 to {most}")
    return int(text)


def _unit(row: NDArray[np.float64]) -> NDArray[np.float64]:
    length = float(np.sqrt(row @ row))
    return row / length if length > 1e-12 else np.zeros_like(row)
