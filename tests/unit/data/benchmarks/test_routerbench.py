"""RouterBench's pickles, wide and raw, and the same columns in other files."""

import math

import numpy as np
import polars as pl
import pytest

from routewright.data import RoutingData
from routewright.errors import DataError
from tests.fakes import pickles as make

FIXTURES = "tests/fixtures/pickles"
ASK = "Please answer with the letter of the correct answer.\n\n"
ONLY = '\nPrint only a single choice  from "A" or "B" without explanation. Answer:'


def columns(**changes):
    known = {
        "sample_id": ["arc.1", "arc.2", "mbpp.1"],
        "prompt": ["['One?']", "['Two?']", "Three"],
        "eval_name": ["arc-challenge", "arc-challenge", "mbpp"],
        "org/a": [1.0, 0.5, math.nan],
        "b": [0.0, 1.0, 1.0],
        "org/a|model_response": ["['x']", "['y']", None],
        "b|model_response": ["['x']", "['y']", "['z']"],
        "org/a|total_cost": [0.1, 0.2, math.nan],
        "b|total_cost": [0.01, 0.02, 0.03],
        "oracle_model_to_route_to": ["org/a", "b", "b"],
    }
    known.update({name.replace("__", "|"): column for name, column in changes.items()})
    return {name: column for name, column in known.items() if column is not None}


def load(tmp_path, table):
    (tmp_path / "routerbench_0shot.pkl").write_bytes(make.table(table))
    return RoutingData.load(tmp_path / "routerbench_0shot.pkl")


def refusal(tmp_path, **changes):
    with pytest.raises(DataError) as caught:
        load(tmp_path, columns(**changes))
    message = str(caught.value)
    assert message.startswith(str(tmp_path / "routerbench_0shot.pkl"))
    assert "\n" not in message
    return message


def test_the_wide_table_is_prompts_by_models(tmp_path):
    data = load(tmp_path, columns())
    assert data.models == ("org/a", "b")
    assert [p.id for p in data] == ["arc.1", "arc.2", "mbpp.1"]
    assert [p.text for p in data] == ["One?", "Two?", "Three"]
    assert data.tasks.tolist() == ["arc-challenge", "arc-challenge", "mbpp"]
    np.testing.assert_array_equal(data.scores, [[1, 0], [0.5, 1], [np.nan, 1]])
    np.testing.assert_array_equal(data.costs, [[0.1, 0.01], [0.2, 0.02], [np.nan, 0.03]])
    assert data.name == "routerbench_0shot.pkl"


def test_the_raw_table_gives_the_same(tmp_path):
    wide = RoutingData.load(f"{FIXTURES}/routerbench-pandas-2.2.3-protocol-5.pkl")
    for version in ("1.5.3", "2.2.3"):
        raw = RoutingData.load(f"{FIXTURES}/raw-pandas-{version}-protocol-5.pkl")
        assert raw.prompts == wide.prompts
        assert raw.models == wide.models
        np.testing.assert_array_equal(raw.scores, wide.scores)
        np.testing.assert_array_equal(raw.costs, wide.costs)


def test_a_filtered_frame_with_a_named_index_is_read():
    data = RoutingData.load(f"{FIXTURES}/filtered-pandas-1.5.3-protocol-4.pkl")
    assert [p.id for p in data] == ["mmlu-astronomy.val.1", "mbpp.dev.7"]


def test_a_question_is_one_group_with_and_without_worked_examples(tmp_path):
    question = "Which is red?\nA) Mars\nB) Earth"
    worked = "Which is wet?\nA) Sand\nB) Rain" + ONLY + "\nB\n\n"
    bare, shots = [ASK + question + ONLY], [ASK + worked + ASK + question + ONLY]
    data = load(tmp_path, columns(prompt=[str(bare), str(shots), str([ASK + "Other?" + ONLY])]))
    assert data.groups[0] == data.groups[1] != data.groups[2]
    assert "Which is wet?" in data.prompts[1].text


