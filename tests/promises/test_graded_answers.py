"""The page docs/graded-answers.md, line by line: from a log to a router that was evaluated."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from routewright.data import RoutingData
from tests.fakes.upstream import Say, Upstream

PAGE = Path(__file__).parents[2] / "docs" / "graded-answers.md"
CITIES = [
    "Oslo",
    "Bern",
    "Rome",
    "Lima",
    "Kyiv",
    "Riga",
    "Doha",
    "Baku",
    "Cairo",
    "Quito",
    "Paris",
    "Sofia",
    "Tunis",
    "Accra",
    "Dakar",
]
ASKED = ["Name a river near {}.", "Write a long poem on {}, in rhyme.", "When was {} founded?"]
QUESTIONS = [
    f"{ask.format(city)} {why}" for ask in ASKED for city in CITIES for why in ("", "Why?")
]


def block(kind):
    return re.search(rf"```{kind}\n(.*?)```", PAGE.read_text("utf-8"), flags=re.DOTALL)[1]


def log_lines():
    """Every other question has an answer of the small model in the log."""
    for n, question in enumerate(QUESTIONS):
        request = {"model": "small", "messages": [{"role": "user", "content": question}]}
        choice = {"message": {"content": "small says so"}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 9, "completion_tokens": 3}
        answered = {"response": {"choices": [choice], "usage": usage}} if n % 2 else {}
        yield json.dumps({"request": request, **answered})


def grade(request):
    """Poems of the small model are bad, all else is good."""
    told = request["messages"][-1]["content"]
    bad = "poem" in told and "small says" in told
    return Say(f"Reason: so.\nScore: {1 if bad else 4}")


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    (folder / "log.jsonl").write_text("\n".join(log_lines()) + "\n")
    printed = {}
    with Upstream() as upstream:
        upstream.says = {"judge": grade}
        upstream.script = {"small": [Say("small says so")], "large": [Say("large says so")]}
        config = block("toml").replace("https://llm.example/v1", upstream.url)
        (folder / "routewright.toml").write_text(config.replace('api_key_env = "ACME_KEY"\n', ""))
        for line in block("sh").splitlines():
            command = shlex.split(line)[1:]
            run = subprocess.run(
                [sys.executable, "-m", "routewright.cli.main", *command]
                + ["--yes"] * (command[0] == "collect"),
                input="4\n" * 60,  # the marks of an audit
                cwd=folder,
                capture_output=True,
                text=True,
            )
            assert run.returncode == 0, f"{line}\n{run.stderr}"
            printed[" ".join(command[:2]) + " --apply" * ("--apply" in command)] = run.stdout
        asked = {name: upstream.asked(name) for name in ("small", "large", "judge")}
    return folder, printed, asked


def test_only_what_the_log_has_no_answer_to_is_asked(done):
    _, _, asked = done
    n = len(RoutingData.load(done[0] / "run").prompts)
    assert n > len(QUESTIONS) / 2
    assert asked["large"] == n
    assert 0 < asked["small"] < n
    assert asked["judge"] == 2 * n


def test_the_audit_moves_the_means_and_says_so(done):
    folder, printed, _ = done
    assert "weighted kappa" in printed["judge audit"]
    corrections = json.loads((folder / "run" / "corrections.json").read_text())
    assert set(corrections["models"]) == {"small", "large"}
    assert corrections["models"]["small"]["shift"] > 0, "the person liked the poems"
    assert corrections["models"]["large"]["shift"] == pytest.approx(0, abs=1e-9)


def test_the_router_is_evaluated_on_prompts_that_it_has_not_seen(done):
    told = done[1]["evaluate router"]
    assert "were in training and are left out" in told
    assert "ridge" in told
