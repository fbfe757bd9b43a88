"""Frames come out of pickles of every protocol and version, without pandas."""

import math
import struct
import sys
from pathlib import Path

import pytest

from routewright.data.benchmarks import unpickle
from routewright.data.benchmarks.unpickle import Limits, read_pickle
from routewright.errors import DataError
from tests.fakes import pickles as make

FIXTURES = Path("tests/fixtures/pickles")


def read(tmp_path, content, **options):
    (tmp_path / "t.pkl").write_bytes(content)
    return read_pickle(tmp_path / "t.pkl", **options)


def numbers(order="<", code="f8", letter="d", values=(1.0, 2.0, 3.0, 4.0), fortran=False):
    data = struct.pack(f"{order}{len(values)}{letter}", *values)
    return make.array((2, 2), data, code, order, fortran)


def test_pandas_is_not_needed(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)  # importing it fails, installed or not
    path = next(FIXTURES.glob("routerbench-pandas-[12]*"))
    assert read_pickle(path).frame.height == 3


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("routerbench-pandas-[12]*")), ids=str)
def test_what_pandas_wrote_is_read(path):
    frame = read_pickle(path).frame
    assert frame.columns[:5] == ["sample_id", "prompt", "eval_name", "small/m", "large"]
    assert frame["small/m"].to_list() == [1.0, 0.25, 0.0]  # numpy scalars among objects
    assert frame["large"].to_list() == [1.0, 1.0, None]
    assert frame["large|total_cost"].to_list() == [1e-3, 2e-3, 3e-3]
    assert frame["large|model_response"][1] == "['a piano 🎹']"
    assert frame["small/m|model_response"].to_list()[2] is None


def test_what_pandas_3_wrote_is_refused_by_name_with_the_way_out():
    with pytest.raises(DataError, match=r"names pandas\.arrays\.ArrowStringArray, .* as Parquet"):
        read_pickle(next(FIXTURES.glob("routerbench-pandas-3*")))


def test_there_are_fixtures_of_two_major_versions():
    assert {path.name.split("-")[2][0] for path in FIXTURES.glob("routerbench*")} == {"1", "2", "3"}


def test_columns_are_left_out_by_their_ending():
    frame = read_pickle(
        FIXTURES / "routerbench-pandas-2.2.3-protocol-4.pkl", without=("model_response",)
    ).frame
    assert not [name for name in frame.columns if "response" in name]


@pytest.mark.parametrize(
    ("order", "code", "letter"),
    [("<", "f8", "d"), (">", "f8", "d"), (">", "i4", "i"), ("<", "u2", "H"), ("<", "f4", "f")],
)
def test_numbers_of_every_kind_and_byte_order(tmp_path, order, code, letter):
    values = (1, 2, 3, 4) if letter in "iH" else (1.0, 2.0, 3.0, 4.0)
    blocks = [make.block(numbers(order, code, letter, values), 0, 2)]
    frame = read(tmp_path, make.frame(blocks, ["a", "b"], 2)).frame
    assert frame.to_dict(as_series=False) == {"a": [1, 2], "b": [3, 4]}


def test_fortran_order_turns_numbers_but_not_objects(tmp_path):
    blocks = [
        make.block(numbers(fortran=True), 0, 2),
        make.block(make.array((2, 2), ["p", "q", "r", "s"], fortran=True), 2, 4),
    ]
    frame = read(tmp_path, make.frame(blocks, list("abcd"), 2)).frame
    assert frame.to_dict(as_series=False) == {
        "a": [1.0, 3.0],
        "b": [2.0, 4.0],
        "c": ["p", "q"],
        "d": ["r", "s"],
    }


def test_blocks_before_pandas_1_3(tmp_path):
    inner = {
        "axes": [make.index(["a", "b"]), make.range_index(2)],
        "blocks": [{"values": numbers(), "mgr_locs": make.call("builtins", "slice", 0, 2, 1)}],
    }
    state = ([], [], [], {"0.14.1": inner})
    made = make.named(*make.PANDAS_MANAGER) + b")\x81"
    frame = make.named("pandas.core.frame", "DataFrame") + b")\x81"
    content = make.pickled(make.build(frame, {"_data": make.build(made, state)}))
    assert read(tmp_path, content).frame.to_dict(as_series=False) == {"a": [1, 2], "b": [3, 4]}