def test_parts_of_a_prompt_are_joined_and_the_last_one_is_the_question(tmp_path):
    parts = [
        ["Solve the riddle.", "What has keys?"],
        ["Guess.", "What has keys?"],
        ["Guess.", "Up?"],
    ]
    data = load(tmp_path, columns(prompt=[str(part) for part in parts]))
    assert data.prompts[0].text == "Solve the riddle.\n\nWhat has keys?"
    assert data.groups[0] == data.groups[1] != data.groups[2]


@pytest.mark.parametrize(
    "text",
    ["[1, 2]", "['a', 1]", "[open('x')]", "[", "['half", "{'a': 1}", "[] ", "[" * 5_000 + "]"],
)
def test_a_prompt_that_only_looks_like_a_list_stays_as_it_is(tmp_path, text):
    assert load(tmp_path, columns(prompt=["a", "b", text])).prompts[2].text == text


def test_a_sample_in_two_wordings_is_two_prompts(tmp_path):
    data = load(tmp_path, columns(sample_id=["arc.1", "arc.1", "mbpp.1"]))
    assert [p.id for p in data] == ["arc.1", "arc.1#2", "mbpp.1"]


def test_parquet_and_csv_are_read_as_before_and_in_full_by_name(tmp_path):
    frame = pl.DataFrame(columns()).fill_nan(None)
    frame.write_parquet(tmp_path / "t.parquet")
    frame.write_csv(tmp_path / "t.csv")
    for name in ("t.parquet", "t.csv"):
        assert RoutingData.load(tmp_path / name).prompts[0].text == "['One?']"
        by_name = RoutingData.load(tmp_path / name, format="routerbench")
        assert by_name.prompts[0].text == "One?"
        assert by_name.scores[0].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"sample_id": None}, "no column 'sample_id'"),
        ({"prompt": None}, "no column 'prompt'"),
        ({"prompt": ["a", " ", "b"]}, "row 2: prompt is empty"),
        ({"prompt": ["a", None, "b"]}, "row 2: prompt is empty"),
        ({"eval_name": ["a", None, "b"]}, "row 2: eval_name is empty"),
        ({"b": [0.0, 1.5, 1.0]}, "row 2 (prompt 'arc.2'), column 'b': score is 1.5, outside"),
        ({"b": [0.0, math.inf, 1.0]}, "column 'b': score is infinite"),
        ({"b": ["0", "good", "1"]}, "column 'b': score is 'good', not a number"),
        ({"b": ["0", 1.0, "1"]}, "column 'b' holds float and str"),
        ({"b": [[1], [2], [3]]}, "column 'b' holds list"),
        ({"b__total_cost": [0.1, -1.0, 0.1]}, "column 'b|total_cost': cost_usd is -1"),
        ({"b__total_cost": [0.1, math.inf, 0.1]}, "column 'b|total_cost': cost_usd is infinite"),
        ({"b__total_cost": None}, "not RouterBench"),
        ({"org/a__total_cost": [None] * 3}, "every cost_usd is empty"),
        ({"sample_id": ["a", "a", "b"], "prompt": ["x", "x", "y"]}, "prompt_id 'a' is already"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, changes, says):
    if says == "not RouterBench":
        changes = {**changes, "org/a__total_cost": None}
    if says.startswith("every cost"):
        changes = {**changes, "b__total_cost": [None] * 3}
    assert says in refusal(tmp_path, **changes)


def test_a_cell_twice_in_the_raw_table_is_refused(tmp_path):
    table = {
        "sample_id": ["a", "a"],
        "prompt": ["Hi", "Hi"],
        "eval_name": ["t", "t"],
        "model_name": ["m", "m"],
        "performance": [1.0, 0.0],
        "cost": [0.1, 0.1],
    }
    with pytest.raises(DataError, match=r"row 2 \(prompt 'a', model 'm'\): already in row 1"):
        load(tmp_path, table)
    with pytest.raises(DataError, match="no column 'cost';"):
        load(tmp_path, {name: column for name, column in table.items() if name != "cost"})
