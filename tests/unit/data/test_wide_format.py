"""One table with columns for every model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from routewright.data import RoutingData
from routewright.data.wide_format import model_columns

nan = np.nan


@pytest.mark.parametrize("style", ["{field}:{model}", "{model}:{field}", "{model}/{field}"])
@pytest.mark.parametrize("model", ["gpt-4o", "qwen2.5:0.5b", "mistralai/mistral-7b-chat"])
def test_every_way_of_naming_columns_means_the_same(tmp_path: Path, style: str, model: str) -> None:
    columns: dict[str, object] = {"prompt": ["Hi", "Yo"], "note": ["x", "y"]}
    for name in (model, "other"):
        columns[style.format(field="score", model=name)] = [1.0, None]
        columns[style.format(field="cost_usd", model=name)] = [0.25, 0.5]
    columns[style.format(field="input_tokens", model="other")] = [3, 4]
    pl.DataFrame(columns).write_parquet(tmp_path / "wide.parquet")
    data = RoutingData.load(tmp_path / "wide.parquet")
    assert data.models == (model, "other")
    assert [p.id for p in data] == ["row-1", "row-2"]
    np.testing.assert_array_equal(data.scores, [[1, 1], [nan, nan]])
    np.testing.assert_array_equal(data.costs, [[0.25, 0.25], [0.5, 0.5]])
    np.testing.assert_array_equal(data.input_tokens, [[nan, 3], [nan, 4]])
    assert data.name == "wide.parquet"


def test_what_is_known_of_a_prompt_is_kept(tmp_path: Path) -> None:
    (tmp_path / "wide.jsonl").write_text(
        '{"prompt_id": "x", "prompt": "Hi", "task": "chat", "group": "g", "reference": "Hello",'
        ' "score:a": 0.5, "cost_usd:a": 0.1, "latency_s:a": 2}\n'
    )
    data = RoutingData.load(tmp_path / "wide.jsonl")
    (prompt,) = data.prompts
    assert (prompt.id, prompt.task, prompt.group, prompt.reference) == ("x", "chat", "g", "Hello")
    assert data.latencies.tolist() == [[2.0]]


def test_routerbench_tables_load_as_published(tmp_path: Path) -> None:
    pl.DataFrame(
        {
            "sample_id": ["mbpp.1", "mbpp.2"],
            "prompt": ["Write f", "Write g"],
            "eval_name": ["mbpp", "mbpp"],
            "gpt-4-1106-preview": [1.0, 0.0],
            "mistralai/mixtral-8x7b-chat": [0.0, 0.5],
            "gpt-4-1106-preview|model_response": ["def f", "def g"],
            "gpt-4-1106-preview|total_cost": [0.01, 0.02],
            "mistralai/mixtral-8x7b-chat|model_response": ["def f", "def g"],
            "mistralai/mixtral-8x7b-chat|total_cost": [0.001, 0.002],
            "oracle_model_to_route_to": ["gpt-4-1106-preview", "mistralai/mixtral-8x7b-chat"],
        }
    ).write_csv(tmp_path / "routerbench.csv")
    data = RoutingData.load(tmp_path / "routerbench.csv")
    assert data.models == ("gpt-4-1106-preview", "mistralai/mixtral-8x7b-chat")
    assert data.scores.tolist() == [[1, 0], [0, 0.5]]
    assert data.costs.tolist() == [[0.01, 0.001], [0.02, 0.002]]
    assert [(p.id, p.task) for p in data] == [("mbpp.1", "mbpp"), ("mbpp.2", "mbpp")]


def test_other_columns_are_passed_over() -> None:
    names = ["prompt", "source", "a/b", "score:m", "cost_usd:m", "seen: 2024", "m|model_response"]
    assert model_columns(names, Path("t.csv")) == {
        "m": {"score": "score:m", "cost_usd": "cost_usd:m"}
    }
