"""A bad table gives one line that names the file, the row or field, and the way out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from routewright.data import RoutingData
from routewright.data.prompt_file import load_prompts
from routewright.errors import DataError

PROMPTS = "prompt_id,prompt\np1,What is 2+2?\np2,Name a river.\n"
HEADER = "prompt_id,model,score,cost_usd\n"
OUTCOMES = HEADER + "p1,a,1,0.001\np1,b,0.5,0.01\np2,a,0,0.001\np2,b,1,0.01\n"
WIDE = "prompt,score:a,cost_usd:a,score:b,cost_usd:b\nHi,1,0.1,0.5,0.2\nYo,0,0.1,0.5,0.2\n"


def refusal(path: Path) -> str:
    """The one line that loading the path ends in."""
    with pytest.raises(DataError) as caught:
        RoutingData.load(path)
    message = str(caught.value)
    assert caught.value.exit_code == 2
    assert "\n" not in message
    assert len(message.replace(str(path.parent), "")) < 400
    return message.replace(str(path.parent) + "/", "")


def folder(tmp_path: Path, prompts: str = PROMPTS, outcomes: str = OUTCOMES) -> Path:
    table = tmp_path / "table"
    table.mkdir()
    (table / "prompts.csv").write_text(prompts)
    (table / "outcomes.csv").write_text(outcomes)
    return table


def test_the_good_tables_that_these_were_made_from_load(tmp_path: Path) -> None:
    assert RoutingData.load(folder(tmp_path)).scores.tolist() == [[1, 0.5], [0, 1]]
    (tmp_path / "wide.csv").write_text(WIDE)
    assert RoutingData.load(tmp_path / "wide.csv").scores.tolist() == [[1, 0.5], [0, 0.5]]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("p1,c,NaN,0.1", "row 5 (prompt 'p1', model 'c'): score is NaN; leave the cell empty if"),
        ("p1,c,inf,0.1", "row 5 (prompt 'p1', model 'c'): score is infinite; give a number"),
        ("p1,c,-inf,0.1", "score is infinite"),
        ("p1,c,good,0.1", "score is 'good', not a number"),
        ("p1,c,5,0.1", "score is 5, outside [0, 1]; divide all scores by 5"),
        ("p1,c,9,0.1", "outside [0, 1]; divide all scores by 10"),
        ("p1,c,87.5,0.1", "score is 87.5, outside [0, 1]; divide all scores by 100"),
        ("p1,c,101,0.1", "score is 101, outside [0, 1]; rescale all scores"),
        ("p1,c,-0.5,0.1", "score is -0.5, outside [0, 1]; rescale all scores"),
        ("p1,c,1,-0.1", "row 5 (prompt 'p1', model 'c'): cost_usd is -0.1; give 0 or more"),
        ("p1,c,1,nan", "cost_usd is NaN; leave the cell empty"),
        ("p1,a,1,0.1", "row 5 (prompt 'p1', model 'a'): already in row 1; keep one"),
        ("P1,a,1,0.1", "no such prompt_id in prompts.csv; did you mean 'p1'?"),
        ("zebra,a,1,0.1", "no such prompt_id in prompts.csv; add the prompt or delete the row"),
        (",a,1,0.1", "row 5: prompt_id is empty; fill it in"),
        ("p1, ,1,0.1", "row 5: model is empty; fill it in"),
        ("p1,c,1", "line 6 has 3 fields, the header has 4"),
        ("p1,c,1,0.1,7", "line 6 has 5 fields, the header has 4"),
        ('p1,"c,1,0.1', "is malformed CSV"),
    ],
)
def test_a_bad_outcome_names_its_row_and_the_way_out(tmp_path: Path, row: str, says: str) -> None:
    message = refusal(folder(tmp_path, outcomes=OUTCOMES + row + "\n"))
    assert message.startswith("table/outcomes.csv: ")
    assert says in message


@pytest.mark.parametrize(
    ("prompts", "says"),
    [
        (PROMPTS + "p1,Again\n", "row 3: prompt_id 'p1' is already in row 1; ids are unique"),
        (PROMPTS + ",Nameless\n", "row 3: prompt_id is empty"),
        (PROMPTS + "p3,\n", "row 3 (prompt 'p3'): the prompt is empty; fill it in or delete"),
        (PROMPTS + 'p3," "\n', "row 3 (prompt 'p3'): the prompt is empty"),
        (PROMPTS.replace("prompt\n", "prompts\n"), "no column 'prompt'; rename 'prompts'"),
        ("prompt_id;prompt\np1;Hi\n", "its only column is 'prompt_id;prompt': separate values by"),
        ("prompt_id,prompt\n", "the table has no rows; add at least one"),
        ("", "the file is empty"),
        ("prompt_id,prompt,prompt\np1,x,y\n", "column 'prompt' appears twice"),
        ("prompt_id,prompt,max_tokens\np1,Hi,0\n", "row 1 (prompt 'p1'): max_tokens is 0; give a"),
        ("prompt_id,prompt,max_tokens\np1,Hi,1.5\n", "max_tokens is 1.5; give a whole number"),
        ("prompt_id,prompt,messages\np1,Hi,[oops\n", "row 1 (prompt 'p1'): messages is not JSON"),
    ],
)
def test_a_bad_prompt_names_its_row_and_the_way_out(
    tmp_path: Path, prompts: str, says: str
) -> None:
    message = refusal(folder(tmp_path, prompts=prompts))
    assert message.startswith("table/prompts.csv: ")
    assert says in message


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("prompt_id,model,scores,cost_usd\n", "no column 'score'; rename 'scores' if that is it"),
        ("prompt_id,model,Score,cost_usd\n", "no column 'score'; rename 'Score'"),
        ("prompt_id,llm,score,cost_usd\n", "no column 'model'; it has prompt_id, llm, score"),
        ("prompt_id,model,score,cost\n", "no column 'cost_usd'; rename 'cost'"),
        ("prompt_id,model,score,latency_s\n", "no column 'cost_usd'; routing weighs score against"),
    ],
)
def test_a_missing_column_is_named_with_the_nearest(tmp_path: Path, header: str, says: str) -> None:
    message = refusal(folder(tmp_path, outcomes=OUTCOMES.replace(HEADER, header)))
    assert message.startswith("table/outcomes.csv: ")
    assert says in message


def test_a_table_without_any_cost_says_how_to_get_one(tmp_path: Path) -> None:
    message = refusal(folder(tmp_path, outcomes=HEADER + "p1,a,1,\np2,a,1,\n"))
    assert "cost_usd is empty, as in every row" in message
    assert "input_tokens and output_tokens times the prices" in message


@pytest.mark.parametrize(
    ("wide", "says"),
    [
        (WIDE.replace("score:a", "scroe:a"), "column 'scroe:a': unknown field 'scroe'; did you"),
        (WIDE.replace("cost_usd:b", "c:b"), "no column 'cost_usd:b' beside 'score:b'; add it"),
        (WIDE.replace("score:b", "s:b"), "no column 'score:b' beside 'cost_usd:b'; add it"),
        (
            WIDE.replace("score:b", "a:score"),
            "columns 'score:a' and 'a:score' both hold score of a",
        ),
        (WIDE.replace("Yo,0,", "Yo,3,"), "row 2 (prompt 'row-2'), column 'score:a': score is 3"),
        (
            WIDE.replace("Yo,0,", "Yo,nan,"),
            "row 2 (prompt 'row-2'), column 'score:a': score is NaN",
        ),
        (WIDE.replace("0.5,0.2\nYo", "0.5,-1\nYo"), "row 1 (prompt 'row-1'), column 'cost_usd:b'"),
        (WIDE.replace("prompt,", "promt,"), "no column 'prompt'; rename 'promt'"),
        ("prompt,answer\nHi,there\n", "no model columns; name two for every model, such as"),
        ("prompt,score:a\nHi,1\n", "no column 'cost_usd:a'; routing weighs score against cost"),
        ("prompt,score:a,cost_usd:a\nHi,1,\n", "every cost_usd is empty; routing weighs"),
    ],
)
def test_a_bad_wide_table_names_its_column_and_the_way_out(
    tmp_path: Path, wide: str, says: str
) -> None:
    (tmp_path / "wide.csv").write_text(wide)
    message = refusal(tmp_path / "wide.csv")
    assert message.startswith("wide.csv: ")
    assert says in message


def test_a_path_that_is_not_there_is_named_with_its_neighbour(tmp_path: Path) -> None:
    folder(tmp_path)
    message = refusal(tmp_path / "tabel")
    assert message == "tabel: no such file or folder; did you mean 'table'?"
    assert "no such file or folder" in refusal(tmp_path / "nowhere" / "deep.csv")


def test_a_folder_without_its_tables_says_which_it_needs(tmp_path: Path) -> None:
    table = folder(tmp_path)
    (table / "outcomes.csv").unlink()
    message = refusal(table)
    assert message.startswith("table: no outcomes table; the folder needs one of outcomes.parquet")
    assert "half of a table in long format" in refusal(table / "prompts.csv")


def test_two_tables_of_one_name_are_ambiguous(tmp_path: Path) -> None:
    table = folder(tmp_path)
    (table / "prompts.jsonl").write_text('{"prompt_id": "p1", "prompt": "Hi"}\n')
    assert "both prompts.csv and prompts.jsonl; keep one" in refusal(table)


def test_an_unknown_kind_of_file_lists_the_known(tmp_path: Path) -> None:
    (tmp_path / "table.xlsx").write_text("PK")
    assert "ends in .parquet, .csv, .jsonl" in refusal(tmp_path / "table.xlsx")


@pytest.mark.parametrize("kept", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_parquet_file_is_refused(tmp_path: Path, kept: float) -> None:
    table = folder(tmp_path)
    whole = tmp_path / "whole.parquet"
    pl.read_csv(table / "outcomes.csv").write_parquet(whole)
    (table / "outcomes.csv").unlink()
    content = whole.read_bytes()
    (table / "outcomes.parquet").write_bytes(content[: int(len(content) * kept)])
    message = refusal(table)
    assert message.startswith("table/outcomes.parquet: ")
    assert "write it again" in message


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_file_that_is_not_utf_8_names_the_line(tmp_path: Path, kind: str, mark: bytes) -> None:
    table = folder(tmp_path)
    (table / "prompts.csv").unlink()
    first = b"prompt_id,prompt" if kind == "csv" else b'{"prompt_id": "p1", "prompt": "Hi"}'
    second = "p1,café" if kind == "csv" else '{"prompt_id": "p2", "prompt": "café"}'
    bad = table / f"prompts.{kind}"
    bad.write_bytes(mark + first + b"\n" + second.encode("latin-1"))
    assert refusal(table) == f"table/prompts.{kind}: line 2 is not UTF-8; save the file as UTF-8"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"prompt_id": "p2", "pro', "line 2 is not whole JSON"),
        ('{"prompt_id": "p2", "prompt": NaN}', "line 2 is not whole JSON"),
        ("[1, 2]", "line 2 is JSON but not an object"),
        ('{"prompt_id": "p2", "prompt": ["a"]}', "line 2: prompt is nested; give a text"),
        ("[" * 100_000, "line 2 is"),
        (
            f'{{"prompt_id": "p2", "prompt": "Hi", "max_tokens": {10**60}}}',
            "line 2: max_tokens is 1",
        ),
    ],
)
def test_malformed_json_lines_name_the_line(tmp_path: Path, line: str, says: str) -> None:
    table = folder(tmp_path)
    (table / "prompts.csv").unlink()
    (table / "prompts.jsonl").write_text('{"prompt_id": "p1", "prompt": "Hi"}\n' + line + "\n")
    message = refusal(table)
    assert message.startswith("table/prompts.jsonl: ")
    assert says in message


def test_nan_in_a_parquet_float_column_is_refused_but_null_is_not(tmp_path: Path) -> None:
    table = folder(tmp_path)
    (table / "outcomes.csv").unlink()
    frame = pl.DataFrame(
        {"prompt_id": ["p1", "p2"], "model": ["a", "a"], "score": [None, 1.0], "cost_usd": 0.1}
    )
    frame.write_parquet(table / "outcomes.parquet")
    assert np.isnan(RoutingData.load(table).scores[0, 0])
    frame.with_columns(pl.col("score").fill_null(float("nan"))).write_parquet(
        table / "outcomes.parquet"
    )
    assert "row 1 (prompt 'p1', model 'a'): score is NaN" in refusal(table)


def test_a_column_of_another_type_is_refused(tmp_path: Path) -> None:
    table = folder(tmp_path)
    (table / "outcomes.csv").unlink()
    outcomes = {"prompt_id": ["p1"], "model": ["a"], "score": [[1.0]], "cost_usd": [0.1]}
    pl.DataFrame(outcomes).write_parquet(table / "outcomes.parquet")
    assert "score has type List(Float64); give numbers" in refusal(table)
    pl.DataFrame(outcomes | {"model": [["a"]]}).write_parquet(table / "outcomes.parquet")
    assert "model has type List(String); give texts" in refusal(table)


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_prompt_of_a_megabyte_loads_and_one_of_nine_is_refused(tmp_path: Path, kind: str) -> None:
    def write(size_bytes: int) -> Path:
        path = tmp_path / f"big.{kind}"
        row = {"prompt_id": "huge", "prompt": "word " * (size_bytes // 5), "score:a": 1}
        row["cost_usd:a"] = 0.1
        if kind == "csv":
            pl.DataFrame(row).write_csv(path)
        else:
            path.write_text(json.dumps(row))
        return path

    assert len(RoutingData.load(write(1_000_000)).prompts[0].text) == 1_000_000
    message = refusal(write(9_000_000))
    assert (
        "row 1 (prompt 'huge'): the prompt has 9,000,000 bytes, the limit is 8,000,000" in message
    )


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"prompt_id": "x"', "line 2 is not whole JSON"),
        ('"x"', "line 2 is JSON but not an object"),
        ('{"prompt_id": "x", "promt": "Hi"}', "unknown key 'promt'; did you mean 'prompt'?"),
        ('{"prompt_id": "x", "prompt": "Hi", "zzz": 1}', "unknown key 'zzz'; known: prompt_id,"),
        ('{"prompt": "Hi"}', "no prompt_id; give every prompt a unique name"),
        ('{"prompt_id": " ", "prompt": "Hi"}', "prompt_id is empty"),
        ('{"prompt_id": 7, "prompt": "Hi"}', "prompt_id is 7; give a text in quotes"),
        ('{"prompt_id": "x"}', "no prompt; give prompt (a text) or messages"),
        ('{"prompt_id": "x", "prompt": ""}', "prompt_id 'x': the prompt is empty"),
        ('{"prompt_id": "x", "prompt": null}', "prompt is None; give a text in quotes"),
        ('{"prompt_id": "x", "prompt": "a", "messages": []}', "both prompt and messages; keep one"),
        ('{"prompt_id": "x", "messages": []}', "messages must be a list of turns"),
        ('{"prompt_id": "x", "messages": ["Hi"]}', "messages: Expected `object`"),
        (
            '{"prompt_id": "x", "messages": [{"role": "user", "contents": "Hi"}]}',
            "messages[0]: unknown key 'contents'; did you mean 'content'?",
        ),
        (
            '{"prompt_id": "x", "messages": [{"role": "usr", "content": "Hi"}]}',
            "messages[0]: unknown role 'usr'; did you mean 'user'?",
        ),
        (
            '{"prompt_id": "x", "messages": [{"role": "system", "content": "Be brief"}]}',
            "prompt_id 'x': the prompt is empty",
        ),
        ('{"prompt_id": "x", "prompt": "Hi", "max_tokens": 0}', "max_tokens is 0; give a whole"),
        ('{"prompt_id": "x", "prompt": "Hi", "max_tokens": true}', "max_tokens is True"),
        ('{"prompt_id": "x", "prompt": "Hi", "reference": 42}', "reference is 42; give a text in"),
        ('{"prompt_id": "x", "prompt": "Hi", "difficulty": "ez"}', "difficulty is 'ez'; give easy"),
        ('{"prompt_id": "first", "prompt": "Hi"}', "prompt_id 'first' is already on line 1"),
    ],
)
def test_a_bad_prompt_file_names_the_line_and_the_way_out(
    tmp_path: Path, line: str, says: str
) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_text('{"prompt_id": "first", "prompt": "Hello"}\n' + line + "\n")
    with pytest.raises(DataError) as caught:
        load_prompts(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: line 2")
    assert "\n" not in message
    assert says in message


def test_a_prompt_file_that_is_missing_or_empty_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"prompts\.jsonl: no such file or folder; check the path"):
        load_prompts(tmp_path / "prompts.jsonl")
    (tmp_path / "prompts.jsonl").write_text(" \n")
    with pytest.raises(DataError, match=r"prompts\.jsonl: the file is empty"):
        load_prompts(tmp_path / "prompts.jsonl")


def test_what_could_not_be_read_back_is_not_saved(tmp_path: Path) -> None:
    RoutingData.load(folder(tmp_path)).save(tmp_path / "kept")
    before = (tmp_path / "kept" / "outcomes.parquet").read_bytes()
    data = RoutingData.load(tmp_path / "kept")
    bad = RoutingData(data.prompts, data.models, scores=data.scores * 3, costs=data.costs)
    with pytest.raises(DataError, match="outside \\[0, 1\\]"):
        bad.save(tmp_path / "kept")
    assert (tmp_path / "kept" / "outcomes.parquet").read_bytes() == before
    with pytest.raises(DataError, match="saved as a folder"):
        data.save(tmp_path / "out.parquet")
    with pytest.raises(DataError, match=r"prompts\.csv: in the way of prompts\.parquet"):
        data.save(tmp_path / "table")
