"""The same inputs give the same decisions, whatever the machine has of threads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.test_reload import train

DECIDE = """
import sys
from routewright.serve.gateway import decider_of_artefact
from routewright.types import Prompt
decider = decider_of_artefact(sys.argv[1], worth_usd=0.001)
for n in range(int(sys.argv[2])):
    text = f"add {n} and {n * 7}" if n % 3 else f"prove that {n} is odd " * (n % 11)
    decision = decider.decide(Prompt.from_text("", text))
    print(decision.model, [(c.score, c.cost_usd) for c in decision.candidates])
"""


def decisions(artefact: Path, count: int, threads: int) -> list[str]:
    number = str(threads)
    env = {**os.environ, "OMP_NUM_THREADS": number, "OPENBLAS_NUM_THREADS": number}
    done = subprocess.run(
        [sys.executable, "-c", DECIDE, str(artefact), str(count)],
        capture_output=True,
        text=True,
        env=env,
        check=True,
    )
    return done.stdout.splitlines()


def test_decisions_do_not_depend_on_threads(tmp_path):
    """A-06, shortened: to the last bit of the predictions."""
    artefact = train(tmp_path / "router")
    first = decisions(artefact, 300, threads=1)
    assert len(first) == 300
    assert decisions(artefact, 300, threads=4) == first


@pytest.mark.nightly
def test_ten_thousand_decisions_do_not_depend_on_threads(tmp_path, figures):
    """A-06: on one machine; another needs another."""
    artefact = train(tmp_path / "router")
    first, second = (decisions(artefact, 10_000, threads) for threads in (1, 4))
    differ = sum(a != b for a, b in zip(first, second, strict=True))
    figures("A-06", decisions=10_000, threads="1 and 4", disagreement=differ)
    assert differ == 0
