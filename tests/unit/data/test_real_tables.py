"""Recorded benchmarks load with the figures that their own summaries state."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from routewright.data import RoutingData
from routewright.data.splits import split

HOME = os.environ.get("ROUTEWRIGHT_DATA", "")


@pytest.fixture(params=["routellm_gsm8k", "routellm_mmlu", "routerbench"])
def folder(request: pytest.FixtureRequest) -> Path:
    path = Path(HOME) / request.param
    if not HOME or not path.is_dir():
        pytest.skip(f"ROUTEWRIGHT_DATA names no folder that holds {request.param}")
    return path


def test_a_recorded_benchmark_has_the_means_it_states(folder: Path) -> None:
    data = RoutingData.load(folder)
    with (folder / "models.csv").open() as file:
        stated = {row["model"]: row for row in csv.DictReader(file)}
    assert set(data.models) == set(stated)
    scores, costs = np.nanmean(data.scores, axis=0), np.nanmean(data.costs, axis=0)
    for column, model in enumerate(data.models):
        assert scores[column] == pytest.approx(float(stated[model]["mean_score"]), abs=1e-4)
        assert costs[column] == pytest.approx(float(stated[model]["mean_cost_usd"]), rel=1e-2)
    assert all(prompt.task and prompt.group for prompt in data)


def test_a_recorded_benchmark_survives_saving_and_splits_by_group(
    folder: Path, tmp_path: Path
) -> None:
    data = RoutingData.load(folder)
    data.save(tmp_path / "copy")
    back = RoutingData.load(tmp_path / "copy")
    assert back.prompts == data.prompts
    assert back.models == data.models
    assert back.scores.tobytes() == data.scores.tobytes()
    assert back.costs.tobytes() == data.costs.tobytes()
    train, test = split(data, holdout=0.2, seed=0)
    assert not set(data.groups[train]) & set(data.groups[test])
    assert abs(len(test) - 0.2 * len(data)) <= 2
