from pathlib import Path

import pytest

from routewright import routers
from routewright.bench.entrants import entrants, fitted_baselines
from routewright.errors import ConfigError
from tests.unit.bench.worlds import PLUG_IN


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("own") / "mine.py"
    path.write_text(PLUG_IN)
    return path


def names(found):
    return [each.name for each in found]


def test_all_are_the_routers_that_are_no_baseline():
    linear = ["ridge", "partial", "logistic", "svm"]
    classical = ["knn", "kmeans", *linear, "mlp", "irt", "forest", "boosting"]
    assert names(entrants("all")) == [*classical, "sw-ranking", "mf", "stack", "hybrid"]
    named = entrants("all")
    joined = {*names(named), *names(fitted_baselines(named, tasks=True))}
    blind = {"random", "cheapest", "best-single", "zero", "oracle"}
    tuned = {name for name in routers.names() if routers.kind(name).fine_tuned}
    assert joined == set(routers.names()) - blind - tuned


def test_a_router_that_takes_minutes_to_fit_joins_only_by_name():
    assert "causal-llm" not in names(entrants("all"))
    assert names(entrants("all,causal-llm"))[-1] == "causal-llm"
    assert "bert" not in names(entrants("all"))
    assert names(entrants("all,bert"))[-1] == "bert"


def test_the_order_asked_for_stays_and_nobody_comes_twice():
    assert names(entrants("ridge, zero,knn,ridge,oracle")) == ["ridge", "knn"]


def test_fitted_baselines_join_unless_named():
    named = entrants("knn,length")
    assert names(fitted_baselines(named, tasks=True)) == ["cost-only", "task"]
    assert names(fitted_baselines(named, tasks=False)) == ["cost-only"]


def test_a_file_s_router_is_made_from_a_seed(file):
    (own,) = entrants("", [f"{file}:FirstWord"])
    assert own.name == "first-word"
    assert own.make(7).seed == 7
    assert type(own.make(7)).__name__ == "FirstWord"


def test_another_version_of_the_file_is_another_router(tmp_path):
    digests = set()
    for name, extra in (("one", ""), ("two", "# changed\n")):
        path = tmp_path / f"{name}.py"
        path.write_text(PLUG_IN + extra)
        digests.add(entrants("", [f"{path}:FirstWord"])[0].digest)
    assert len(digests) == 2


@pytest.mark.parametrize(
    ("symbol", "says"),
    [
        ("Missing", r"no class 'Missing'; it has FirstWord, .*Unfinished"),
        ("not_a_class", "not_a_class is not a subclass of routewright.routers.BaseRouter"),
        ("NoSeed", r"NoSeed\(seed=0\) fails .*can be made from a seed alone"),
        ("Unfinished", r"Unfinished\(seed=0\) fails .*_fit"),
        ("Alike", "a router named 'ridge' takes part already"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_one_line(file, symbol, says):
    with pytest.raises(ConfigError, match=says) as caught:
        entrants("", [f"{file}:{symbol}"])
    assert "\n" not in str(caught.value)


def test_a_file_that_is_none_or_breaks_is_named(tmp_path):
    broken = tmp_path / "broken.py"
    broken.write_text("import nowhere_to_be_found\n")
    with pytest.raises(ConfigError, match=r"broken\.py: ModuleNotFoundError: No module named"):
        entrants("", [f"{broken}:Any"])
    with pytest.raises(ConfigError, match="no file"):
        entrants("", [f"{tmp_path / 'gone.py'}:Any"])
    for told in ("mine", "mine.py", "mine.txt:Any", str(Path("mine.py:"))):
        with pytest.raises(ConfigError, match=r"write path/to/file\.py:Class"):
            entrants("", [told])


def test_nothing_to_compare_is_refused():
    with pytest.raises(ConfigError, match=r"no router to compare; name some of .*stack"):
        entrants("zero,oracle")
    with pytest.raises(ConfigError, match="no router 'stak'"):
        entrants("stak")
