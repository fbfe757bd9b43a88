"""``routewright evaluate`` tells what the checks found, and ``--gate`` makes it an exit code."""

import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from routewright.cli.train import group_digest
from routewright.data import RoutingData
from routewright.data.splits import split
from routewright.encoders import TextSpace
from routewright.routers import make
from routewright.types import Prompt

WORDS = [first + rest for first in "bdfklmprst" for rest in ("amber", "irch", "elta", "ove")]


def run(*arguments, code=0):
    done = subprocess.run(
        [sys.executable, "-m", "routewright.cli.main", *map(str, arguments)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stderr
    return done


def job(folder, *, skill, twins=0):
    """Data where small is good at sums and large at poems, or at nothing in particular.

    The last ``twins`` prompts have the text of the first, in groups of their own.
    """
    rng = np.random.default_rng(7)
    prompts, scores = [], []
    for n in range(240):
        kind = n % 2
        words = " ".join(rng.choice(WORDS, 5, replace=False))
        text = f"Compute the sum of {words}" if kind else f"A poem on {words}?"
        prompts.append(Prompt.from_text(f"p{n}", text, group=f"g{n}"))
        odds = [0.9, 0.2] if kind else [0.2, 0.9]
        scores.append(rng.random(2) < (odds if skill else [0.5, 0.6]))
    for n in range(twins):
        prompts.append(Prompt.from_text(f"t{n}", prompts[n].text, group=f"twin{n}"))
        scores.append(scores[n])
    costs = np.tile([1e-4, 2e-3], (len(prompts), 1))
    RoutingData(tuple(prompts), ("small", "large"), np.array(scores, float), costs).save(folder)
    return folder


def evaluated(folder, *options, code=0):
    return run(
        *("evaluate", folder / "router", "--data", folder / "data", "--replicates", 200),
        *options,
        code=code,
    )


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    folder = tmp_path_factory.mktemp("good")
    job(folder / "data", skill=True)
    run("train", folder / "data", "--router", "ridge", "--out", folder / "router", "--holdout", 0.5)
    return folder


@pytest.fixture(scope="module")
def idle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("idle")
    job(folder / "data", skill=False)
    run("train", folder / "data", "--router", "ridge", "--out", folder / "router", "--holdout", 0.5)
    return folder


def test_the_gate_lets_a_proven_router_pass(good):
    done = evaluated(good, "--gate")
    assert "routing pays" in done.stdout
    assert "error RT" not in done.stdout
    assert "unknown, so not checked: RT007, RT009, RT011, RT019" in done.stdout
    assert "gate closed" not in done.stderr


def test_the_gate_closes_where_the_verdict_is_not_to_route(idle):
    done = evaluated(idle, "--gate", code=3)
    assert done.stderr.startswith("gate closed: the verdict is not to route; RT00")
    assert "→ docs/checks/RT00" in done.stdout


def test_without_the_gate_the_same_evaluation_exits_with_0(idle):
    done = evaluated(idle)
    assert "do not route" in done.stdout
    assert "gate" not in done.stderr


def test_json_holds_the_findings_and_the_gate_keeps_it_whole(idle):
    told = json.loads(evaluated(idle, "--json", "--gate", code=3).stdout)
    codes = {each["code"]: each for each in told["findings"]}
    assert codes.keys() & {"RT004", "RT005"}
    assert set(codes["RT012"]) == {"code", "severity", "title", "message"}


def test_the_gate_closes_on_test_prompts_found_in_training(tmp_path):
    data = RoutingData.load(job(tmp_path / "data", skill=True, twins=60))
    rows, _ = split(data, holdout=0.5, seed=0)  # train itself would keep twins on one side
    router = make("ridge").fit(data.subset(rows))
    groups = [group_digest(group) for group in data.subset(rows).groups]
    router.save(tmp_path / "router", extra={"training_groups": groups})
    done = evaluated(tmp_path, "--gate", "--worth-usd", 1, code=3)
    assert "routing pays" in done.stdout, "it is the check that closes the gate"
    assert "error RT001 test prompts found in training: " in done.stdout
    assert "RT008" not in done.stdout, "what training holds is not told twice"
    assert done.stderr == "gate closed: RT001 found an error\n"


def test_the_gate_closes_on_an_encoder_fitted_on_everything(tmp_path):
    data = RoutingData.load(job(tmp_path / "data", skill=True))
    rows, test = split(data, holdout=0.5, seed=0)
    router, space = make("ridge"), TextSpace().fit(data.prompts)
    router._space = lambda: SimpleNamespace(fit=lambda _: space)  # one of the caller's own
    router.fit(data.subset(rows))
    groups = [group_digest(group) for group in data.subset(rows).groups]
    router.save(tmp_path / "router", extra={"training_groups": groups})
    done = evaluated(tmp_path, "--gate", "--worth-usd", 1, code=3)
    assert f"was fitted on the text of {len(test)} of {len(test)} test prompts" in done.stdout
    assert "RT008 found an error" in done.stderr


def test_the_report_has_a_section_on_the_checks(idle):
    evaluated(idle, "--report", idle / "report.html")
    html = (idle / "report.html").read_text("utf-8")
    section = html[html.index(">Checks</h2>") :]
    assert "<dt>error RT00" in section
    assert "unknown, so not checked: RT007" in section


def test_the_help_tells_the_exit_codes():
    told = " ".join(run("evaluate", "--help").stdout.split())
    assert "3 where it is not to route or a check finds an error" in told
