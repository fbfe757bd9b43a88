"""What every router is: an estimator that predicts scores and costs, saved as data."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from routewright.data.routing_data import RoutingData
from routewright.encoders import DEFAULT, TextSpace, View
from routewright.errors import DataError
from routewright.routers.record import Record, record
from routewright.types import Prompt

Floats = NDArray[np.float64]
Arrays = dict[str, NDArray[Any]]
Meta = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a router says of n prompts and m models.

    Attributes:
        models: the columns.
        scores: expected scores (n, m), in [0, 1].
        costs: expected costs (n, m), in US dollars.
        std: standard errors of the expected scores (n, m).
        decision_costs: what it took to predict each prompt (n,), in US dollars; None is as good as
            nothing.
    """

    models: tuple[str, ...]
    scores: Floats
    costs: Floats
    std: Floats
    decision_costs: Floats | None = None


class BaseRouter(ABC):
    """Constructor stores, ``fit`` learns and returns self, learned names end in ``_``.

    A family implements ``_fit``, ``_predict_scores``, ``_state`` and ``_restore``. What it sees
    of a prompt (a ``View``: vector, features, size) and the costs come from the text space and
    the cost model that every router shares.
    """

    name: ClassVar[str]
    knows_only_training_prompts: ClassVar[bool] = False  # the oracle: a bound, not a router
    complexity: ClassVar[int | None] = 100  # what `train --router auto` prefers; None: not for it
    scores_are_expected: ClassVar[bool] = True  # False: they say which model, not how well
    fine_tuned: ClassVar[bool] = False  # a fit takes minutes and weights: asked for by name alone

    models_: tuple[str, ...]
    train_means_: dict[str, Floats]  # "scores" and "costs", (m,) each
    scored_: NDArray[np.bool_]  # models with a score in training (m,)
    recommended_worth_usd_: float | None = None
    out_of_fold_: Predictions | None = None  # kept by families that make them to fit; not saved
    record_: Record = Record()
    extra_: Meta

    def __init__(self, *, encoder: str = DEFAULT, seed: int = 0) -> None:
        self.encoder = encoder
        self.seed = seed

    def fit(self, data: RoutingData) -> Self:
        """Learn from routing data (n prompts, m >= 2 models; NaN cells tolerated).

        Raises:
            DataError: fewer than two models, no prompts, or no score at all.
            MissingExtraError: scikit-learn is not installed.
        """
        from routewright.routers.cost import CostModel
        from routewright.routers.table import column_means, score_means

        check_fit_data(data)
        self.models_ = data.models
        self.train_means_ = {
            "scores": score_means(data),
            "costs": column_means(data.costs, pessimist=1),
        }
        self.scored_ = np.asarray(np.isfinite(data.scores).any(axis=0))
        self.space_ = self._space().fit(data.prompts)
        view = self.space_.view(data.prompts)
        self.cost_model_ = CostModel().fit(data, view)
        self.recommended_worth_usd_ = None
        self.out_of_fold_ = None
        self._fit(data, view)
        maps = getattr(self, "calibration_", None)
        self.record_ = record(data, self.out_of_fold_, maps)
        return self

    def predict(self, prompts: Sequence[Prompt]) -> Predictions:
        """Predict for n prompts; columns in the order of ``models_``.

        Raises:
            RuntimeError: the router has not been fitted or loaded.
        """
        if not hasattr(self, "models_"):
            raise RuntimeError(f"{type(self).__name__} is not fitted: call fit(data) first")
        view = self.space_.view(prompts)
        scores, std, *spent = self._predict_scores(view)
        # Copies in double precision: whoever writes in them changes no router.
        return Predictions(
            models=self.models_,
            scores=self._sound(np.asarray(scores, dtype=np.float64)),
            costs=np.array(self._predict_costs(view), dtype=np.float64),
            std=np.array(std, dtype=np.float64),
            decision_costs=spent[0] if spent else None,
        )

    def expected(self, prompt: Prompt) -> tuple[Floats, Floats]:
        """Scores (m,) and costs (m,) of one prompt, as ``predict`` gives them.

        A choice needs no more; a family whose standard errors take long leaves them out here.
        """
        told = self.predict([prompt])
        return told.scores[0], told.costs[0]

    def expected_of(self, prompts: Sequence[Prompt]) -> list[tuple[Floats, Floats]]:
        """``expected`` of each prompt; a family that looks at several at once does so here."""
        return [self.expected(prompt) for prompt in prompts]

    def params(self) -> dict[str, Any]:
        """What the constructor was given, by name."""
        names = inspect.signature(type(self)).parameters
        return {name: getattr(self, name) for name in names}

    def save(self, path: str | Path, *, extra: Meta | None = None) -> None:
        """Write the artefact folder: ``arrays.safetensors`` and ``manifest.json``.

        Args:
            path: the folder; an artefact that stands there is replaced.
            extra: JSON values to keep beside the router, given back as ``extra_``.
        """
        from routewright.routers.artefact import save_router

        save_router(self, Path(path), extra or {})

    @staticmethod
    def load(path: str | Path) -> BaseRouter:
        """Read an artefact folder back; predictions are bit for bit those of the saved router.

        Raises:
            ArtefactError: damaged, foreign, or of another version.
        """
        from routewright.routers.artefact import load_router

        return load_router(Path(path))

    def _space(self) -> TextSpace:
        """The text space to fit; a family that needs no vectors takes the encoder ""."""
        return TextSpace(self.encoder, seed=self.seed)

    def _sound(self, scores: Floats) -> Floats:
        """Scores (n, m) within [0, 1], in an array of their own."""
        told = np.minimum(np.maximum(scores, 0.0), 1.0)
        if self.scores_are_expected and not all(self.scored_.tolist()):
            # Nothing is known of a model never scored: it is taken for the worst, prompt by prompt.
            worst = told[:, self.scored_].min(axis=1, keepdims=True)
            told = np.where(self.scored_, told, np.minimum(told, worst))
        return told

    def _predict_costs(self, view: View) -> Floats:
        return self.cost_model_.predict(view)

    @abstractmethod
    def _fit(self, data: RoutingData, view: View) -> None:
        """Learn; ``view`` is what the text space sees of the data's prompts."""

    @abstractmethod
    def _predict_scores(self, view: View) -> tuple[Floats, Floats] | tuple[Floats, Floats, Floats]:
        """Expected scores (n, m), their standard errors (n, m), and where it matters what each
        prediction cost in US dollars (n,).
        """

    @abstractmethod
    def _state(self) -> tuple[Arrays, Meta]:
        """What was learned: finite arrays by name, and JSON values."""

    @abstractmethod
    def _restore(self, arrays: Arrays) -> None:
        """Take back the arrays that ``_state`` gave; its JSON values are for readers only."""


def check_fit_data(data: RoutingData) -> None:
    """Refuse data that no router can learn from.

    Raises:
        DataError: naming what is missing.
    """
    if len(data.models) < 2:
        raise DataError(
            f"{data.name}: a router needs at least two models, got {data.models}; collect another"
        )
    if not len(data):
        raise DataError(f"{data.name}: no prompts to learn from; collect some")
    known = data.scores[np.isfinite(data.scores)]
    if not known.size:
        raise DataError(f"{data.name}: no score in the table; run routewright judge first")
    if known.min() < 0 or known.max() > 1:
        raise DataError(f"{data.name}: scores must lie between 0 and 1; divide marks by the best")
    if (data.costs < 0).any():
        raise DataError(f"{data.name}: a cost is negative; costs are US dollars of 0 or more")
