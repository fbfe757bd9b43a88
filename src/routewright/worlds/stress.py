"""What goes wrong with data: wrong grades, missing cells, prompts that stand in both halves."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from routewright.data.routing_data import MATRICES, RoutingData
from routewright.errors import ConfigError
from routewright.worlds.language import check_share

Floats = NDArray[np.float64]
Mechanism = Literal["random", "logged"]

_TILT = 2.0  # log odds by which hardness and a model's price pull together in logged data


def with_judge_noise(data: RoutingData, flip_rates: ArrayLike, *, seed: int) -> RoutingData:
    """The data as a judge grades it that errs at rates of its own for every model.

    A flipped score s becomes 1 - s. Equal symmetric rates ρ shrink every difference of models to
    (1 - 2ρ) of itself and leave their order; rates that differ between models bias a router.

    Args:
        data: n prompts, m models.
        flip_rates: of every model (m,); or (m, 2): the rate at which scores of .5 and more are
            flipped (1 - sensitivity), and at which those below are (1 - specificity).
        seed: of the draw.

    Raises:
        ConfigError: another shape, or a rate out of [0, 1].
    """
    rates, m = np.asarray(flip_rates, dtype=np.float64), len(data.models)
    if rates.shape == (m,):
        rates = np.column_stack([rates, rates])
    if rates.shape != (m, 2) or not ((rates >= 0) & (rates <= 1)).all():
        raise ConfigError(f"flip_rates must be {m} shares, or {m} pairs of them")
    rate = np.where(data.scores >= 0.5, rates[:, 0], rates[:, 1])
    flipped = np.random.default_rng(seed).random(rate.shape) < rate
    return replace(data, scores=np.where(flipped, 1 - data.scores, data.scores))


def with_missing(
    data: RoutingData, share: float, *, mechanism: Mechanism = "random", seed: int
) -> RoutingData:
    """The data with cells lost, about ``share`` of them.

    Args:
        data: n prompts, m models.
        share: of the cells to lose.
        mechanism: ``random`` loses every cell alike. ``logged`` keeps what was bought by somebody
            who sends prompts that look hard to dear models and easy ones to cheap ones: naive
            means are biased, those weighted by 1 / ``kept_chance`` are not.
        seed: of the draw.

    Raises:
        ConfigError: ``share`` out of [0, 1], or an unknown mechanism.
    """
    kept = np.random.default_rng(seed).random(data.scores.shape) < kept_chance(
        data, share, mechanism=mechanism
    )
    return replace(data, **{name: np.where(kept, getattr(data, name), np.nan) for name in MATRICES})


def kept_chance(data: RoutingData, share: float, *, mechanism: Mechanism = "random") -> Floats:
    """How likely ``with_missing`` keeps each cell (n, m); the mean is 1 - ``share``.

    Raises:
        ConfigError: ``share`` out of [0, 1], or an unknown mechanism.
    """
    check_share("share", share)
    if mechanism not in ("random", "logged"):
        raise ConfigError(f"no mechanism {mechanism!r}; there are random, logged")
    if mechanism == "random" or share in (0.0, 1.0):
        return np.full(data.scores.shape, 1.0 - share)
    tilt = _TILT * _ranks(-_row_means(data.scores))[:, None] * _ranks(_row_means(data.costs.T))
    low, high = -40.0, 40.0
    for _ in range(60):  # bisection for the log odds at which the mean is as asked
        middle = (low + high) / 2
        if (1 / (1 + np.exp(-(middle + tilt)))).mean() < 1 - share:
            low = middle
        else:
            high = middle
    return 1 / (1 + np.exp(-(high + tilt)))


def with_leak(train: RoutingData, test: RoutingData, share: float, *, seed: int) -> RoutingData:
    """Training data into which a share of the test prompts has found its way.

    Copies bear new ids and no group, as leaks do: the text alone gives them away.

    Raises:
        ConfigError: ``share`` out of [0, 1], or the two differ in their models.
    """
    check_share("share", share)
    if train.models != test.models:
        raise ConfigError(f"{train.name} and {test.name} must hold the same models in one order")
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(test))[: round(share * len(test))]
    leaked = test.subset(np.sort(rows))
    copies = tuple(
        msgspec.structs.replace(prompt, id=f"leak-{seed}-{prompt.id}", group="")
        for prompt in leaked.prompts
    )
    both = {name: np.vstack([getattr(train, name), getattr(leaked, name)]) for name in MATRICES}
    return replace(train, prompts=(*train.prompts, *copies), **both)


def _row_means(values: Floats) -> Floats:
    known = np.isfinite(values)
    return np.where(known, values, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)


def _ranks(values: Floats) -> Floats:
    """Ranks spread evenly from -1 to 1, equal values alike."""
    _, place = np.unique(values, return_inverse=True)
    return 2 * place.reshape(-1) / max(int(place.max()), 1) - 1.0
