"""What test prompts and training prompts tell the checks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from routewright.data.duplicates import Matches, match
from routewright.data.routing_data import RoutingData
from routewright.encoders import TextSpace
from routewright.evaluation.checks.facts import Sighting
from routewright.evaluation.checks.labels import constant_models, equal_models

EXAMPLES = 3


def sighting(test: RoutingData, seen: NDArray[np.bool_]) -> Sighting:
    """The test prompts in a mask (n,), the first of them by name."""
    rows = np.flatnonzero(seen)
    return Sighting(len(rows), tuple(test.prompts[int(row)].id for row in rows[:EXAMPLES]))


def overlap(test: RoutingData, training: RoutingData) -> Matches:
    """Which test prompts stand in training, word for word or nearly.

    Raises:
        MissingExtraError: scipy is not installed.
    """
    return match([p.text for p in test.prompts], [p.text for p in training.prompts])


def contamination(
    test: RoutingData, matches: Matches | None, space: TextSpace | None
) -> dict[str, Any]:
    """Facts on test prompts that training or the encoder has met.

    Args:
        test: the prompts (n) that the router is measured on.
        matches: their counterparts in training (n,); None where the training prompts are unknown.
        space: what the router sees prompts with; None where it is unknown.
    """
    facts: dict[str, Any] = {}
    if matches is not None:
        facts["exact"] = sighting(test, matches.kind == "exact")
        facts["near"] = sighting(test, matches.kind == "near")
    met = None if space is None else space.met(test.prompts)
    if met is not None:
        # What the encoder learned from holds the training prompts: those are told already.
        fresh = met if matches is None else met & (matches.kind != "exact")
        facts["encoder_saw"] = sighting(test, fresh)
    return facts


def labels(data: RoutingData) -> dict[str, Any]:
    """Facts on the scores."""
    return {
        "constant_models": constant_models(data.models, data.scores),
        "equal_models": equal_models(data.models, data.scores),
    }
