"""Routing data: the table of outcomes as matrices, prompts x models, NaN where not bought."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from routewright.errors import DataError, UnknownModelError
from routewright.types import Prompt

Floats = NDArray[np.float64]
MATRICES = ("scores", "costs", "latencies", "input_tokens", "output_tokens")


@dataclass(frozen=True, eq=False)
class RoutingData:
    """Prompts (rows), models (columns) and what each model did with each prompt.

    Attributes:
        prompts: n prompts with unique ids.
        models: m model names.
        scores: (n, m) in [0, 1]; NaN where a cell was not bought.
        costs: (n, m) in US dollars.
        latencies: (n, m) in seconds.
        input_tokens: (n, m).
        output_tokens: (n, m).
        name: where it came from, for messages and reports.
        score_errors: (m,) standard error of each model's mean score, one that all of its scores
            share, such as an audit's correction of a judge; 0 where none is known.
    """

    prompts: tuple[Prompt, ...]
    models: tuple[str, ...]
    scores: Floats
    costs: Floats
    latencies: Floats = field(default_factory=lambda: np.empty((0, 0)))
    input_tokens: Floats = field(default_factory=lambda: np.empty((0, 0)))
    output_tokens: Floats = field(default_factory=lambda: np.empty((0, 0)))
    name: str = "data"
    score_errors: Floats = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        shape = (len(self.prompts), len(self.models))
        for matrix in MATRICES:
            given = np.asarray(getattr(self, matrix), dtype=np.float64)
            if given.shape == (0, 0):
                given = np.full(shape, np.nan)
            if given.shape != shape:
                raise DataError(f"{self.name}: {matrix} has shape {given.shape}, needs {shape}")
            given = given.copy()
            given.setflags(write=False)
            object.__setattr__(self, matrix, given)
        errors = np.asarray(self.score_errors, dtype=np.float64)
        errors = np.zeros(shape[1]) if not errors.size else errors.copy()
        if errors.shape != shape[1:] or not (errors >= 0).all():
            raise DataError(f"{self.name}: score_errors must be {shape[1]} numbers of 0 or more")
        errors.setflags(write=False)
        object.__setattr__(self, "score_errors", errors)
        repeated = _first_repeat([prompt.id for prompt in self.prompts])
        if repeated is not None:
            raise DataError(f"{self.name}: prompt id {repeated!r} appears twice; ids are unique")
        twin = _first_repeat(self.models)
        if twin is not None:
            raise DataError(f"{self.name}: model {twin!r} appears twice; merge its rows")

    @classmethod
    def load(cls, path: str | Path, format: str = "auto") -> Self:
        """Read a table of outcomes: our own formats, a published benchmark, or one from the hub.

        Args:
            path: a folder in long format; one CSV, JSON Lines or Parquet file in wide form; the
                files of a published benchmark; or ``hub:NAME`` (``data.benchmarks.hub``).
            format: ``native`` for the first two, the name of a benchmark's format
                (``data.benchmarks.FORMATS``), or ``auto`` to recognise it.

        Raises:
            DataError: the file, row or field that is wrong, and the way out.
            ConfigError: no such format.
        """
        from routewright.data.tables import load_table

        return load_table(cls, path, format)

    def save(self, path: str | Path) -> None:
        """Write the long format: ``prompts.parquet`` and ``outcomes.parquet`` in a folder."""
        from routewright.data.tables import save_long

        save_long(self, Path(path))

    def __len__(self) -> int:
        return len(self.prompts)

    def __iter__(self) -> Iterator[Prompt]:
        return iter(self.prompts)

    @cached_property
    def groups(self) -> NDArray[np.str_]:
        """For each prompt the name of its group (n,): rows of one group never part.

        Where the data names none, prompts with equal normalised text form one.
        """
        return np.array([p.group or text_group(p.text) for p in self.prompts], dtype=np.str_)

    @cached_property
    def tasks(self) -> NDArray[np.str_]:
        """For each prompt its task (n,), empty where unknown."""
        return np.array([p.task for p in self.prompts], dtype=np.str_)

    @cached_property
    def complete(self) -> NDArray[np.bool_]:
        """For each prompt whether every model has a score and a cost (n,)."""
        known: NDArray[np.bool_] = np.all(np.isfinite(self.scores + self.costs), axis=1)
        return known

    @cached_property
    def fingerprint(self) -> str:
        """A digest of prompt texts, models, scores and costs: what a router was taught."""
        digest = blake2b(digest_size=16)
        for part in (*self.models, "", *(prompt.text for prompt in self.prompts)):
            told = part.encode("utf-8", "surrogatepass")
            digest.update(len(told).to_bytes(8, "little") + told)
        for matrix in (self.scores, self.costs):  # every NaN and every zero has one form
            digest.update(np.where(np.isnan(matrix), np.nan, matrix + 0.0).tobytes())
        return digest.hexdigest()

    def subset(self, rows: Sequence[int] | NDArray[np.intp] | NDArray[np.bool_]) -> Self:
        """The given rows, by index or by mask, in the order given."""
        asked = np.asarray(rows)
        if not asked.size:  # an empty list has no type of its own
            asked = asked.astype(np.intp)
        index: NDArray[np.intp] = np.arange(len(self))[asked]
        cut = {f.name: getattr(self, f.name)[index] for f in fields(self) if f.name in MATRICES}
        return replace(self, prompts=tuple(self.prompts[int(i)] for i in index), **cut)

    def select_models(self, names: Sequence[str]) -> Self:
        """The given models, in the order given.

        Raises:
            UnknownModelError: a name that the data does not have.
        """
        for name in names:
            if name not in self.models:
                known = ", ".join(self.models)
                raise UnknownModelError(f"{self.name}: no model {name!r}; it has {known}")
        columns = [self.models.index(name) for name in names]
        cut = {
            f.name: getattr(self, f.name)[:, columns] for f in fields(self) if f.name in MATRICES
        }
        errors = self.score_errors[columns]
        return replace(self, models=tuple(names), score_errors=errors, **cut)


def _first_repeat(names: Sequence[str]) -> str | None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def text_group(text: str) -> str:
    """The group of a question: equal for equal texts, whatever their case and white space."""
    folded = " ".join(text.casefold().split())
    return "text-" + blake2b(folded.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
