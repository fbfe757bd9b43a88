"""A table whose texts say which model is right, and two cheap routers of a researcher's own."""

from __future__ import annotations

import numpy as np

from routewright.data.routing_data import RoutingData
from routewright.types import Prompt

SUBJECTS = {
    "sums": "Compute the sum of {a} and {b} and then subtract {c} from what you get",
    "verse": "Please write me a little poem about the {a} trees that stand near {b} lakes of {c}",
    "words": "Translate the word number {a} of the list {b} into French, then into Latin {c}",
}

# Reads one word, or breaks: files that a user could name.
PLUG_IN = '''
import time
from pathlib import Path

import numpy as np

from routewright.encoders import TextSpace
from routewright.routers import BaseRouter


class FirstWord(BaseRouter):
    """Mean scores by the first word of a prompt."""

    name = "first-word"

    def _space(self):
        return TextSpace("")

    def _fit(self, data, view):
        with Path(__file__).with_name("fits.log").open("a") as file:
            file.write("fit\\n")
        time.sleep(0.05)
        words = np.array([prompt.text.split()[0] for prompt in data.prompts])
        self.means_ = {word: data.scores[words == word].mean(axis=0) for word in np.unique(words)}

    def _predict_scores(self, view):
        mu = self.train_means_["scores"]
        rows = [self.means_.get(prompt.text.split()[0], mu) for prompt in view.prompts]
        scores = np.array(rows).reshape(len(rows), len(mu))
        return scores, np.full_like(scores, 0.1)

    def _state(self):
        return {}, {}

    def _restore(self, arrays):
        self.means_ = {}


class Fragile(FirstWord):
    name = "fragile"

    def _fit(self, data, view):
        raise ValueError("I don't like\\nthese data")


class Boundless(FirstWord):
    name = "boundless"

    def _predict_scores(self, view):
        scores, std = super()._predict_scores(view)
        return scores * np.nan, std


class NoSeed(FirstWord):
    def __init__(self, depth):
        super().__init__()


class Unfinished(BaseRouter):
    name = "unfinished"


class Alike(FirstWord):
    name = "ridge"


def not_a_class():
    pass
'''


def table(n: int = 96, *, seed: int = 0, name: str = "sample") -> RoutingData:
    """Three kinds of prompts: small is right on sums, large on verse, mostly large on words."""
    rng = np.random.default_rng(seed)
    kinds = [list(SUBJECTS)[row % 3] for row in range(n)]
    prompts = tuple(
        Prompt.from_text(
            f"p{row}",
            SUBJECTS[kind].format(a=row, b=rng.integers(10, 99), c="abcdefgh"[row % 8] * 9),
            task=kind,
            time=f"2026-{1 + row // 20:02d}-{1 + row % 20:02d}",
        )
        for row, kind in enumerate(kinds)
    )
    odds = {"sums": (0.95, 0.1), "verse": (0.1, 0.95), "words": (0.3, 0.9)}
    scores = (rng.random((n, 2)) < np.array([odds[kind] for kind in kinds])).astype(float)
    costs = np.tile([0.001, 0.01], (n, 1)) * rng.uniform(0.9, 1.1, (n, 2))
    return RoutingData(prompts, ("small", "large"), scores, costs, name=name)
