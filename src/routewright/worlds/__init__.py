"""Synthetic worlds whose best possible router is known: the positive controls of an evaluation.

world = worlds.cluster_bernoulli(separation=0.5)
train, test = world.draw(2_000, seed=1), world.draw(20_000, seed=2)
world.frontier(), world.zero_frontier(), world.oracle()
evaluate({"mine": router, "bayes": worlds.BayesRouter(world)}, test)
"""

from __future__ import annotations

from routewright.worlds.bayes import BayesRouter
from routewright.worlds.changes import (
    Drift,
    with_drift,
    with_new_model,
    with_price_change,
    with_unseen_cluster,
)
from routewright.worlds.kinds import cluster_bernoulli, luck, nested_difficulty
from routewright.worlds.language import Language
from routewright.worlds.logistic import logistic
from routewright.worlds.preferences import PreferenceWorld, pairwise_preference, tie_heavy
from routewright.worlds.stress import kept_chance, with_judge_noise, with_leak, with_missing
from routewright.worlds.world import Drawn, World

__all__ = [
    "BayesRouter",
    "Drawn",
    "Drift",
    "Language",
    "PreferenceWorld",
    "World",
    "cluster_bernoulli",
    "kept_chance",
    "logistic",
    "luck",
    "nested_difficulty",
    "pairwise_preference",
    "tie_heavy",
    "with_drift",
    "with_judge_noise",
    "with_leak",
    "with_missing",
    "with_new_model",
    "with_price_change",
    "with_unseen_cluster",
]
