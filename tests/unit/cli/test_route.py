import json

import pytest
from click.testing import CliRunner

from routewright import routers
from routewright.cli.route import command
from routewright.routers.check import sample_data

LEGAL = "May the tenant sue the landlord over the lease?"


@pytest.fixture(scope="module")
def artefact(tmp_path_factory):
    path = tmp_path_factory.mktemp("route") / "router"
    routers.make("hybrid", encoder="hashed:8").fit(sample_data()).save(path)
    return path


def route(*args):
    done = CliRunner().invoke(command, [str(arg) for arg in args])
    assert done.exit_code == 0, done.output
    return done.output


def test_the_analysis_stands_under_the_table(artefact):
    shown = route(LEGAL, "--artefact", artefact, "--worth-usd", "0.01")
    assert "analysis: task question; domain law; language en; difficulty 0." in shown
    assert "tokens to answer" in shown
    assert "for one whole unit of score" in shown


def test_the_cheapest_that_is_good_enough_can_be_asked_for(artefact):
    told = json.loads(route(LEGAL, "--artefact", artefact, "--threshold", "0", "--json"))
    cheapest = min(told["candidates"], key=lambda c: c["cost_usd"])
    assert told["model"] == cheapest["model"]
    assert told["reason"].startswith("cheapest that is good enough")
    assert told["analysis"]["domain"] == "law"


def test_rules_of_the_configuration_hold(artefact, tmp_path):
    config = tmp_path / "routewright.toml"
    config.write_text(
        f'[gateway]\nartefact = "{artefact}"\npolicy = "satisfice"\nthreshold = 0.0\n'
        '[[gateway.rules]]\nwhen = {domain = "law"}\nnever = ["m0"]\n'
        '[providers.x]\nkind = "openai"\nbase_url = "http://127.0.0.1:9"\n'
        + "".join(f'[models.m{i}]\nprovider = "x"\n' for i in range(3))
    )
    shown = route(LEGAL, "--config", config)
    assert "rule 1 (domain law): never" in shown
    assert "→ m0" not in shown
    assert "→ m0" in route("Name a colour.", "--config", config)
