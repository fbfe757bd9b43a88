"""LLMRouterBench's tree of results, and the archive it is published as."""

import io
import json
import math
import tarfile

import numpy as np
import pytest

from routewright.data import RoutingData
from routewright.data.benchmarks.prices import UnpricedWarning
from routewright.errors import DataError


def record(index, score, cost=0.01, **changes):
    return {
        "index": index,
        "origin_query": f"Question {index}?",
        "prompt": f"Answer this. Question {index}?",
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "cost": cost,
        "score": score,
        "prediction": "4",
        "ground_truth": "4",
        "raw_output": [{"text": "long"}],
        "extra_fields": {},
        **changes,
    }


def result(dataset, model, *records, **changes):
    return {
        "performance": 0.5,
        "time_taken": 1.0,
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "cost": 0.02,
        "counts": len(records),
        "model_name": model,
        "dataset_name": dataset,
        "split": "test",
        "demo": False,
        "records": list(records),
        **changes,
    }


def write(root, dataset, model, *records, time="20251001_120000", **changes):
    folder = root / dataset / "test" / model
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{dataset}-test-{model}-{time}.json"
    path.write_text(json.dumps(result(dataset, model, *records, **changes), indent=2))
    return path


@pytest.fixture
def bench(tmp_path):
    root = tmp_path / "results" / "bench"
    write(root, "aime", "gpt-5", record(1, 1.0), record(2, 0.0))
    write(root, "aime", "kimi", record(1, 1.0, 0.001), record(2, None, 0.001))
    write(root, "gpqa", "gpt-5", record(1, 0.5))
    return root


def check(data):
    assert data.models == ("gpt-5", "kimi")
    assert [p.id for p in data] == ["aime/test/1", "aime/test/2", "gpqa/test/1"]
    assert data.tasks.tolist() == ["aime", "aime", "gpqa"]
    assert data.prompts[0].text == "Question 1?"
    assert data.prompts[0].reference == "4"
    np.testing.assert_array_equal(data.scores, [[1, 1], [0, np.nan], [0.5, np.nan]])
    np.testing.assert_array_equal(data.costs, [[0.01, 0.001], [0.01, 0.001], [0.01, np.nan]])
    assert data.output_tokens[0].tolist() == [20, 20]


def test_the_tree_is_read_from_any_folder_above(bench):
    for root in (bench, bench.parent, bench.parent.parent):
        check(RoutingData.load(root))


def test_one_data_set_is_read_alone(bench):
    assert set(RoutingData.load(bench / "gpqa").tasks) == {"gpqa"}


def test_the_archive_is_read_without_unpacking(bench, tmp_path):
    path = tmp_path / "bench-release.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(bench, "bench-release")
        junk = tarfile.TarInfo("bench-release/aime/test/gpt-5/._aime.json")
        junk.size = 3
        archive.addfile(junk, io.BytesIO(b"\x00\x01\x02"))
        link = tarfile.TarInfo("bench-release/aime/test/gpt-5/link.json")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    before = sorted(tmp_path.rglob("*"))
    check(RoutingData.load(path))
    assert sorted(tmp_path.rglob("*")) == before
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="not a whole tar archive; copy it again"):
        RoutingData.load(path)


def test_names_of_folders_stand_in_for_missing_fields(tmp_path):
    path = write(tmp_path, "aime", "gpt-5", record(1, 1.0))
    content = json.loads(path.read_text())
    for field in ("model_name", "dataset_name", "split"):
        del content[field]
    path.write_text(json.dumps(content))
    data = RoutingData.load(tmp_path)
    assert data.models == ("gpt-5",)
    assert data.prompts[0].id == "aime/test/1"


def test_the_newest_run_counts_and_a_trial_never_does(bench):
    write(bench, "aime", "gpt-5", record(1, 0.25), record(2, 0.25), time="20251101_000000")
    write(bench, "aime", "gpt-5", record(1, 0.75), time="20260101_000000", demo=True)
    assert RoutingData.load(bench).scores[:2, 0].tolist() == [0.25, 0.25]


def test_another_question_under_one_index_is_another_prompt(bench):
    write(bench, "aime", "qwen", record(1, 1.0, 0.1, origin_query="Something else?"))
    data = RoutingData.load(bench)
    other = [p for p in data if p.text == "Something else?"]
    assert len(other) == 1
    assert other[0].id.startswith("aime/test/1#")
    row = data.prompts.index(other[0])
    assert np.isfinite(data.scores[row]).tolist() == [False, False, True]


def test_a_model_that_cost_nothing_is_priced_or_said(bench):
    write(bench, "aime", "local", record(1, 1.0, 0.0), record(2, 1.0, 0.0))
    with pytest.warns(UnpricedWarning, match="no prices for local"):
        assert np.isnan(RoutingData.load(bench).costs[:, 2]).all()
    (bench / "prices.csv").write_text("model,input_usd_per_mtok,output_usd_per_mtok\nlocal,1,10\n")
    assert RoutingData.load(bench).costs[0, 2] == pytest.approx(300e-6)


def test_no_cost_at_all_asks_for_prices(tmp_path):
    write(tmp_path, "aime", "local", record(1, 1.0, 0.0))
    with pytest.raises(DataError, match=r"no costs, and no prices for local; add .*prices\.csv"):
        RoutingData.load(tmp_path)


def test_the_prompt_stands_in_for_an_empty_query(tmp_path):
    write(tmp_path, "aime", "m", record(1, 1.0, origin_query=""), record(2, 1.0, origin_query=[1]))
    assert [p.text for p in RoutingData.load(tmp_path)] == ["Answer this. Question 1?", "[1]"]


@pytest.mark.parametrize(
    ("records", "says"),
    [
        ([record(1, 1.5)], "record 1: score is 1.5, outside [0, 1]"),
        ([record(1, 1.0), record(2, "yes")], "record 2, score: Expected `float | null`, got `str`"),
        ([record(1, math.nan)], "score is NaN, which JSON can't hold; write null"),
        ([record(1, 1.0, math.inf)], "cost is Infinity"),
        ([record(1, 1.0, -0.5)], "record 1: cost_usd is -0.5; give 0 or more"),
        ([record(1, 1.0, prompt_tokens="many")], "record 1, prompt_tokens: Expected"),
        (
            [record(1, 1.0), record(1, 1.0)],
            "record 2: prompt 'aime/test/1' of model 'm' is already",
        ),
        ([record(1, 1.0, origin_query=" ", prompt="")], "record 1: origin_query is empty"),
        ([record(1, 1.0, origin_query=None, prompt=None)], "record 1: origin_query is empty"),
        ([record(1, None)], "every score is empty"),
        ([], "no outcomes in it"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, records, says):
    write(tmp_path, "aime", "m", *records)
    with pytest.raises(DataError) as caught:
        RoutingData.load(tmp_path)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_cut_off_or_without_records_is_named(tmp_path):
    path = write(tmp_path, "aime", "m", record(1, 1.0))
    whole = path.read_text()
    path.write_text(whole[:-50])
    with pytest.raises(DataError, match=r"20251001_120000\.json: not whole JSON"):
        RoutingData.load(tmp_path)
    path.write_text('{"performance": 1}')
    with pytest.raises(DataError, match="missing required field `records`"):
        RoutingData.load(tmp_path, format="llmrouterbench")


def test_two_files_of_one_age_are_refused(tmp_path):
    path = write(tmp_path, "aime", "m", record(1, 1.0))
    path.with_name("copy-20251001_120000.json").write_text(path.read_text())
    with pytest.raises(DataError, match="and of the same model; keep one"):
        RoutingData.load(tmp_path)
