"""``routewright data show`` on files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from routewright.cli.data import command
from routewright.data import RoutingData
from routewright.data.responses import Response, save_responses
from routewright.errors import ConfigError, DataError
from routewright.types import Prompt


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    prompts = tuple(
        Prompt.from_text(f"p{i}", f"question {i // 2 * 7919}", task="sums", group=f"g{i}")
        for i in range(40)
    )
    scores = np.column_stack([np.arange(40) % 4 == 0, np.arange(40) % 4 < 3]).astype(float)
    data = RoutingData(prompts, ("[small]", "large"), scores, np.tile([1e-4, 1e-3], (40, 1)))
    data.save(tmp_path / "made")
    return tmp_path / "made"


def show(*arguments: object) -> str:
    result = CliRunner().invoke(
        command, ["show", *map(str, arguments), "--replicates", "50"], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    return result.output


def test_the_table_names_models_figures_and_duplicates(folder: Path) -> None:
    text = show(folder)
    assert "made: 40 prompts, 2 models" in text
    assert "[small]" in text
    assert "best single   large: 0.750 at $1.00 per 1,000" in text
    assert "duplicates    20 exact, 0 near; 40 groups, 20 with duplicates joined" in text
    assert "answers of" not in text


def test_json_holds_the_same_figures(folder: Path) -> None:
    description = json.loads(show(folder, "--json"))
    assert description["prompts"] == 40
    small, large = description["models"]
    assert (small["name"], small["score"]["value"]) == ("[small]", 0.25)
    assert large["score"]["low"] < 0.75 < large["score"]["high"]
    assert description["bounds"]["oracle_score"] == 0.75
    assert description["duplicates"]["exact"] == 20


def test_duplicates_can_be_passed_over(folder: Path) -> None:
    assert json.loads(show(folder, "--json", "--no-duplicates"))["duplicates"] is None
    assert "groups        40" in show(folder, "--no-duplicates")


def test_answers_beside_the_data_are_rated(folder: Path) -> None:
    cut_off = Response("p0", "large", "The answ", "truncated", 0.0, "", "verify:numeric", None)
    save_responses([cut_off], folder)
    text = show(folder)
    assert "answers of" in text
    assert "warning RD006: large: 100.0% of the answers are truncated" in text


def test_a_file_and_a_named_format_are_taken(folder: Path, tmp_path: Path) -> None:
    table = tmp_path / "wide.csv"
    table.write_text("prompt,score:m,cost_usd:m\nWhat?,1,0.1\nWho?,0,0.1\n")
    assert "wide.csv: 2 prompts, 1 model\n" in show(table)
    assert "made: 40 prompts" in show(folder, "--format", "native")
    with pytest.raises(ConfigError):
        show(folder, "--format", "nonsense")


def test_a_path_without_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        show(tmp_path / "nothing")
