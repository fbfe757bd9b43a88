"""Several answers of one cell: all are paid for, so all are graded and count in its score."""

from __future__ import annotations

import json
import subprocess
import sys

import polars as pl
import pytest

from routewright.data import RoutingData
from tests.fakes.upstream import Say, Upstream

PROMPTS = 40


def run(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "routewright.cli.main", *map(str, arguments)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def small(request):
    """Right in its first sample alone."""
    return Say("7" if request["seed"] == 0 else "8", completion_tokens=10 * (request["seed"] + 1))


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    folder = tmp_path_factory.mktemp("samples")
    prompts = [
        {"prompt_id": f"p{n}", "prompt": f"Sum number {n}?", "grader": "numeric", "reference": "7"}
        for n in range(PROMPTS)
    ]
    prompts.append({"prompt_id": "lake", "prompt": "A lake?", "grader": "rubric", "reference": "-"})
    (folder / "prompts.jsonl").write_text("".join(json.dumps(one) + "\n" for one in prompts))
    with Upstream() as upstream:
        upstream.says["small"] = small
        upstream.script["large"] = [Say("7", completion_tokens=10)]
        upstream.says["judge"] = lambda request: Say(f"Reason: so.\nScore: {marks(request)}")
        config = folder / "routewright.toml"
        config.write_text(
            f'[providers.fake]\nkind = "openai"\nbase_url = "{upstream.url}"\n'
            + "".join(
                f'[models.{name}]\nprovider = "fake"\noutput_usd_per_mtok = {price}\n'
                for name, price in (("small", 1.0), ("large", 20.0), ("judge", 1.0))
            )
        )
        asked = ("--models", "small,large", "--samples", 2, "--out", folder / "run", "--yes")
        run("collect", folder / "prompts.jsonl", *asked, "--config", config)
        told = run("judge", folder / "run", "--judge", "judge", "--config", config)
        calls = len(upstream.requests)
        run("judge", folder / "run", "--judge", "judge", "--config", config)
        assert len(upstream.requests) == calls, "judging again asks nothing again"
    run("train", folder / "run", "--router", "ridge", "--out", folder / "router", "--holdout", 0)
    return folder, told


def marks(request):
    """5 for the answer 7, 1 for the answer 8."""
    return 5 if "\n7\n" in request["messages"][-1]["content"] else 1


def test_every_sample_is_graded(job):
    folder, told = job
    cells = 2 * (PROMPTS + 1)
    assert told.startswith(
        f"{2 * cells} answers: {2 * cells - 4} verified, 4 judged, 0 without a score"
    )
    responses = pl.read_parquet(folder / "run" / "responses.parquet")
    assert responses.group_by("sample").len().sort("sample").rows() == [(0, cells), (1, cells)]


def test_a_score_and_a_cost_are_the_means_of_their_samples(job):
    data = RoutingData.load(job[0] / "run")
    by_model = dict(zip(data.models, data.scores.T.tolist(), strict=True))
    assert by_model["large"] == [1.0] * (PROMPTS + 1)
    assert by_model["small"] == [0.5] * PROMPTS + [0.6], "verified: 5 and 0; judged: 5 and 1"
    costs = dict(zip(data.models, data.costs.T.tolist(), strict=True))
    assert costs["small"] == pytest.approx([15e-6] * (PROMPTS + 1))
    assert costs["large"] == pytest.approx([200e-6] * (PROMPTS + 1))


def test_a_router_learns_the_means(job):
    told = json.loads(run("route", "Sum number 99?", "--artefact", job[0] / "router", "--json"))
    scores = {each["model"]: each["score"] for each in told["candidates"]}
    assert scores["small"] == pytest.approx(0.5, abs=0.1)
    assert scores["large"] == pytest.approx(1.0, abs=0.1)
