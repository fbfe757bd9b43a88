"""Prompt files in JSON Lines."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from routewright.data.prompt_file import load_prompts
from routewright.types import Message, Prompt


def test_a_record_becomes_a_prompt_with_all_that_is_known(tmp_path: Path) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_text(
        '\ufeff{"prompt_id": "arithmetic-017", "task": "arithmetic", "difficulty": "easy",'
        ' "prompt": "6*7? \u2028 Think.", "grader": "numeric", "reference": "42",'
        ' "max_tokens": 48, "group": "g", "time": "2025-01-31T12:00:00Z"}\n\n'
        '{"prompt_id": "bare", "prompt": "Hi"}',
        encoding="utf-8",
    )
    first, second = load_prompts(str(path))
    assert first == Prompt(
        id="arithmetic-017",
        messages=(Message("user", "6*7? \u2028 Think."),),
        task="arithmetic",
        grader="numeric",
        reference="42",
        group="g",
        difficulty="easy",
        max_tokens=48,
        time="2025-01-31T12:00:00Z",
    )
    assert second == Prompt.from_text("bare", "Hi")


def test_messages_stand_in_for_the_prompt(tmp_path: Path) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_text(
        '{"prompt_id": "x", "messages": [{"role": "system", "content": "Be brief."},'
        ' {"role": "user", "content": [{"type": "text", "text": "Hi"}]}]}'
    )
    (prompt,) = load_prompts(path)
    assert prompt.text == "Be brief.\nHi"


def test_reading_prompts_needs_no_training_extra(tmp_path: Path) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_text('{"prompt_id": "x", "prompt": "Hi"}\n')
    script = (
        "import sys; sys.modules['polars'] = None\n"
        "from routewright.data.prompt_file import load_prompts\n"
        "print(load_prompts(sys.argv[1])[0].text)"
    )
    run = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True)
    assert run.stdout == "Hi\n", run.stderr


def test_tables_without_the_training_extra_name_it(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("prompt,score:a,cost_usd:a\nHi,1,0\n")
    script = (
        "import sys; sys.modules['polars'] = None\n"
        "import routewright as rw\n"
        "try: rw.RoutingData.load(sys.argv[1])\n"
        "except rw.RoutewrightError as error: print(error)"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "t.csv"], capture_output=True, text=True
    )
    assert run.stdout == "this step needs polars: pip install 'routewright[train]'\n", run.stderr
