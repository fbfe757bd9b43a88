"""What an artefact tells of its training beside what was learned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from routewright.routers.calibration import Calibration

if TYPE_CHECKING:
    from routewright.data.routing_data import RoutingData
    from routewright.routers.base import Predictions

Meta = dict[str, Any]


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For readers: nothing here changes a prediction.

    Attributes:
        data_fingerprint: ``RoutingData.fingerprint`` of the training data.
        price_date: the newest day from which a price was valid that the training data was
            costed at, in ISO 8601; None where unknown.
        calibration: of out-of-fold predictions, where the router made them: ``brier`` and
            ``ece`` over all known cells, ``prompts``, and ``kinds``, each model's map by name.
        evaluation: what the router is worth on prompts that it didn't learn from.
        comparison: the routers it was chosen from, where it was chosen.
    """

    data_fingerprint: str = ""
    price_date: str | None = None
    calibration: Meta | None = None
    evaluation: Meta | None = None
    comparison: Meta | None = None


def record(data: RoutingData, out_of_fold: Predictions | None, maps: object) -> Record:
    """What is known as soon as a router is fitted.

    Args:
        data: the training data.
        out_of_fold: predictions for it by copies that didn't learn from it, where kept.
        maps: the router's calibration, where it has one.
    """
    from routewright.metrics.calibration import brier, ece

    told: Meta | None = None
    if out_of_fold is not None:
        kinds = maps.kinds if isinstance(maps, Calibration) else ()
        told = {
            "prompts": len(data),
            "brier": brier(out_of_fold.scores, data.scores),
            "ece": ece(out_of_fold.scores, data.scores),
            "kinds": dict(zip(data.models, kinds, strict=False)),
        }
    return Record(data_fingerprint=data.fingerprint, calibration=told)
