"""The default router with an analysis of the prompt beside what it sees of the text.

"Analyse the prompt, then decide": task, domain, language and needs are joined as columns to the
inputs of the linear members, for scores and for the length of answers. Who judges by distance
keeps to words and form, which already tell tasks apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from routewright.analysis import COLUMNS, analyse, columns
from routewright.data.routing_data import RoutingData
from routewright.encoders import DEFAULT, TextSpace, View
from routewright.errors import ConfigError
from routewright.routers.base import Floats
from routewright.routers.stack import StackRouter
from routewright.types import Analysis, Prompt

Analyst = Callable[[Prompt], Analysis | None]
"""Knows some prompts' analyses; None where it does not. It only looks up: routers do no I/O."""

_REACH = 5.0  # standard deviations, as for the other features


class AnalysedSpace(TextSpace):
    """A text space whose views hold the analysis in ``extra``, standardised by the training."""

    analyst: Analyst | None = None

    def fit(self, prompts: Sequence[Prompt]) -> Self:
        """Learn from the prompts' texts and analyses."""
        analyst = self.analyst
        super().fit(prompts)
        self.analyst = analyst  # a space remembered from another router may bring its own
        told = self._columns(prompts)
        spread = told.std(axis=0)
        self.analysis_mean_ = told.mean(axis=0)
        self.analysis_scale_ = np.where(spread > 1e-9, spread, 1.0)
        return self

    def view(self, prompts: Sequence[Prompt]) -> View:
        """See prompts as numbers; each row depends on its own prompt alone."""
        told = (self._columns(prompts) - self.analysis_mean_) / self.analysis_scale_
        return replace(super().view(prompts), extra=np.clip(told, -_REACH, _REACH))

    def analysis(self, prompt: Prompt) -> Analysis:
        """What the analyst says of a prompt, else what the built-in analysis does."""
        told = self.analyst(prompt) if self.analyst else None
        return analyse(prompt.text) if told is None else told

    def _columns(self, prompts: Sequence[Prompt]) -> Floats:
        return columns([self.analysis(prompt) for prompt in prompts])

    def state(self) -> dict[str, NDArray[Any]]:
        """The learned arrays by name."""
        mean, scale = self.analysis_mean_, self.analysis_scale_
        return super().state() | {"analysis_mean": mean, "analysis_scale": scale}

    @classmethod
    def restore(cls, arrays: dict[str, NDArray[Any]]) -> Self:
        """The space that gave these arrays.

        Raises:
            ValueError: features or analysis are not those of this version.
        """
        for name in ("analysis_mean", "analysis_scale"):
            if arrays[name].shape != (len(COLUMNS),):
                raise ValueError(f"expected {len(COLUMNS)} columns of analysis")
        space = super().restore(arrays)
        space.analysis_mean_ = arrays["analysis_mean"]
        space.analysis_scale_ = arrays["analysis_scale"]
        return space


class HybridRouter(StackRouter):
    """``stack`` with the prompt's analysis among its inputs, and an analysis to show for it.

    Args:
        analyser: ``built-in``, or ``llm`` for analyses by a small LLM, which ``use_analyses``
            brings, before ``fit`` and before predictions. A prompt that they do not cover is
            analysed by the built-in analyser.
        folds: out-of-fold folds.
        gate: as of ``stack``.
        encoder: turns text into vectors.
        seed: of folds, encoder and clusters.
    """

    name = "hybrid"
    complexity = 60

    space_: AnalysedSpace
    analyst: Analyst | None = None

    def __init__(
        self,
        *,
        analyser: str = "built-in",
        folds: int = 5,
        gate: bool | None = None,
        encoder: str = DEFAULT,
        seed: int = 0,
    ) -> None:
        super().__init__(folds=folds, gate=gate, encoder=encoder, seed=seed)
        self.analyser = analyser

    def use_analyses(self, analyst: Analyst | None) -> Self:
        """Take analyses from this look-up; None goes back to the built-in analyser.

        Fit and predictions should have the same source, or the columns mean something else.
        """
        self.analyst = analyst
        if hasattr(self, "space_"):
            self.space_.analyst = analyst
        return self

    def analyse(self, prompt: Prompt) -> Analysis:
        """A prompt's analysis, with the difficulty and the length of answer learned by ``fit``.

        Difficulty is 1 minus the mean over models of the expected scores, which are calibrated
        on prompts that their members had not seen.
        """
        view = self.space_.view([prompt])
        scores, _ = self._predict_scores(view)
        length = float(self.cost_model_.output_tokens(view)[0])
        return msgspec.structs.replace(
            self.space_.analysis(prompt),
            difficulty=float(1 - np.clip(scores, 0, 1).mean()),
            expected_tokens=None if np.isnan(length) else length,
        )

    def _fit(self, data: RoutingData, view: View) -> None:
        if self.analyser == "llm" and self.analyst is None:
            raise ConfigError(
                "the hybrid router with analyser = 'llm' needs analyses of the training prompts: "
                "call use_analyses first"
            )
        super()._fit(data, view)

    def _space(self) -> AnalysedSpace:
        if self.analyser not in ("built-in", "llm"):
            raise ConfigError(f"no analyser {self.analyser!r}; there are built-in, llm")
        space = AnalysedSpace(self.encoder, seed=self.seed)
        space.analyst = self.analyst
        return space
