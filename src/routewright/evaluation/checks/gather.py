"""All that can be known about an evaluation and what it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from routewright.data.routing_data import RoutingData
from routewright.evaluation.checks import from_data, from_folder, paired
from routewright.evaluation.checks.facts import Facts
from routewright.evaluation.checks.from_evaluation import facts_of
from routewright.evaluation.results import Evaluation
from routewright.routers.base import BaseRouter, Predictions
from routewright.types import json_object


def gather(
    evaluation: Evaluation,
    router: BaseRouter,
    told: Mapping[str, Predictions],
    table: RoutingData,
    *,
    trained: NDArray[np.bool_],
    train_means: tuple[ArrayLike, ArrayLike],
    folder: Path,
    today: date,
) -> Facts:
    """The facts about a router, from its evaluation, its data and the files beside them.

    Args:
        evaluation: of the router, and perhaps others, on the prompts that are not ``trained``.
        router: the router, for what its artefact remembers.
        told: what each router of the evaluation predicts of those prompts.
        table: all prompts (n).
        trained: which of them the router was trained on (n,); where none is, overlap with
            training is unknown.
        train_means: as ``evaluate`` got them.
        folder: the data's folder, where answers, prices and the judge's agreement may lie.
        today: the day of the evaluation.

    Raises:
        DataError: a file beside the data cannot be read.
        MissingExtraError: the extra ``train`` is not installed.
    """
    models = evaluation.models
    test = table.subset(~trained)
    complete = test.select_models(models).complete
    measured = test.subset(complete)
    known = paired.paired(evaluation, told, test, train_means)
    known |= from_data.labels(table.select_models(models))
    matches = None
    if trained.any():
        matches = from_data.overlap(measured, table.subset(trained))
        met = np.zeros(len(test), dtype=np.bool_)
        met[complete] = matches.kind != ""
        known["minus_zero_apart"] = (
            paired.gain_apart(told[evaluation.router], test, met, train_means)
            if met.any()
            else evaluation.row(evaluation.router).minus_zero.value
        )
    known |= from_data.contamination(measured, matches, router.space_)
    recorded = json_object(getattr(router, "extra_", {}).get("priced_from")) or {}
    priced = from_folder.priced_from(recorded, folder, models)
    catalogued = from_folder.catalogue_of(models)
    if priced or catalogued:
        known |= {"priced_from": priced, "catalogue_from": catalogued}
    return facts_of(
        evaluation,
        **known,
        unusable=from_folder.unusable(folder, models, [prompt.id for prompt in test]),
        kappa=from_folder.kappa(folder),
        evaluated_on=today,
    )
