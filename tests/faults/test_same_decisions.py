"""The same artefact and prompts give the same decisions in any process, on any thread count."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from routewright import routers
from routewright.routers.check import sample_data
from tests.conftest import Figures

SCRIPT = """
import json, random, sys
from routewright.serve.configured import decider_of_artefact
from routewright.types import PolicySettings, Prompt

decider = decider_of_artefact(sys.argv[1], worth_usd=0.01)
words = "prove sum law poem code 17 why Übung 日本 fast integral contract the a of".split()
chance = random.Random(7)
policies = [PolicySettings(), PolicySettings(quality=0.95), PolicySettings(threshold=0.6)]
for number in range(int(sys.argv[2])):
    text = " ".join(chance.choices(words, k=chance.randint(1, 60)))
    told = decider.decide(Prompt.from_text("", text), policy=policies[number % 3])
    seen = [[c.score, c.cost_usd] for c in told.candidates]
    print(json.dumps([told.model, told.fallbacks, seen]))
"""


@pytest.fixture(scope="module")
def artefact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("same") / "router"
    routers.make("stack", seed=0).fit(sample_data()).save(path)
    return path


def decisions(artefact: Path, count: int, *, threads: int) -> list[Any]:
    """What a process of its own decides."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "PYTHONHASHSEED")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(artefact), str(count)],
        env=os.environ | dict.fromkeys(names, str(threads)),
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def disagreements(artefact: Path, count: int) -> int:
    one, two = (decisions(artefact, count, threads=threads) for threads in (1, 2))
    assert len(one) == len(two) == count
    assert len({json.dumps(told[2]) for told in one}) > count / 4  # the prompts are told apart
    return sum(a[:2] != b[:2] for a, b in zip(one, two, strict=True))


def test_a06_the_same_prompts_are_decided_alike(artefact: Path):
    """A-06: another process, hash seed and thread count, the same decisions."""
    assert disagreements(artefact, 300) == 0


@pytest.mark.nightly
def test_a06_ten_thousand_prompts_are_decided_alike(artefact: Path, figures: Figures):
    """A-06: disagreement 0 of 10,000."""
    found = disagreements(artefact, 10_000)
    figures("A-06", decisions=10_000, disagreements=found)
    assert found == 0
