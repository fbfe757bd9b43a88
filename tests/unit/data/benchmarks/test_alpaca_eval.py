"""AlpacaEval's annotations: the preference for the second answer is its score."""

import json
import math

import numpy as np
import pytest

from routewright.data import RoutingData
from routewright.data.benchmarks.alpaca_eval import JUDGES
from routewright.data.benchmarks.prices import UnpricedWarning
from routewright.errors import DataError

WEIGHTED, OLD = JUDGES
PRICES = "model,input_usd_per_mtok,output_usd_per_mtok\n"


def annotation(text, model, preference, **changes):
    return {
        "instruction": text,
        "output_1": "The reference answer.",
        "generator_1": "gpt4_1106_preview",
        "dataset": "koala",
        "output_2": "The answer.",
        "generator_2": model,
        "annotator": WEIGHTED,
        "preference": preference,
        "raw_completion": {"text": "M"},
        **changes,
    }


def write(root, model, *preferences, judge=WEIGHTED, **changes):
    folder = root / model / judge
    folder.mkdir(parents=True, exist_ok=True)
    records = [annotation(f"Do {n}.", model, p, **changes) for n, p in enumerate(preferences)]
    (folder / "annotations.json").write_text(json.dumps(records, indent=2))
    (root / model / "model_outputs.json").write_text("[]")
    return folder / "annotations.json"


@pytest.fixture
def results(tmp_path):
    write(tmp_path, "claude", 1.05, 2.0, None)
    write(tmp_path, "phi", 1.0, 1.5, 0)
    (tmp_path / "prices.csv").write_text(PRICES + "claude,8,24\nphi,0.1,0.1\n")
    return tmp_path


def test_the_score_is_the_preference_less_one(results):
    data = RoutingData.load(results)
    assert data.models == ("claude", "phi")
    np.testing.assert_allclose(data.scores, [[0.05, 0], [1, 0.5], [np.nan, 0.5]])
    assert data.tasks.tolist() == ["koala"] * 3
    assert data.prompts[0].text == "Do 0."


def test_costs_are_estimates(results):
    data = RoutingData.load(results)
    assert data.input_tokens[0, 0] == 2  # five characters
    assert data.output_tokens[0, 0] == 3  # eleven
    assert data.costs[0, 0] == pytest.approx((2 * 8 + 3 * 24) / 1e6)


def test_the_repository_above_and_one_file_are_read(results, tmp_path):
    repository = tmp_path / "repository"
    write(repository / "results", "phi", 2.0)
    (repository / "prices.csv").write_text(PRICES + "phi,1,1\n")
    assert RoutingData.load(repository).scores.tolist() == [[1.0]]
    path = results / "phi" / WEIGHTED / "annotations.json"
    (path.parent / "prices.csv").write_text(PRICES + "phi,1,1\n")
    assert RoutingData.load(path).models == ("phi",)


def test_judges_do_not_mix(results):
    write(results, "gpt4", 2, 1, 2, judge=OLD)
    assert RoutingData.load(results).models == ("claude", "phi")


def test_the_older_judge_is_read_where_it_is_the_only_one(tmp_path):
    write(tmp_path, "gpt4", 2, 1, judge=OLD)
    (tmp_path / "prices.csv").write_text(PRICES + "gpt4,30,60\n")
    assert RoutingData.load(tmp_path).scores.tolist() == [[1], [0]]


def test_without_prices_it_says_what_to_add(results):
    (results / "prices.csv").write_text(PRICES + "phi,1,1\n")
    with pytest.warns(UnpricedWarning, match="no prices for claude: their costs stay unknown"):
        assert np.isnan(RoutingData.load(results).costs[:, 0]).all()
    (results / "prices.csv").unlink()
    with pytest.raises(DataError, match=r"no prices for claude, phi; add .*prices\.csv with the"):
        RoutingData.load(results)


@pytest.mark.parametrize(
    ("changes", "preference", "says"),
    [
        ({}, 2.5, "record 2: preference is 2.5, outside [1, 2]"),
        ({}, 0.5, "record 2: preference is 0.5, outside [1, 2]"),
        ({}, "2", "record 2, preference: Expected `float | null`, got `str`"),
        ({}, math.nan, "preference is NaN, which JSON can't hold"),
        ({}, math.inf, "preference is Infinity"),
        (
            {"instruction": "Same."},
            1.0,
            "record 2: prompt 'alpaca_eval/0' of model 'phi' is already",
        ),
        ({"instruction": " "}, 1.0, "record 1: instruction is empty"),
        ({"generator_2": ""}, 1.0, "record 1: generator_2 is empty"),
        ({"output_2": None}, 1.0, "record 1, output_2: Expected `str`"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, changes, preference, says):
    path = write(tmp_path, "phi", 1.0, preference, **changes)
    (tmp_path / "prices.csv").write_text(PRICES + "phi,1,1\n")
    with pytest.raises(DataError) as caught:
        RoutingData.load(tmp_path)
    assert says in str(caught.value)
    assert str(caught.value).startswith(str(path))


def test_a_file_cut_off_or_of_another_shape_is_named(tmp_path):
    path = write(tmp_path, "phi", 1.0)
    whole = path.read_text()
    path.write_text(whole[:-5])
    with pytest.raises(DataError, match=r"annotations\.json: not whole JSON"):
        RoutingData.load(tmp_path)
    path.write_text('[{"instruction": "Hi"}]')
    with pytest.raises(DataError, match="record 1: Object missing required field `output_2`"):
        RoutingData.load(tmp_path)
    path.write_text("[]")
    with pytest.raises(DataError, match="no outcomes in it"):
        RoutingData.load(tmp_path)
