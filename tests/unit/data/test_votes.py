"""Votes from files, and votes as routing data."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from routewright.data import RoutingData, Votes
from routewright.data.votes import is_votes
from routewright.errors import DataError
from routewright.types import Prompt

ROWS = {
    "prompt": ["Hi", "Hi", "2 + 2?", "Bye"],
    "model_a": ["x", "y", "x", "z"],
    "model_b": ["y", "z", "z", "x"],
    "winner": ["model_a", "tie", "tie (bothbad)", "model_b"],
    "judge": ["a", "b", "c", "d"],
}


def write(path, **changes):
    frame = pl.DataFrame({name: v for name, v in (ROWS | changes).items() if v is not None})
    match path.suffix:
        case ".csv":
            frame.write_csv(path)
        case ".jsonl":
            frame.write_ndjson(path)
        case _:
            frame.write_parquet(path)
    return path


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_votes_are_read_as_the_arena_publishes_them(tmp_path, ending) -> None:
    votes = Votes.load(write(tmp_path / f"votes.{ending}"))
    assert votes.models == ("x", "y", "z")
    assert [p.text for p in votes.prompts] == ROWS["prompt"]
    assert votes.first.tolist() == [0, 1, 0, 2]
    assert votes.second.tolist() == [1, 2, 2, 0]
    assert votes.won.tolist() == [1, 0.5, 0.5, 0]


def test_votes_as_data_say_what_the_votes_said(tmp_path) -> None:
    data = Votes.load(write(tmp_path / "votes.csv")).as_data(costs_usd=[1, 2, 3])
    nan = np.nan
    np.testing.assert_array_equal(
        data.scores, [[1, 0, nan], [nan, 0.5, 0.5], [0.5, nan, 0.5], [1, nan, 0]]
    )
    assert data.costs.tolist() == [[1, 2, 3]] * 4
    assert data.groups[0] == data.groups[1] != data.groups[2]
    assert is_votes(data.scores)


def test_scores_are_not_taken_for_votes() -> None:
    nan = np.nan
    assert not is_votes(np.array([[1.0, 0.0], [1.0, 1.0]]))
    assert not is_votes(np.array([[1.0, 0.0, nan], [1.0, 0.0, 0.0]]))
    assert not is_votes(np.full((2, 2), nan))
    assert is_votes(np.array([[1.0, 0.0, nan], [nan, nan, nan]]))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"winner": None}, "no column 'winner'"),
        ({"winner": ["model_a", "draw", "tie", "tie"]}, "row 2: winner is 'draw'; give model_a, "),
        ({"winner": ["model_a", "tie", "tie", None]}, "row 4: winner is empty"),
        ({"model_b": ["y", "z", "x", "x"]}, "row 3: model_a and model_b are both 'x'"),
        ({"model_a": ["x", "", "x", "z"]}, "row 2: model_a is empty"),
    ],
)
def test_errors_in_a_votes_file_are_one_clear_line(tmp_path, changes, told) -> None:
    path = write(tmp_path / "votes.csv", **changes)
    with pytest.raises(DataError) as caught:
        Votes.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert told in message
    assert "\n" not in message


def test_a_file_that_is_not_there_is_named(tmp_path) -> None:
    with pytest.raises(DataError, match=r"gone\.csv"):
        Votes.load(tmp_path / "gone.csv")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"first": [0]}, "first has shape"),
        ({"second": [1, 2]}, "not one of 2 models"),
        ({"second": [0, 0]}, "vote 1 sets a model against itself"),
        ({"won": [1, 0.7]}, "won must be"),
    ],
)
def test_impossible_votes_are_refused(changes, told) -> None:
    good = {"first": [0, 1], "second": [1, 0], "won": [1, 0.5]}
    prompts = (Prompt.from_text("a", "Hi"), Prompt.from_text("b", "Ho"))
    votes = Votes(prompts, ("x", "y"), **good)
    with pytest.raises(DataError, match="2 numbers"):
        votes.as_data(costs_usd=[1])
    with pytest.raises(DataError, match=told):
        Votes(prompts, ("x", "y"), **good | changes)


def test_a_file_of_votes_is_routing_data_like_any_other(tmp_path) -> None:
    path = write(tmp_path / "votes.csv")
    data = RoutingData.load(path)
    assert is_votes(data.scores)
    assert data.models == ("x", "y", "z")
    assert np.array_equal(data.scores, Votes.load(path).as_data().scores, equal_nan=True)
    assert np.isnan(data.costs).all()


def test_a_table_with_scores_is_not_taken_for_votes(tmp_path) -> None:
    path = tmp_path / "scores.csv"
    pl.DataFrame(ROWS | {"score:x": [1.0, 0.0, 0.5, 1.0], "cost_usd:x": [0.1] * 4}).write_csv(path)
    assert RoutingData.load(path).models == ("x",)
