"""prices.csv: read, checked, and asked for where costs are missing."""

import pytest

from routewright.data.benchmarks.prices import (
    Price,
    UnpricedWarning,
    check_priced,
    estimated_tokens,
    read_prices,
)
from routewright.errors import DataError

HEADER = "model,input_usd_per_mtok,output_usd_per_mtok\n"


def test_tokens_are_a_quarter_of_the_characters_rounded_up():
    assert [estimated_tokens(text) for text in ("", "a", "abcd", "abcde")] == [0, 1, 1, 2]


def test_a_cost_is_tokens_times_price_per_million():
    assert Price(10.0, 30.0).cost_usd(1_000_000, 100_000) == pytest.approx(13.0)


def test_prices_are_found_in_a_folder_and_beside_a_file(tmp_path):
    (tmp_path / "prices.csv").write_text(HEADER + "a,1,2\nb/c,0,0.5\n")
    expected = {"a": Price(1, 2), "b/c": Price(0, 0.5)}
    assert read_prices(tmp_path) == read_prices(tmp_path / "t.json") == expected


def test_no_file_means_no_prices(tmp_path):
    assert read_prices(tmp_path) == {}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("model,input\na,1\n", "no column 'input_usd_per_mtok'"),
        (HEADER + "a,1,\n", "row 1 (model 'a'): a price is empty"),
        (HEADER + "a,1,cheap\n", "output_usd_per_mtok is 'cheap', not a number"),
        (HEADER + "a,-1,2\n", "input_usd_per_mtok is -1; give 0 or more"),
        (HEADER + "a,1,nan\n", "output_usd_per_mtok is NaN"),
        (HEADER + "a,1,2\na,1,2\n", "row 2 (model 'a'): the model is already there"),
        (HEADER, "no rows"),
    ],
)
def test_a_wrong_price_is_named(tmp_path, content, says):
    (tmp_path / "prices.csv").write_text(content)
    with pytest.raises(DataError) as caught:
        read_prices(tmp_path)
    assert says in str(caught.value)
    assert "prices.csv" in str(caught.value)


def test_models_without_a_price_are_said(tmp_path):
    check_priced(tmp_path, ["a", "b"], [])
    with pytest.warns(UnpricedWarning, match=r"no prices for b: .* add .*prices\.csv"):
        check_priced(tmp_path, ["a", "b"], ["b"])
    with pytest.raises(DataError, match=r"no costs, and no prices for a, b; add .*prices\.csv"):
        check_priced(tmp_path, ["a", "b"], ["a", "b"])
