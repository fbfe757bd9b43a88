"""What ``routewright collect`` refuses before a cent is spent."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from routewright.cli.main import cli
from routewright.errors import UsageError

CONFIG = """
[providers.near]
kind = "openai"
base_url = "http://127.0.0.1:9/v1"

[models.free-of-charge]
provider = "near"
{price}
"""


def collect(prompts: Path, out: Path, price: str, *more: str) -> str:
    config = out.parent / "routewright.toml"
    config.write_text(CONFIG.format(price=price))
    told = CliRunner().invoke(
        cli,
        [
            *("collect", str(prompts), "--models", "free-of-charge", "--out", str(out)),
            *("--config", str(config), "--yes", *more),
        ],
    )
    return str(told.exception) if isinstance(told.exception, UsageError) else told.output


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    path = tmp_path / "prompts.jsonl"
    path.write_text('{"prompt_id": "a", "prompt": "How far is the moon?"}\n')
    return path


def test_a_budget_over_a_model_without_a_price_is_refused(prompts: Path, tmp_path: Path) -> None:
    told = collect(prompts, tmp_path / "out", "", "--budget-usd", "1")
    assert "no price of free-of-charge" in told
    assert "input_usd_per_mtok" in told
    assert not (tmp_path / "out" / "answers.jsonl").exists()


def test_a_price_of_zero_is_a_price(prompts: Path, tmp_path: Path) -> None:
    free = "input_usd_per_mtok = 0\noutput_usd_per_mtok = 0"
    told = collect(prompts, tmp_path / "out", free, "--budget-usd", "1", "--timeout", "5")
    assert "no price" not in told


def test_prompts_that_judging_would_stumble_over_are_refused_first(tmp_path: Path) -> None:
    folder = tmp_path / "graded"
    folder.mkdir()
    path = folder / "prompts.jsonl"
    path.write_text('{"prompt_id": "a", "prompt": "How far is the moon?"}\n')
    assert "another folder" in collect(path, folder, "")
