"""Votes: which of two models answered a prompt better, as Chatbot Arena publishes them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from routewright.data.routing_data import RoutingData
from routewright.data.wording import shown
from routewright.errors import DataError
from routewright.types import Prompt

if TYPE_CHECKING:
    import polars as pl

COLUMNS = ("prompt", "model_a", "model_b", "winner")
WINNERS = {"model_a": 1.0, "model_b": 0.0, "tie": 0.5, "tie (bothbad)": 0.5}
"""What the first model wins; that both are bad says as little of their difference as a draw."""


@dataclass(frozen=True, eq=False)
class Votes:
    """One vote on each of n prompts, between two of m models. There need be no scores.

    Attributes:
        prompts: n prompts with unique ids; several votes on one text are several prompts.
        models: m model names.
        first: column of one model (n,).
        second: column of its opponent (n,).
        won: 1 where the first won, 0 where it lost, 1/2 for a tie (n,).
        name: where they came from, for messages and reports.
    """

    prompts: tuple[Prompt, ...]
    models: tuple[str, ...]
    first: NDArray[np.intp]
    second: NDArray[np.intp]
    won: NDArray[np.float64]
    name: str = "votes"

    def __post_init__(self) -> None:
        n, m = len(self.prompts), len(self.models)
        for field, kind in (("first", np.intp), ("second", np.intp), ("won", np.float64)):
            array = np.array(getattr(self, field), dtype=kind)
            if array.shape != (n,):
                raise DataError(f"{self.name}: {field} has shape {array.shape}, needs ({n},)")
            array.setflags(write=False)
            object.__setattr__(self, field, array)
        columns = np.concatenate([self.first, self.second])
        if n and (columns.min() < 0 or columns.max() >= m):
            raise DataError(f"{self.name}: a vote names a column that is not one of {m} models")
        if (self.first == self.second).any():
            row = int((self.first == self.second).argmax())
            raise DataError(f"{self.name}: vote {row + 1} sets a model against itself")
        if not np.isin(self.won, (0.0, 0.5, 1.0)).all():
            raise DataError(f"{self.name}: won must be 1, 0 or, for a tie, 1/2")

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a CSV, JSON Lines or Parquet file, one vote a row.

        Its columns are ``prompt``, ``model_a``, ``model_b`` and ``winner``: ``model_a``,
        ``model_b``, ``tie`` or ``tie (bothbad)``. Other columns are passed over.

        Raises:
            DataError: the file, row and column that is wrong.
            MissingExtraError: polars is not installed.
        """
        from routewright.data.table_file import read_frame

        path = Path(path)
        return cls.from_frame(read_frame(path), path)

    @classmethod
    def from_frame(cls, frame: pl.DataFrame, path: Path) -> Self:
        """The same of a table that was read from ``path``."""
        from routewright.data.columns import check_columns, filled_texts, texts

        check_columns(frame, COLUMNS, path)
        prompts = texts(frame, "prompt", path).fill_null("").to_list()
        sides = [filled_texts(frame, side, path).to_list() for side in ("model_a", "model_b")]
        told = filled_texts(frame, "winner", path).to_list()
        for row, (one, two, winner) in enumerate(zip(*sides, told, strict=True), start=1):
            if winner not in WINNERS:
                known = ", ".join(WINNERS)
                raise DataError(f"{path}: row {row}: winner is {shown(winner)}; give {known}")
            if one == two:
                raise DataError(
                    f"{path}: row {row}: model_a and model_b are both {shown(one)}; "
                    "delete the row, a model can't win against itself"
                )
        models = sorted({*sides[0], *sides[1]})
        column = {model: at for at, model in enumerate(models)}
        return cls(
            prompts=tuple(Prompt.from_text(f"vote-{at}", t) for at, t in enumerate(prompts, 1)),
            models=tuple(models),
            first=np.array([column[model] for model in sides[0]], dtype=np.intp),
            second=np.array([column[model] for model in sides[1]], dtype=np.intp),
            won=np.array([WINNERS[winner] for winner in told]),
            name=path.name,
        )

    def __len__(self) -> int:
        return len(self.prompts)

    def as_data(self, costs_usd: ArrayLike | None = None) -> RoutingData:
        """Routing data with a vote a row: ``won`` for the first model, 1 - ``won`` for the second.

        A comparison of two scores is 1/2 (1 + s_i - s_j), so each such row says just what its vote
        said. That makes votes fit every router, every file format and every check there is,
        where a second way to fit would have needed one of each; and a table of which every row
        holds two scores that add to 1 can't mean anything but votes (``is_votes``), so nothing
        needs to be remembered beside it.

        Args:
            costs_usd: mean cost of each model's call in US dollars (m,). Votes tell none, and
                without any all models cost the same to a policy.
        """
        n, m = len(self), len(self.models)
        scores, costs = np.full((n, m), np.nan), np.full((n, m), np.nan)
        rows = np.arange(n)
        scores[rows, self.first], scores[rows, self.second] = self.won, 1 - self.won
        if costs_usd is not None:
            given = np.asarray(costs_usd, dtype=np.float64)
            if given.shape != (m,) or not (given >= 0).all():
                raise DataError(f"{self.name}: costs_usd needs {m} numbers of 0 or more")
            costs[:] = given
        return RoutingData(self.prompts, self.models, scores, costs, name=self.name)


def is_votes(scores: NDArray[np.float64]) -> bool:
    """Whether a table of scores (n, m) holds votes: two in a row, which add to 1."""
    known = np.isfinite(scores)
    some = known.any(axis=1)
    two = known.sum(axis=1)[some] == 2
    sums = np.where(known, scores, 0.0).sum(axis=1)[some]
    return bool(some.any() and two.all() and (sums == 1).all())
