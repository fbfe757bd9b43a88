"""Several encoders side by side, each with the same say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from routewright.protocols import Encoder


class ConcatEncoder:
    """The vectors of k encoders in a row, each scaled by 1/√k, so that the row has unit length.

    Where one encoder knows nothing of a text its part is zero and the row is shorter.

    Args:
        parts: the encoders.
    """

    def __init__(self, parts: Sequence[Encoder]) -> None:
        self.parts = tuple(parts)

    def fit(self, texts: Sequence[str]) -> Self:
        """Fit every part."""
        for part in self.parts:
            part.fit(texts)
        return self

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors (n, d₁ + … + d_k), float32."""
        scale = np.float32(1 / np.sqrt(len(self.parts)))
        return np.hstack([part.encode(texts) * scale for part in self.parts])

    def state(self) -> dict[str, NDArray[Any]]:
        """The parts' arrays, under the part's number."""
        return {
            f"{at}.{name}": array
            for at, part in enumerate(self.parts)
            for name, array in part.state().items()
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> ConcatEncoder:
        """The encoder that gave these arrays.

        Raises:
            ArtefactError: a frozen part is not the one that was trained with.
        """
        return ConcatEncoder(
            [
                part.restore(
                    {
                        name.removeprefix(f"{at}."): array
                        for name, array in arrays.items()
                        if name.startswith(f"{at}.")
                    }
                )
                for at, part in enumerate(self.parts)
            ]
        )
