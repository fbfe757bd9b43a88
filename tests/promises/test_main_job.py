"""The verbs in a row, each a process of its own: prompts → answers → scores → router → verdict."""

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from routewright.data import RoutingData
from tests.fakes.upstream import Say, Upstream

KINDS = ("sum", "poem")  # small is right on sums, large on poems


def run(*arguments, code=0):
    done = subprocess.run(
        [sys.executable, "-m", "routewright.cli.main", *map(str, arguments)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stderr
    return done.stdout


def prompt_lines():
    for n in range(60):
        kind = KINDS[n % 2]
        text = f"Compute the sum {n} plus {n + 3} now" if kind == "sum" else f"A poem on tree {n}?"
        reference = "7" if kind == "sum" else "42"
        yield {
            "prompt_id": f"p{n}",
            "task": kind,
            "prompt": text,
            "grader": "numeric",
            "reference": reference,
        }
    for n in range(4):
        yield {
            "prompt_id": f"r{n}",
            "task": "essay",
            "prompt": f"Describe lake {n}",
            "grader": "rubric",
            "reference": "A 5 names the water.",
        }


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """The folder after collect, judge, train and evaluate, with what evaluate printed."""
    folder = tmp_path_factory.mktemp("job")
    (folder / "prompts.jsonl").write_text("".join(json.dumps(p) + "\n" for p in prompt_lines()))
    with Upstream() as upstream:
        upstream.script["small"] = [Say("The answer is 7.")]
        upstream.script["large"] = [Say("The answer is 42.", completion_tokens=9)]
        upstream.script["judge"] = [Say("Reason: it names the water.\nScore: 4")]
        config = folder / "routewright.toml"
        config.write_text(
            f'[providers.fake]\nkind = "openai"\nbase_url = "{upstream.url}"\n'
            + "".join(
                f'[models.{name}]\nprovider = "fake"\ninput_usd_per_mtok = {price}\n'
                for name, price in (("small", 1.0), ("large", 20.0), ("judge", 1.0))
            )
        )
        common = ("--config", config)
        prompts = folder / "prompts.jsonl"
        asked = ("--models", "small,large", "--out", folder / "run", "--yes")
        run("collect", prompts, *asked, *common)
        run("judge", folder / "run", "--judge", "judge", "--audit", 20, *common)
        asked = len(upstream.requests)
        run("judge", folder / "run", "--judge", "judge", "--audit", 20, *common)
        assert len(upstream.requests) == asked, "judging again asks nothing again"
    run("train", folder / "run", "--router", "stack", "--out", folder / "router", "--holdout", 0.4)
    printed = run("evaluate", folder / "router", "--data", folder / "run", "--replicates", 200)
    return folder, printed


def test_scores_come_from_the_grader_and_from_the_judge(job):
    folder, _ = job
    data = RoutingData.load(folder / "run")
    assert data.models == ("small", "large")
    by_task = {
        task: data.scores[data.tasks == task].mean(axis=0).tolist()
        for task in ("sum", "poem", "essay")
    }
    assert by_task == {"sum": [1.0, 0.0], "poem": [0.0, 1.0], "essay": [0.8, 0.8]}
    responses = pl.read_parquet(folder / "run" / "responses.parquet")
    assert len(responses) == 128
    judged = responses.filter(pl.col("judge").str.starts_with("llm:judge:"))
    assert judged["prompt_id"].unique().sort().to_list() == ["r0", "r1", "r2", "r3"]


def test_agreement_between_judge_and_graders_is_reported(job):
    folder, _ = job
    agreement = json.loads((folder / "run" / "agreement.json").read_text())
    assert agreement["audited"] == agreement["both"] == 20
    assert agreement["weighted_kappa"] == 0.0, "a judge that always says 4 agrees by chance alone"
    assert agreement["mean_mark_verified"] == 2.5, "half of the audited answers are right"


def test_the_verdict_says_that_routing_pays(job):
    _, printed = job
    assert printed.count("routing pays: stack reaches") == 1
    assert "zero_train" in printed
    assert "oracle" in printed


def test_evaluate_uses_only_prompts_that_the_router_has_not_seen(job):
    folder, _ = job
    told = json.loads(
        run("evaluate", folder / "router", "--data", folder / "run", "--json", "--replicates", 50)
    )
    manifest = json.loads((folder / "router" / "manifest.json").read_text())
    trained = manifest["extra"]["training_prompts"]
    assert told["prompts"] == 64 - trained
    assert len(manifest["extra"]["training_groups"]) == trained
    assert {"stack", "length", "knn", "ridge", "random", "zero_train", "oracle"} <= {
        row["name"] for row in told["rows"]
    }


def test_the_report_is_one_file_that_fetches_nothing(job):
    folder, _ = job
    report = folder / "report.html"
    run(
        *("evaluate", folder / "router", "--data", folder / "run"),
        *("--replicates", 50, "--report", report),
    )
    html = report.read_text("utf-8")
    assert "Weighted kappa is only 0.00" in html
    head = html.split("<script")[0]
    assert "http://" not in head
    assert "https://" not in head
    assert 'src="http' not in html
    assert '<link rel="stylesheet" href=' not in html


@pytest.mark.parametrize(
    ("text", "model"),
    [("Compute the sum 90 plus 93 now", "small"), ("A poem on tree 77?", "large")],
)
def test_each_kind_of_prompt_goes_to_the_model_that_is_good_at_it(job, text, model):
    folder, _ = job
    decision = json.loads(run("route", text, "--artefact", folder / "router", "--json"))
    assert decision["model"] == model
    assert {each["model"] for each in decision["candidates"]} == {"small", "large"}


def test_train_is_deterministic(job):
    folder, _ = job
    again = folder / "again"
    run("train", folder / "run", "--router", "stack", "--out", again, "--holdout", 0.4)
    for name in ("manifest.json", "arrays.safetensors"):
        assert Path(again, name).read_bytes() == Path(folder, "router", name).read_bytes()
