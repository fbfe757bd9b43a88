"""Loading and saving the long format."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routewright.data import RoutingData
from routewright.data.routing_data import MATRICES
from routewright.errors import DataError
from routewright.types import Message, Prompt

NASTY = ' "quoted", comma; tab\t line\nbreak\r\nlone\r end — ünï 漢字 🦊 \u2028 '

words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
filled = words.filter(lambda word: bool(word.strip()))
turns = st.one_of(
    filled.map(lambda text: (Message("user", text),)),
    st.tuples(words, filled, words).map(
        lambda t: (Message("system", t[0]), Message("user", t[1]), Message("assistant", t[2]))
    ),
    filled.map(lambda text: (Message("user", [{"type": "text", "text": text}]),)),
    filled.map(lambda text: (Message("assistant", None), Message("user", text))),
)
prompts = st.builds(
    Prompt,
    id=filled,
    messages=turns,
    task=words,
    grader=words,
    reference=words,
    group=words,
    difficulty=words,
    max_tokens=st.none() | st.integers(1, 10**6),
    time=st.just("") | st.datetimes().map(lambda time: time.isoformat()),
)


@st.composite
def tables(draw: st.DrawFn) -> RoutingData:
    rows = draw(st.lists(prompts, min_size=1, max_size=6, unique_by=lambda p: p.id))
    models = draw(st.lists(filled, min_size=1, max_size=4, unique=True))

    def matrix(high: float | None) -> np.ndarray:
        cell = st.just(float("nan")) | st.floats(0, high, allow_infinity=False, allow_nan=False)
        size = len(rows) * len(models)
        cells = draw(st.lists(cell, min_size=size, max_size=size))
        return np.array(cells).reshape(len(rows), len(models))

    costs = matrix(None)
    costs[-1, -1] = draw(st.floats(0, 1))
    return RoutingData(
        tuple(rows), tuple(models), matrix(1.0), costs, matrix(None), matrix(1e6), matrix(1e6)
    )


@given(data=tables())
@settings(max_examples=60, deadline=None)
def test_what_is_saved_loads_back_exactly(
    tmp_path_factory: pytest.TempPathFactory, data: RoutingData
) -> None:
    folder = tmp_path_factory.mktemp("saved") / "table"
    data.save(folder)
    back = RoutingData.load(folder)
    assert back.prompts == data.prompts
    assert back.models == data.models
    assert back.name == "table"
    for matrix in MATRICES:
        assert getattr(back, matrix).tobytes() == getattr(data, matrix).tobytes()
    assert sorted(path.name for path in folder.iterdir()) == ["outcomes.parquet", "prompts.parquet"]


def write(folder: Path, stem: str, kind: str, rows: list[dict[str, object]]) -> None:
    folder.mkdir(exist_ok=True)
    path = folder / f"{stem}.{kind}"
    if kind == "parquet":
        pl.DataFrame(rows).write_parquet(path)
    elif kind == "jsonl":
        path.write_text("\n\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
    else:
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


PROMPTS: list[dict[str, object]] = [
    {"prompt_id": "p1", "dataset": "mmlu", "subject": "law", "prompt": NASTY, "reference": "B"},
    {"prompt_id": "p2", "dataset": "gsm", "subject": "gsm", "prompt": "2+2?", "reference": None},
    {"prompt_id": "p3", "dataset": None, "subject": None, "prompt": "Hi", "reference": None},
]
OUTCOMES: list[dict[str, object]] = [
    {"prompt_id": "p2", "model": "z", "score": 0.25, "cost_usd": 0.5, "latency_s": 2.0},
    {"prompt_id": "p1", "model": "a", "score": 1, "cost_usd": 1e-5, "latency_s": None},
    {"prompt_id": "p1", "model": "z", "score": None, "cost_usd": 0, "latency_s": 1.5},
]


@pytest.mark.parametrize("prompt_kind", ["parquet", "csv", "jsonl"])
@pytest.mark.parametrize("outcome_kind", ["parquet", "csv", "jsonl"])
def test_every_kind_of_file_says_the_same(
    tmp_path: Path, prompt_kind: str, outcome_kind: str
) -> None:
    write(tmp_path / "t", "prompts", prompt_kind, PROMPTS)
    write(tmp_path / "t", "outcomes", outcome_kind, OUTCOMES)
    data = RoutingData.load(tmp_path / "t")
    nan = np.nan
    assert data.models == ("z", "a")  # in the order in which the outcomes name them
    np.testing.assert_array_equal(data.scores, [[nan, 1], [0.25, nan], [nan, nan]])
    np.testing.assert_array_equal(data.costs, [[0, 1e-5], [0.5, nan], [nan, nan]])
    np.testing.assert_array_equal(data.latencies, [[1.5, nan], [2, nan], [nan, nan]])
    assert np.isnan(data.input_tokens).all()
    assert [p.text for p in data] == [NASTY, "2+2?", "Hi"]
    assert [p.task for p in data] == ["mmlu/law", "gsm", ""]
    assert [p.reference for p in data] == ["B", "", ""]


def test_the_recorded_columns_outweigh_dataset(tmp_path: Path) -> None:
    recorded = {"task": "law", "grader": "choice", "difficulty": "hard", "max_tokens": 48}
    write(tmp_path / "t", "prompts", "csv", [PROMPTS[0] | recorded | {"group": "g1"}])
    write(tmp_path / "t", "outcomes", "csv", OUTCOMES[1:])
    (prompt,) = RoutingData.load(tmp_path / "t").prompts
    assert (prompt.task, prompt.grader, prompt.difficulty) == ("law", "choice", "hard")
    assert (prompt.max_tokens, prompt.group) == (48, "g1")


def test_numbers_serve_as_ids_and_truth_values_as_scores(tmp_path: Path) -> None:
    write(tmp_path / "t", "prompts", "parquet", [{"prompt_id": 7, "prompt": "Hi"}])
    outcome = {"prompt_id": 7, "model": "a", "score": True, "cost_usd": 0.5}
    write(tmp_path / "t", "outcomes", "parquet", [outcome])
    data = RoutingData.load(tmp_path / "t")
    assert data.prompts[0].id == "7"
    assert data.scores.tolist() == [[1.0]]


def test_a_conversation_stands_as_a_list_in_json_lines(tmp_path: Path) -> None:
    conversation = [{"role": "system", "content": "Brief."}, {"role": "user", "content": "Hi"}]
    write(tmp_path / "t", "prompts", "jsonl", [{"prompt_id": "p1", "messages": conversation}])
    write(tmp_path / "t", "outcomes", "jsonl", OUTCOMES[1:])
    (prompt,) = RoutingData.load(tmp_path / "t").prompts
    assert prompt.messages == (Message("system", "Brief."), Message("user", "Hi"))


def test_saving_again_replaces_the_old_table(tmp_path: Path) -> None:
    write(tmp_path / "t", "prompts", "csv", PROMPTS)
    write(tmp_path / "t", "outcomes", "csv", OUTCOMES)
    data = RoutingData.load(tmp_path / "t")
    data.save(tmp_path / "deep" / "copy")
    data.subset([1]).save(tmp_path / "deep" / "copy")
    assert [p.id for p in RoutingData.load(tmp_path / "deep" / "copy")] == ["p2"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    data = RoutingData(
        (Prompt.from_text("p", "Hi"),), ("a",), scores=np.ones((1, 1)), costs=np.ones((1, 1))
    )
    with pytest.raises(DataError, match="below: cannot be written"):
        data.save(tmp_path / "file" / "below")
    with pytest.raises(DataError, match="nothing to save"):
        data.subset([]).save(tmp_path / "empty")
    assert not (tmp_path / "empty").exists()


def test_half_a_surrogate_pair_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    one = np.ones((1, 1))
    data = RoutingData((Prompt.from_text("p", "\ud83e"),), ("a",), scores=one, costs=one)
    with pytest.raises(DataError, match="cannot be written"):
        data.save(tmp_path / "t")
    assert not (tmp_path / "t").exists()
