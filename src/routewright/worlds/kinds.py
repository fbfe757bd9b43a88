"""Worlds of a few kinds of prompts: topics, degrees of difficulty, pure luck."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from routewright.errors import ConfigError
from routewright.worlds.language import Language, speech_along, speech_apart
from routewright.worlds.world import World

Floats = NDArray[np.float64]


def cluster_bernoulli(
    scores: ArrayLike = ((0.9, 0.95), (0.3, 0.9)),
    costs: ArrayLike = (1.0, 5.0),
    *,
    shares: Sequence[float] | None = None,
    separation: float = 1.0,
    models: Sequence[str] | None = None,
    tasks: Sequence[str] = (),
    cost_spread: float = 0.0,
    length: int = 12,
    seed: int = 0,
    name: str = "clusters",
) -> World:
    """Topics at which models differ: the workhorse.

    Args:
        scores: P(right) of each model in each cluster (K, m).
        costs: mean cost in US dollars of each model (m,), or in each cluster (K, m).
        shares: how frequent each cluster is (K,); equal without it.
        separation: how much the words tell of the cluster: 0 nothing, 1 everything.
        models: names (m,).
        tasks: names of the clusters (K,) for the prompts to bear; none without it.
        cost_spread: standard deviation of the costs' logarithm.
        length: words of every prompt.
        seed: of the made-up words.
        name: of the world.

    Raises:
        ConfigError: shapes that don't match, or a number out of range.
    """
    p = matrix("scores", scores)
    kinds = len(p)
    return World(
        name=name,
        models=model_names(models, p.shape[1]),
        shares=even_shares(shares, kinds),
        scores=p,
        costs=per_kind(costs, p.shape),
        speech=speech_apart(kinds, separation),
        language=Language(kinds, length=length, seed=seed),
        cost_spread=cost_spread,
        tasks=tuple(tasks),
    )


def nested_difficulty(
    reach: Sequence[float] = (0.5, 0.8, 0.95),
    costs: Sequence[float] = (1.0, 3.0, 10.0),
    *,
    separation: float = 1.0,
    models: Sequence[str] | None = None,
    cost_spread: float = 0.0,
    length: int = 12,
    seed: int = 0,
    name: str = "difficulty",
) -> World:
    """Harder and harder prompts: whatever a model can do, every stronger one can.

    A prompt's difficulty u is uniform on (0, 1), and model k is right iff u <= ``reach[k]``: there
    is no luck, and the best model is the oracle. Only between which two reaches u lies matters,
    so these m + 1 bands are the kinds; words of a band are most like those of its neighbours.

    Args:
        reach: P(right) of each model (m,), rising.
        costs: cost in US dollars of each model (m,).
        separation: how much the words tell of the band: 0 nothing, 1 everything.
        models: names (m,).
        cost_spread: standard deviation of the costs' logarithm.
        length: words of every prompt.
        seed: of the made-up words.
        name: of the world.

    Raises:
        ConfigError: reaches that don't rise within [0, 1], or another impossible number.
    """
    edges = np.array([0.0, *reach, 1.0])
    if not (np.diff(edges) >= 0).all():
        raise ConfigError(f"reach is {tuple(reach)}; give shares between 0 and 1 that rise")
    m = len(reach)
    return World(
        name=name,
        models=model_names(models, m),
        shares=np.diff(edges),
        scores=(np.arange(m + 1)[:, None] <= np.arange(m)).astype(np.float64),
        costs=per_kind(costs, (m + 1, m)),
        speech=speech_along(m + 1, separation),
        language=Language(m + 1, length=length, seed=seed),
        cost_spread=cost_spread,
    )


def luck(
    models: int = 3,
    *,
    options: int = 4,
    costs: Sequence[float] | None = None,
    cost_spread: float = 0.0,
    length: int = 12,
    seed: int = 0,
    name: str = "luck",
) -> World:
    """Every model guesses among ``options`` answers: nothing can be learned.

    Zero router and best router score ``1 / options`` at every cost. A router that comes out above
    it has seen the test's answers, or its evaluation is wrong.

    Args:
        models: m.
        options: g.
        costs: in US dollars (m,); without it each model costs four times the one before.
        cost_spread: standard deviation of the costs' logarithm.
        length: words of every prompt.
        seed: of the made-up words.
        name: of the world.

    Raises:
        ConfigError: an impossible number.
    """
    if models < 1 or options < 1:
        raise ConfigError(f"luck needs a model and an option, not {models} and {options}")
    return World(
        name=name,
        models=model_names(None, models),
        shares=np.ones(1),
        scores=np.full((1, models), 1 / options),
        costs=per_kind(rising_costs(models) if costs is None else costs, (1, models)),
        speech=np.ones((1, 1)),
        language=Language(1, length=length, words_each=200, seed=seed),
        cost_spread=cost_spread,
    )


def matrix(name: str, values: ArrayLike) -> Floats:
    """The values as (K, m).

    Raises:
        ConfigError: another number of dimensions, or nothing in it.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 2 or not array.size:
        raise ConfigError(f"{name} must have a row per kind and a column per model: {array.shape}")
    return array


def per_kind(costs: ArrayLike, shape: tuple[int, ...]) -> Floats:
    """Costs of each model (m,) or of each kind and model (K, m), as (K, m).

    Raises:
        ConfigError: they fit neither.
    """
    given = np.asarray(costs, dtype=np.float64)
    if given.shape not in (shape, shape[1:]):
        raise ConfigError(f"costs have shape {given.shape}, need {shape[1:]} or {shape}")
    return np.broadcast_to(given, shape).copy()


def even_shares(shares: Sequence[float] | None, kinds: int) -> Floats:
    """The shares, or equal ones."""
    return np.full(kinds, 1 / kinds) if shares is None else np.asarray(shares, dtype=np.float64)


def rising_costs(m: int) -> Floats:
    """$0.0001 for the first of m models, and for each further one four times as much (m,)."""
    return 1e-4 * 4.0 ** np.arange(m, dtype=np.float64)


def model_names(names: Sequence[str] | None, m: int) -> tuple[str, ...]:
    """The names, or A, B, C …"""
    if names is not None:
        return tuple(names)
    return tuple(chr(ord("A") + k) if m <= 26 else f"M{k}" for k in range(m))
