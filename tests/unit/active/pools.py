"""A small pool with something to learn: hard prompts are for the dear model alone."""

import numpy as np

from routewright.data import RoutingData
from routewright.types import Prompt

MODELS = ("cheap", "middle", "useless", "dear")
PRICES = (0.01, 0.1, 1.2, 1.0)
RIGHT = {"easy": (0.9, 0.92, 0.5, 0.95), "hard": (0.2, 0.5, 0.3, 0.9)}
WORDS = {
    "easy": ("colour", "animal", "capital", "river"),
    "hard": ("integral", "proof", "theorem", "lemma"),
}


def pool(n=400, seed=0):
    """Complete routing data: half the prompts are easy, and their words tell."""
    rng = np.random.default_rng(seed)
    kinds = ["easy" if flip else "hard" for flip in rng.random(n) < 0.5]
    prompts = [
        Prompt.from_text(f"p{at}", f"{' '.join(rng.choice(WORDS[kind], 6))} number {at}", task=kind)
        for at, kind in enumerate(kinds)
    ]
    chance = np.array([RIGHT[kind] for kind in kinds])
    scores = (rng.random(chance.shape) < chance).astype(float)
    costs = np.array(PRICES) * rng.uniform(0.5, 1.5, (n, 1))
    return RoutingData(tuple(prompts), MODELS, scores=scores, costs=costs, name="pool")
