"""Promises about the audit: resumable, blind, and what it says is carried into the routing data."""

import json
import re

import numpy as np
import pytest
from click.testing import CliRunner

from routewright.cli.main import cli
from routewright.data import RoutingData
from routewright.data.responses import read_responses
from routewright.errors import UsageError
from tests.unit.judge.folders import BIAS, judged_folder


def audit(folder, *options, typed="", code=0):
    done = CliRunner().invoke(cli, ["judge", "audit", str(folder), *options], input=typed)
    if isinstance(done.exception, UsageError):
        assert code == done.exception.exit_code, done.exception
        return done.output + str(done.exception)
    assert done.exit_code == code, done.output
    return done.output


def grade(folder, truth, *options, stop=None):
    """Grade as a person who knows the truth: read what is shown, type, until nothing is left."""
    shown = audit(folder, *options, typed="q\n")
    order = json.loads((folder / "audit.sample.json").read_text())["order"]
    size = int(re.search(r"1 of (\d+)|of (\d+)\n", shown)[0].split()[-1])
    done = len((folder / "audit.journal").read_bytes().splitlines())
    keys = [tuple(key) for key in order[done:size]][:stop]
    return audit(folder, *options, typed="".join(f"{truth[key]:g}\n" for key in keys))


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audited")
    truth = judged_folder(folder, n=120)
    printed = grade(folder, truth, "--size", "90")
    return folder, truth, printed


def test_neither_the_model_nor_the_judges_mark_is_shown(tmp_path):
    judged_folder(tmp_path)
    shown = audit(tmp_path, typed="s\ns\ns\nq\n")
    assert "Question" in shown
    assert "Key" in shown
    assert "Answer to p" in shown
    assert not any(model in shown for model in BIAS)
    assert "because" not in shown
    assert "no answer was graded yet" in shown


def test_it_goes_on_where_it_stopped_and_never_asks_twice(tmp_path):
    truth = judged_folder(tmp_path)
    grade(tmp_path, truth, "--size", "10", stop=4)
    shown = audit(tmp_path, "--size", "10", typed="")
    assert "5 of 10" in shown
    assert "4 of 10" not in shown
    grade(tmp_path, truth, "--size", "10")
    assert "of 10\n" not in audit(tmp_path, "--size", "10"), "nothing is left to ask"
    assert "10 of 120 answers audited" in audit(tmp_path, "--size", "3", "--report")
    assert "11 of 12" in audit(tmp_path, "--size", "12"), "and more can be asked for"


def test_going_back_replaces_a_mark(tmp_path):
    judged_folder(tmp_path)
    shown = audit(tmp_path, "--size", "2", typed="7\n1\nb\n4\n3\n")
    assert "give a whole number" in shown
    rows = (tmp_path / "audit.journal").read_text().splitlines()
    assert [json.loads(row[9:])["mark"] for row in rows] == [1, 4, 3]
    assert "2 of 120 answers audited" in shown


def test_the_report_finds_the_bias_of_each_model(audited):
    folder, _, printed = audited
    report = json.loads((folder / "audit.json").read_text())
    assert report["audited"] == 90
    assert report["weighted_kappa"]["low"] < report["weighted_kappa"]["value"]
    for model, bias in BIAS.items():
        found = report["models"][model]["bias"]
        assert abs(found["value"] - bias) < 0.45
        assert found["low"] < found["value"] < found["high"]
    assert report["length_bias"]["low"] < 0 < report["length_bias"]["high"]
    assert "weighted kappa 0." in printed
    assert "position bias: unknown" in printed


def test_applying_it_corrects_the_routing_data_and_says_how_surely(audited):
    folder, truth, _ = audited
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    raw = RoutingData.load(folder)
    printed = audit(folder, "--apply", "--size", "90")
    data = RoutingData.load(folder)
    told = json.loads((folder / "corrections.json").read_text())
    marks = [response.mark for response in read_responses(folder)]
    sums = [prompt.id for prompt in data.prompts].index("sum")
    for column, model in enumerate(data.models):
        real = np.mean([mark / 5 for key, mark in truth.items() if key[1] == model] + [1.0])
        each = told["models"][model]
        shift = data.scores[:, column].mean() - raw.scores[:, column].mean()
        assert each["shift"] == pytest.approx(shift, abs=1e-9)
        assert abs(data.scores[:, column].mean() - real) < 3 * each["std_error"]
        assert abs(raw.scores[:, column].mean() - real) > 0.03
        assert data.scores[sums, column] == 1.0, "what a program verified is not moved"
        assert f"{model}: score {shift:+.3f}" in printed
    errors = [told["models"][model]["std_error"] for model in data.models]
    assert min(errors) > 0
    assert data.score_errors.tolist() == errors, "evaluations draw the audit's error along"
    assert not raw.score_errors.any()
    assert all(mark == int(mark) for mark in marks), "the judge's marks stay as given"
    corrected = (folder / "outcomes.parquet").read_bytes()
    audit(folder, "--apply", "--size", "90")
    assert (folder / "outcomes.parquet").read_bytes() == corrected, "twice is as good as once"
    for name, content in before.items():
        (folder / name).write_bytes(content)


def test_an_audit_that_is_too_small_corrects_nothing(tmp_path):
    truth = judged_folder(tmp_path)
    grade(tmp_path, truth, "--size", "20")
    before = (tmp_path / "outcomes.parquet").read_bytes()
    printed = audit(tmp_path, "--apply", "--size", "20", code=2)
    assert "too small to correct anything: model-a has 10 of 30" in printed
    assert (tmp_path / "outcomes.parquet").read_bytes() == before
    assert not (tmp_path / "corrections.json").exists()


def test_answers_that_changed_are_noticed(tmp_path):
    truth = judged_folder(tmp_path)
    grade(tmp_path, truth, "--size", "6")
    judged_folder(tmp_path, seed=1)
    assert "give --redraw" in audit(tmp_path, code=2)
    printed = audit(tmp_path, "--redraw", typed="q\n")
    assert "no answer was graded yet" in printed, "a mark of another text is not a mark of this"


def test_a_folder_without_a_judge_has_nothing_to_audit(tmp_path):
    judged_folder(tmp_path, judge="verify:exact")
    assert "no answer here was graded by an LLM" in audit(tmp_path, code=2)


def test_escape_sequences_of_an_answer_never_reach_the_terminal(tmp_path):
    import polars as pl

    judged_folder(tmp_path)
    path = tmp_path / "responses.parquet"
    evil = pl.lit("\x1b[2J\x1b]0;owned\x07plain\x9b31m")
    pl.read_parquet(path).with_columns(response=evil).write_parquet(path)
    shown = audit(tmp_path, typed="3\nq\n")
    assert "\x1b" not in shown
    assert "\x9b" not in shown
    assert "plain" in shown
