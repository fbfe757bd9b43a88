"""Item response theory: skills of models, demands of prompts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from routewright.errors import ConfigError
from routewright.worlds.kinds import matrix, model_names, per_kind, rising_costs
from routewright.worlds.language import Language, noisy
from routewright.worlds.views import all_counts
from routewright.worlds.world import World

Floats = NDArray[np.float64]

SKILLS = ((-1.0, 1.0), (0.0, -0.5), (0.6, 0.8), (1.4, -0.6))


def logistic(
    skills: ArrayLike = SKILLS,
    costs: Sequence[float] | None = None,
    *,
    topics: int = 3,
    grain: int = 6,
    separation: float = 1.0,
    models: Sequence[str] | None = None,
    cost_spread: float = 0.0,
    length: int = 24,
    seed: int = 0,
    name: str = "logistic",
) -> World:
    """Quality that changes smoothly with what a prompt is about.

    A prompt is a blend e of topics, equally often every point of a grid on the simplex, and its
    words are drawn from that blend, so that the text tells e only roughly. With ê = e - 1/topics,
    model m with skills θ_m is right with probability σ(a·θ_m - b), a = (1, 0, ...) + A ê, b = β·ê:
    demands linear in the blend. The first skill is the general one. A and β come from the seed.

    Args:
        skills: θ, one row per model (m, d).
        costs: in US dollars (m,); without it each model costs four times the one before.
        topics: blocks of words.
        grain: steps of the grid from one topic to the next.
        separation: the share of words that come from the blend; the rest says nothing.
        models: names (m,).
        cost_spread: standard deviation of the costs' logarithm.
        length: words of every prompt.
        seed: of A, β and the made-up words.
        name: of the world.

    Raises:
        ConfigError: shapes that don't match, or a number out of range.
    """
    theta = matrix("skills", skills)
    if topics < 2 or grain < 1:
        raise ConfigError(f"logistic needs 2 topics and a grain of 1, not {topics} and {grain}")
    m, dimensions = theta.shape
    blends = all_counts(grain, topics) / grain
    rng = np.random.default_rng(seed)
    slopes = rng.normal(0, 2, (dimensions, topics))
    hardness = rng.normal(0, 3, topics)
    centred = blends - 1 / topics
    demands = np.eye(dimensions)[0] + centred @ slopes.T
    scores = 1 / (1 + np.exp(-(demands @ theta.T - (centred @ hardness)[:, None])))
    return World(
        name=name,
        models=model_names(models, m),
        shares=np.full(len(blends), 1 / len(blends)),
        scores=scores,
        costs=per_kind(rising_costs(m) if costs is None else costs, scores.shape),
        speech=noisy(blends, separation),
        language=Language(topics, length=length, seed=seed),
        cost_spread=cost_spread,
    )
