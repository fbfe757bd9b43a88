"""Published outcomes as matrices, where the environment names a folder that holds them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

HOME = os.environ.get("ROUTEWRIGHT_DATA", "")


def outcomes_of(benchmark: str, dataset: str | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Scores and costs (n, m) of the prompts that every model answered."""
    folder = Path(HOME) / benchmark
    if not HOME or not (folder / "outcomes.parquet").exists():
        pytest.skip(f"ROUTEWRIGHT_DATA names no folder that holds {benchmark}")
    pl = pytest.importorskip("polars")
    rows = pl.read_parquet(folder / "outcomes.parquet")
    if dataset:
        prompts = pl.read_parquet(folder / "prompts.parquet").filter(pl.col("dataset") == dataset)
        rows = rows.filter(pl.col("prompt_id").is_in(prompts["prompt_id"].to_list()))
    wide = [rows.pivot("model", index="prompt_id", values=v) for v in ("score", "cost_usd")]
    models = sorted(wide[0].columns[1:])
    scores, costs = (np.asarray(table.select(models).to_numpy(), dtype=float) for table in wide)
    whole = np.isfinite(scores).all(axis=1) & np.isfinite(costs).all(axis=1)
    return scores[whole], costs[whole]


def pair_of(benchmark: str) -> tuple[np.ndarray, np.ndarray]:
    """The strong and the weak model's scores of a benchmark of two models."""
    scores, _ = outcomes_of(benchmark)
    better = int(scores.mean(axis=0).argmax())
    return scores[:, better], scores[:, 1 - better]
