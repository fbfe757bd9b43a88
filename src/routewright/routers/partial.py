"""The router for tables that were bought in part, cell by cell, for a reason."""

from __future__ import annotations

from dataclasses import replace

from routewright.data.routing_data import RoutingData
from routewright.encoders import DEFAULT, View
from routewright.routers.base import Arrays, BaseRouter, Floats, Meta
from routewright.routers.joint import Joint, fit_joint
from routewright.routers.packing import pack, unpack


class PartialRouter(BaseRouter):
    """Ridge regression of all models together, unbiased where bought cells are not a random draw.

    On a complete table it is the ridge router.

    Args:
        encoder: turns text into vectors.
        seed: of the encoder.
    """

    name = "partial"
    complexity = 21

    def __init__(self, *, encoder: str = DEFAULT, seed: int = 0) -> None:
        super().__init__(encoder=encoder, seed=seed)

    def _fit(self, data: RoutingData, view: View) -> None:
        self.joint_ = fit_joint(view.design, data.scores, self.train_means_["scores"])

    def _predict_scores(self, view: View) -> tuple[Floats, Floats]:
        return self.joint_.predict(view.design), self.joint_.doubt(view.design)

    def fill(self, data: RoutingData) -> tuple[RoutingData, Floats]:
        """The data with every missing score replaced by its expectation given what is there.

        Any router can be trained on it; nothing may be tested on it.

        Returns:
            The data, and the standard deviation of each expectation (n, m), 0 where known.
        """
        scores, spread = self.joint_.fill(self.space_.view(data.prompts).design, data.scores)
        return replace(data, scores=scores), spread

    def _state(self) -> tuple[Arrays, Meta]:
        return pack("joint", self.joint_), {"answers": self.joint_.answers.tolist()}

    def _restore(self, arrays: Arrays) -> None:
        self.joint_ = unpack("joint", Joint, arrays)