def test_blocks_of_pandas_1_3_through_a_partial(tmp_path):
    new_block = make.named("pandas.core.internals.blocks", "new_block")
    partial = make.build(
        make.call("functools", "partial", new_block), (new_block, (), {"ndim": 2}, None)
    )
    place = make.array((2,), struct.pack("<2q", 1, 0), "i8")
    content = make.frame([partial + make.obj((numbers(), place)) + b"R"], ["a", "b"], 2)
    assert read(tmp_path, content).frame.to_dict(as_series=False) == {"a": [3, 4], "b": [1, 2]}


def test_objects_of_one_kind_are_a_column_and_others_are_named(tmp_path):
    columns = {
        "flags": [True, False, None],
        "texts": ["a", None, math.nan],
        "lists": [["x", "y"], "plain", None],
        "mixed": ["a", 1, None],
        "nested": [[["x"]], None, None],
        "empty": [None, None, None],
    }
    found = read(tmp_path, make.table(columns))
    assert found.frame["flags"].to_list() == [1.0, 0.0, None]
    assert found.frame["texts"].to_list() == ["a", None, None]
    assert found.frame["lists"].to_list() == ["['x', 'y']", "plain", None]
    assert found.frame["empty"].to_list() == [None, None, None]
    assert found.others == {"mixed": "int and str", "nested": "list"}


def test_texts_that_repeat_are_sent_once_and_stand_where_they_stood(tmp_path):
    cells = ["a", None, "b", "a", "a", None, "b", "a"]
    assert read(tmp_path, make.table({"t": cells})).frame["t"].to_list() == cells


def test_half_a_surrogate_pair_does_not_stop_a_table(tmp_path):
    assert read(tmp_path, make.table({"a": ["x\ud800y"]})).frame["a"].to_list() == ["x?y"]


def test_infinity_is_kept_for_the_caller_to_refuse(tmp_path):
    assert read(tmp_path, make.table({"a": [math.inf]})).frame["a"].to_list() == [math.inf]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "the file is empty"),
        (b"\x1f\x8b\x08\x00rest", "compressed; unpack it first"),
        (b"version https://git-lfs.github.com/spec/v1", "a pointer or page in its place"),
        (b"<html>", "a pointer or page in its place"),
        (b"no pickle at all", "no pickled table that can be read"),
        (make.pickled(make.text("hello")), "it holds 'hello', not a pandas DataFrame"),
        (make.pickled(make.obj([1, 2])), "it holds a list, not a pandas DataFrame"),
        (make.table({"a": ["x"]})[:-30], "no pickled table that can be read"),
        (make.frame([], [], 0), "no rows"),
        (make.frame([make.block(numbers(), 0, 2)], ["a", "b", "c"], 2), "3 names for 2 columns"),
        (make.frame([make.block(numbers(), 0, 2)], ["a", "b"], 5), "4 values where 2 x 5 are due"),
        (make.frame([make.block(numbers(), 0, 2)], ["a", "a"], 2), "column 'a' appears twice"),
        (
            make.frame([make.block(make.array((1, 1), b"12345678", "M8"), 0, 1)], ["a"], 1),
            "an array of type 'M8'; numbers and texts are read",
        ),
        (
            make.frame([make.block(make.array((1, 9**9), b"12345678", "f8"), 0, 1)], ["a"], 1),
            "1 values where",
        ),
    ],
)
def test_what_is_no_table_is_said_in_one_line(tmp_path, content, says):
    with pytest.raises(DataError) as caught:
        read(tmp_path, content)
    message = str(caught.value)
    assert says in message
    assert message.startswith(str(tmp_path / "t.pkl"))
    assert "\n" not in message


def test_limits_grow_with_the_file():
    small, large = Limits.for_size(1_000), Limits.for_size(1_200_000_000)
    assert small.memory_bytes < 1.01 * unpickle.GIB
    assert large.memory_bytes > 6 * unpickle.GIB
    assert large.time_s > small.time_s
