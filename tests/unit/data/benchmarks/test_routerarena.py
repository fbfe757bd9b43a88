"""RouterArena's cached results and predictions."""

import json
import math

import numpy as np
import pytest

from routewright.data import RoutingData
from routewright.data.benchmarks.cells import UngradedWarning
from routewright.data.benchmarks.prices import UnpricedWarning
from routewright.errors import DataError


def cached(index, model, score, cost=0.001, **changes):
    graded = {
        "extracted_answer": "4",
        "ground_truth": "4",
        "score": score,
        "metric": "mcq_accuracy",
    }
    return {
        "global_index": index,
        "question": f"Please answer. Question {index}?",
        "llm_selected": model,
        "generated_answer": "\\boxed{4}",
        "token_usage": {"input_tokens": 100, "output_tokens": 50, "total_tokens": 150},
        "success": True,
        "provider": "google",
        "error": None,
        "evaluation_result": {**graded, "inference_cost": cost},
        "run_number": 1,
        **changes,
    }


def write(path, *records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "cached_results"
    folder.mkdir()
    write(folder / "a.jsonl", cached("AIME_1", "org/a", 1.0), cached("MMLUPro_law_7", "org/a", 0.0))
    write(folder / "b.jsonl", cached("AIME_1", "b", 0.5, 0.002), cached("AIME_2", "b", 1.0, 0.002))
    return folder


def test_files_of_models_are_one_table(results):
    for path in (results, results.parent):
        data = RoutingData.load(path)
        assert data.models == ("org/a", "b")
        assert [p.id for p in data] == ["AIME_1", "MMLUPro_law_7", "AIME_2"]
        assert data.tasks.tolist() == ["AIME", "MMLUPro_law", "AIME"]
        np.testing.assert_array_equal(data.scores, [[1, 0.5], [0, np.nan], [np.nan, 1]])
        np.testing.assert_array_equal(
            data.costs, [[0.001, 0.002], [0.001, np.nan], [np.nan, 0.002]]
        )
        assert data.input_tokens[0].tolist() == [100, 100]


def test_one_file_is_read_alone(results):
    assert RoutingData.load(results / "b.jsonl").models == ("b",)


def test_runs_become_their_mean_and_an_ungraded_record_has_no_score(results):
    write(
        results / "a.jsonl",
        cached("AIME_1", "org/a", 1.0, 0.001),
        cached("AIME_1", "org/a", 0.0, 0.003, run_number=2),
        cached("AIME_2", "org/a", 1.0, evaluation_result=None),
    )
    (results / "prices.csv").write_text(
        "model,input_usd_per_mtok,output_usd_per_mtok\norg/a,1,10\n"
    )
    data = RoutingData.load(results)
    assert data.scores[0, 0] == 0.5
    assert data.costs[0, 0] == pytest.approx(0.002)
    assert np.isnan(data.scores[1, 0])
    assert data.costs[1, 0] == pytest.approx(600e-6)  # 100 tokens in, 50 out


def test_a_model_that_nobody_graded_is_left_out(results):
    write(results / "c.jsonl", cached("AIME_1", "c", 1.0, evaluation_result=None))
    with pytest.warns(UngradedWarning, match="no score for c: left out"):
        assert RoutingData.load(results).models == ("org/a", "b")
    with pytest.raises(DataError, match="every score is empty"):
        RoutingData.load(results / "c.jsonl")


def test_a_correlation_below_zero_counts_as_zero(results):
    write(results / "a.jsonl", cached("AIME_1", "org/a", -0.03))
    assert RoutingData.load(results).scores[0, 0] == 0.0


def test_missing_costs_come_from_routerarenas_own_prices(results):
    write(results / "a.jsonl", cached("AIME_1", "org/a", 1.0, None))
    (results.parent / "model_cost").mkdir()
    price = {"input_token_price_per_million": 2.0, "output_token_price_per_million": 4.0}
    (results.parent / "model_cost" / "model_cost.json").write_text(json.dumps({"org/a": price}))
    assert RoutingData.load(results).costs[0, 0] == pytest.approx(400e-6)


def test_a_model_without_any_cost_is_said(results):
    write(results / "a.jsonl", cached("AIME_1", "org/a", 1.0, None))
    with pytest.warns(UnpricedWarning, match="no prices for org/a"):
        RoutingData.load(results)
    with pytest.raises(DataError, match=r"no costs, and no prices for org/a; add .*prices\.csv"):
        RoutingData.load(results / "a.jsonl")


def test_a_file_of_predictions_is_read(tmp_path):
    record = {
        "global index": "AIME_1",
        "prompt": "Hi?",
        "prediction": "a",
        "generated_result": {"token_usage": {"input_tokens": 3, "output_tokens": 4}},
        "cost": 0.1,
        "accuracy": 1.0,
        "for_optimality": False,
    }
    (tmp_path / "mine.json").write_text(json.dumps([record, {**record, "prediction": "b"}]))
    data = RoutingData.load(tmp_path / "mine.json")
    assert data.models == ("a", "b")
    assert data.costs.tolist() == [[0.1, 0.1]]
    (tmp_path / "mine.json").write_text(json.dumps([record, {**record, "prediction": 3}]))
    with pytest.raises(DataError, match=r"mine\.json: record 2, prediction: Expected `str`"):
        RoutingData.load(tmp_path / "mine.json")


@pytest.mark.parametrize(
    ("record", "says"),
    [
        (cached("AIME_1", "a", 1.5), "line 1: score is 1.5, outside [-1, 1]"),
        (cached("AIME_1", "a", "good"), "line 1: evaluation_result.score: Expected `float | null`"),
        (cached("AIME_1", "a", math.nan), "line 1: score is NaN, which JSON can't hold"),
        (cached("AIME_1", "a", math.inf), "line 1: score is Infinity"),
        (cached("AIME_1", "a", 1.0, -1.0), "line 1: cost_usd is -1; give 0 or more"),
        (cached(" ", "a", 1.0), "line 1: global_index is empty"),
        (cached("AIME_1", "", 1.0), "line 1: llm_selected is empty"),
        (cached("AIME_1", "a", 1.0, question=" "), "line 1: the prompt is empty"),
        (cached("AIME_1", "a", 1.0, question=None), "line 1: question: Expected `str`"),
        ({"global_index": "AIME_1", "llm_selected": "a"}, "required field `question`"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, record, says):
    path = write(tmp_path / "a.jsonl", record)
    with pytest.raises(DataError) as caught:
        RoutingData.load(path)
    assert says in str(caught.value)
    assert str(caught.value).startswith(str(path))


def test_a_record_twice_and_a_file_cut_off_are_refused(tmp_path):
    path = write(tmp_path / "a.jsonl", cached("AIME_1", "a", 1.0), cached("AIME_1", "a", 1.0))
    with pytest.raises(DataError, match="line 2: 'AIME_1' of 'a' is already on line 1; keep one"):
        RoutingData.load(path)
    path.write_text(path.read_text()[:-40])
    with pytest.raises(DataError, match="line 2: not whole JSON"):
        RoutingData.load(path)


def test_a_cell_in_two_files_is_refused(tmp_path):
    for name in ("a.jsonl", "b.jsonl"):
        write(tmp_path / name, cached("AIME_1", "a", 1.0))
    with pytest.raises(DataError, match=r"b\.jsonl: line 1: prompt 'AIME_1' .* a\.jsonl: line 1"):
        RoutingData.load(tmp_path)
