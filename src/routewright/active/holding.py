"""What has been bought so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from routewright.data.routing_data import RoutingData
from routewright.types import Prompt

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Holding:
    """The pool of prompts and models, and the cells that were paid for.

    Attributes:
        data: n prompts, m models; NaN where a cell was not bought, or not graded.
        asked: cells that are not to be asked (again), answered or not (n, m).
    """

    data: RoutingData
    asked: Mask

    @classmethod
    def empty(cls, prompts: Sequence[Prompt], models: Sequence[str], name: str = "pool") -> Self:
        """Nothing bought yet."""
        holes = np.full((len(prompts), len(models)), np.nan)
        data = RoutingData(tuple(prompts), tuple(models), scores=holes, costs=holes, name=name)
        return cls(data, np.zeros(holes.shape, dtype=np.bool_))

    @classmethod
    def of(cls, data: RoutingData, asked: Mask) -> Self:
        """The cells ``asked`` (n, m) of routing data, the others unseen."""
        cut = {
            name: np.where(asked, getattr(data, name), np.nan)
            for name in ("scores", "costs", "latencies", "input_tokens", "output_tokens")
        }
        return cls(replace(data, **cut), asked.copy())

    @property
    def spent_usd(self) -> float:
        """The dollars of all answers."""
        return float(np.nansum(self.data.costs))
