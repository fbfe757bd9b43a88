"""Which setting of the knob to start from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from routewright.data.routing_data import RoutingData
from routewright.errors import DataError
from routewright.policy import choose, worth_grid
from routewright.routers.base import BaseRouter, Predictions
from routewright.routers.folds import group_folds

KEEP = 0.99
"""Share of the best single model's mean score that the recommended setting keeps."""

SAVING = 0.1
SAME_PRICE = 1e-9  # parts by which equal mean costs differ, being sums of floats
"""Share of the best single model's cost below which a saving is not what a router is for."""


def recommend_worth(router: BaseRouter, data: RoutingData, *, keep: float = KEEP) -> float:
    """The knob, in dollars for one whole unit of score, that keeps quality at least cost.

    Judged on out-of-fold predictions of the training data: those the router kept from its own
    fit, else those of five copies of it, each fitted without a fifth of the groups.

    Raises:
        DataError: no prompt has every model's score and cost, or all prompts form one group.
    """
    _complete_rows(data)  # before five fits, which may take minutes each
    predicted = router.out_of_fold_
    if predicted is None:
        predicted = out_of_fold(router, data)
    return best_worth(predicted, data, keep=keep)


def out_of_fold(router: BaseRouter, data: RoutingData, *, folds: int = 5) -> Predictions:
    """Predictions for each prompt by a copy of the router that never saw its group.

    Raises:
        DataError: all prompts form one group.
    """
    parts = group_folds(data.groups, folds, router.seed)
    if len(parts) < 2:
        raise DataError(f"{data.name}: all prompts form one group; out-of-fold needs two or more")
    scores, costs, std = (np.zeros(data.scores.shape) for _ in range(3))
    for held in parts:
        train = data.subset(np.setdiff1d(np.arange(len(data)), held))
        told = type(router)(**router.params()).fit(train).predict(data.subset(held).prompts)
        scores[held], costs[held], std[held] = told.scores, told.costs, told.std
    return Predictions(data.models, scores, costs, std)


def best_worth(predicted: Predictions, data: RoutingData, *, keep: float = KEEP) -> float:
    """The cheapest setting that keeps ``keep`` of the best single model's mean score.

    Only prompts with every score and cost count. Where that would save less than ``SAVING``
    (the best single model is itself cheap, say), the router is for quality instead: the setting
    is then the cheapest that keeps ``keep`` of the best score it reaches.

    Raises:
        DataError: no prompt has every model's score and cost.
    """
    rows = _complete_rows(data)
    scores, costs = data.scores[rows], data.costs[rows]
    told, priced = predicted.scores[rows], predicted.costs[rows]
    line = np.arange(len(rows))
    # Beyond the first finite setting nothing changes, so infinity itself isn't needed.
    settings = [float(w) for w in worth_grid(told, priced) if np.isfinite(w)]
    chosen = [choose(told, priced, worth) for worth in settings]
    reached = np.array([float(scores[line, each].mean()) for each in chosen])
    paid = np.array([float(costs[line, each].mean()) for each in chosen])
    single = int(scores.mean(axis=0).argmax())

    def cheapest_above(floor: float) -> int | None:
        kept = np.flatnonzero(reached >= keep * floor - 1e-12)
        if not kept.size:
            return None
        # What saves only the last bits of a sum saves nothing, and may cost a tenth of the score.
        cheap = kept[paid[kept] <= paid[kept].min() * (1 + SAME_PRICE)]
        return int(cheap[np.argmax(reached[cheap])])

    at = cheapest_above(float(scores[:, single].mean()))
    if at is None or paid[at] > (1 - SAVING) * costs[:, single].mean():
        at = cheapest_above(float(reached.max()))
    return settings[at or 0]


def _complete_rows(data: RoutingData) -> NDArray[np.intp]:
    rows = np.flatnonzero(data.complete)
    if not rows.size:
        raise DataError(f"{data.name}: no prompt has every model's score and cost")
    return rows
