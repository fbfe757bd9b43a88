import pytest

from routewright import routers
from routewright.errors import ConfigError
from routewright.routers.baselines import ZeroRouter


def test_every_promised_router_can_be_made():
    promised = [
        "random",
        "cheapest",
        "best-single",
        "zero",
        "oracle",
        "cost-only",
        "task",
        "length",
        "knn",
        "kmeans",
        "ridge",
        "partial",
        "logistic",
        "svm",
        "mlp",
        "irt",
        "forest",
        "boosting",
        "sw-ranking",
        "mf",
        "stack",
        "hybrid",
        "bert",
        "causal-llm",
    ]
    assert routers.names()[: len(promised)] == promised
    assert [routers.make(name).name for name in promised] == promised


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ConfigError, match=r"no router 'stak'; there are random, .*stack"):
        routers.make("stak")


def test_an_unknown_parameter_is_named():
    with pytest.raises(ConfigError, match=r"router 'knn': .*neighbors"):
        routers.make("knn", neighbors=3)


def test_parameters_are_stored():
    assert routers.make("knn", k=7).params() == {
        "k": 7,
        "temperature": None,
        "kappa": None,
        "encoder": "words+static",
        "seed": 0,
    }


class _Point:
    name, value = "extra", "somewhere:Extra"

    def __init__(self, found):
        self.found = found

    def load(self):
        return self.found


def test_plug_ins_are_found_by_entry_point(monkeypatch):
    monkeypatch.setattr(routers, "entry_points", lambda group: [_Point(ZeroRouter)])
    assert routers.names()[-1] == "extra"
    assert isinstance(routers.make("extra"), ZeroRouter)


def test_a_plug_in_that_is_no_router_is_refused(monkeypatch):
    monkeypatch.setattr(routers, "entry_points", lambda group: [_Point(dict)])
    with pytest.raises(ConfigError, match="somewhere:Extra is not a subclass"):
        routers.make("extra")
