"""What a backend is: something that tells the log-probabilities of the marks of one question."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Asked:
    """What the causal LLM said of one question.

    Attributes:
        logits: log-probabilities of the labels up to a constant (m, K); -inf for a label that
            can't be, NaN throughout where there was no usable answer.
        usd: what asking cost, in US dollars.
    """

    logits: Floats
    usd: float


class Backend(Protocol):
    """Local weights or an endpoint."""

    def ask(self, question: str) -> Asked:
        """Ask for the marks of every model.

        Raises:
            UpstreamError: the endpoint failed.
        """
        ...

    def ask_all(self, questions: list[str]) -> list[Asked]:
        """Ask about several questions; each answer is what ``ask`` gives."""
        ...
