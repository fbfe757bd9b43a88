"""Bad input: one line that names the file, row or field and the way out, and exit code 2."""

import json
import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from routewright import routers
from routewright.data import RoutingData
from routewright.types import Prompt

MODELS = ("small", "large")


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "routewright.cli.main", *map(str, arguments)],
        capture_output=True,
        text=True,
    )


def refused(done, *words):
    assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    for word in words:
        assert word in lines[0], (word, lines[0])


def routing_data(n=40, prompt_text="prompt"):
    rng = np.random.default_rng(0)
    return RoutingData(
        prompts=tuple(Prompt.from_text(f"p{i}", f"{prompt_text} {i}", task="t") for i in range(n)),
        models=MODELS,
        scores=(rng.random((n, 2)) < (0.4, 0.8)).astype(float),
        costs=np.tile([1e-5, 9e-5], (n, 1)),
    )


@pytest.fixture
def table(tmp_path):
    routing_data().save(tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def artefact(tmp_path):
    path = tmp_path / "router"
    routers.make("zero").fit(routing_data(20)).save(path)
    return path


def train(path, tmp_path):
    return run("train", path, "--router", "zero", "--out", tmp_path / "made")


def change(table, name, frame):
    frame.write_parquet(table / f"{name}.parquet")


def outcomes(table):
    return pl.read_parquet(table / "outcomes.parquet")


def test_an_unknown_model_is_named_with_near_ones(tmp_path, table):
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text(json.dumps({"prompt_id": "a", "prompt": "hello"}) + "\n")
    done = run("collect", prompts, "--models", "smollm2-135m", "--out", tmp_path / "out")
    refused(done, "'smollm2-135m'", "did you mean smollm2-135m-instruct")
    done = run("train", table, "--models", "small,huge", "--out", tmp_path / "made")
    refused(done, "'huge'", "it has small, large")


def test_an_unknown_router_lists_those_there_are(tmp_path, table):
    refused(run("train", table, "--router", "stak", "--out", tmp_path / "x"), "'stak'", "stack")


def test_a_missing_column_is_named(tmp_path, table):
    change(table, "outcomes", outcomes(table).rename({"score": "scores"}))
    refused(train(table, tmp_path), "outcomes.parquet", "score", "scores")


def test_an_empty_file_is_named(tmp_path):
    path = tmp_path / "empty.csv"
    path.write_text("")
    refused(train(path, tmp_path), "empty.csv", "empty")


def test_a_truncated_parquet_is_named(tmp_path, table):
    file = table / "outcomes.parquet"
    file.write_bytes(file.read_bytes()[:-100])
    refused(train(table, tmp_path), "outcomes.parquet")


def test_a_score_that_is_nan_names_its_row_and_the_way_out(tmp_path, table):
    frame = outcomes(table)
    scores = frame["score"].to_list()
    scores[7] = float("nan")
    change(table, "outcomes", frame.with_columns(pl.Series("score", scores)))
    refused(train(table, tmp_path), "row 8", "score", "NaN", "leave the cell empty")


def test_a_prompt_id_that_appears_twice_is_named(tmp_path, table):
    frame = pl.read_parquet(table / "prompts.parquet")
    change(table, "prompts", pl.concat([frame, frame.slice(3, 1)]))
    refused(train(table, tmp_path), "prompts.parquet", "p3")


def test_a_prompt_of_a_megabyte_is_taken(tmp_path):
    routing_data(prompt_text="word " * 220_000).save(tmp_path / "long")
    assert (tmp_path / "long" / "prompts.parquet").stat().st_size > 0
    done = train(tmp_path / "long", tmp_path)
    assert done.returncode == 0, done.stderr
    refused(run("train", "none.parquet", "--out", tmp_path / "x"), "none.parquet")


def test_an_artefact_of_another_version_is_refused(tmp_path, table, artefact):
    manifest = artefact / "manifest.json"
    told = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**told, "format_version": 1}))
    done = run("evaluate", artefact, "--data", table)
    refused(done, "manifest.json", "version 1", "train again")
    refused(run("route", "hello", "--artefact", artefact), "version 1", "train again")


def test_evaluating_on_training_prompts_alone_is_refused(tmp_path, table):
    run("train", table, "--router", "zero", "--holdout", 0, "--out", tmp_path / "all")
    done = run("evaluate", tmp_path / "all", "--data", table)
    refused(done, "trained on all 40 prompts", "--holdout")


def test_a_folder_keeps_to_the_prompts_it_was_begun_with(tmp_path):
    config = tmp_path / "routewright.toml"
    config.write_text(
        '[providers.x]\nkind = "openai"\nbase_url = "http://127.0.0.1:9/v1"\n'
        '[models.m]\nprovider = "x"\n'
    )
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text(json.dumps({"prompt_id": "a", "prompt": "hello"}) + "\n")
    common = ("--models", "m", "--config", config, "--out", tmp_path / "out", "--yes")
    asked = ("collect", prompts, *common)
    first = run(*asked)
    assert first.returncode == 1, first.stderr
    assert "run the same command to ask again" in first.stderr
    prompts.write_text(json.dumps({"prompt_id": "a", "prompt": "bye"}) + "\n")
    refused(run(*asked), "begun with another prompts_sha256", "--out")


def test_a_folder_without_answers_says_what_to_run_first(tmp_path):
    refused(run("judge", tmp_path), str(tmp_path), "collect")
