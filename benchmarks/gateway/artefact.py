"""The router that decides in the benchmark: ``stack``, static encoder, ten models.

    python -m benchmarks.gateway.artefact FOLDER

Prompts are put together from the demo's, outcomes are drawn: time does not hang on them.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path

MODELS = 10
TRAINED_ON = 1_500
DEMO = Path(__file__).parents[2] / "demo" / "prompts.jsonl"


def texts(count: int, size: int, seed: int) -> Iterator[str]:
    """Prompts of about so many characters, pieces of the demo's in a row; no two are alike."""
    lines = [json.loads(line)["prompt"] for line in DEMO.read_text().splitlines()]
    rng = random.Random(seed)
    for number in range(count):
        told = f"{number}: "
        while len(told) < size:
            piece = rng.choice(lines).split()
            at = rng.randrange(len(piece))
            told += " ".join(piece[at:]) + "\n"
        yield told[:size]


def make(folder: Path) -> None:
    """Train and save; an artefact that is there is kept."""
    if (folder / "manifest.json").exists():
        return
    import numpy as np

    from routewright import routers
    from routewright.data import RoutingData
    from routewright.types import Prompt

    rng = np.random.default_rng(0)
    prompts = tuple(
        Prompt.from_text(str(at), text) for at, text in enumerate(texts(TRAINED_ON, 1_000, 0))
    )
    names = tuple(f"m{at}" for at in range(MODELS))
    scores = (rng.random((TRAINED_ON, MODELS)) < np.linspace(0.4, 0.9, MODELS)).astype(float)
    costs = np.exp(rng.normal(-8, 0.5, (TRAINED_ON, MODELS))) * np.geomspace(1, 20, MODELS)
    routers.make("stack", encoder="static").fit(RoutingData(prompts, names, scores, costs)).save(
        folder
    )


if __name__ == "__main__":
    make(Path(sys.argv[1]))
