"""The best router there can be, in a world where it is known: the positive control."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from routewright.errors import ConfigError
from routewright.types import Prompt

Floats = NDArray[np.float64]


class Known(Protocol):
    """What has true expectations: a ``World`` or a ``Drift``."""

    @property
    def models(self) -> tuple[str, ...]:
        """The models' names (m,)."""
        ...

    def expected(self, prompts: Iterable[Prompt]) -> tuple[Floats, Floats]:
        """Expected scores (n, m) and costs (n, m)."""
        ...


@dataclass(frozen=True, eq=False)
class Truth:
    """What is to be expected of n prompts and m models.

    Attributes:
        models: the columns.
        scores: expected scores (n, m).
        costs: expected costs (n, m) in US dollars.
        std: standard errors of the scores (n, m): all 0, for nothing was estimated.
    """

    models: tuple[str, ...]
    scores: Floats
    costs: Floats
    std: Floats


class BayesRouter:
    """Predicts a world's true expectations given the text; there is nothing to fit.

    An evaluation in which it misses the world's frontier measures wrongly.
    """

    name = "bayes"

    def __init__(self, world: Known) -> None:
        self.world = world
        self.models_ = world.models

    def fit(self, data: Any) -> Self:  # noqa: ARG002  # it knows
        """Nothing: it knows."""
        return self

    def predict(self, prompts: Sequence[Prompt]) -> Truth:
        """The truth about n prompts; columns in the order of ``models_``.

        Raises:
            DataError: a prompt that its world can't have drawn.
        """
        scores, costs = self.world.expected(prompts)
        return Truth(self.models_, scores, costs, np.zeros_like(scores))

    def save(self, path: Path) -> NoReturn:  # noqa: ARG002  # a control is no artefact
        """Refused: it is a control of evaluations, not a router to serve.

        Raises:
            ConfigError: always.
        """
        raise ConfigError("the Bayes router can't be saved; keep how its world was made instead")
