"""The family ``bert``: an encoder fine-tuned end to end (RouteLLM, arXiv 2406.18665, section 4)."""

from __future__ import annotations

import time
from dataclasses import fields
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from routewright.data.routing_data import RoutingData
from routewright.data.splits import split
from routewright.encoders import View
from routewright.encoders.features import FEATURES
from routewright.errors import ConfigError, require
from routewright.routers.base import Arrays, BaseRouter, Floats, Meta, Predictions
from routewright.routers.bert.folder import model_folder
from routewright.routers.bert.scorer import Bytes, Scorer
from routewright.routers.bert.tokens import Tokens
from routewright.routers.calibration import Calibration, fit_calibration
from routewright.routers.cost import CostModel
from routewright.routers.doubt import Doubt, fit_doubt
from routewright.routers.packing import pack, unpack
from routewright.routers.table import score_means
from routewright.routers.worth import best_worth

Rows = NDArray[np.intp]

_FEWEST = 20  # prompts below which nothing can be held out: the training means stand alone
_HELD = 0.1  # share of the training prompts that judge epochs and calibrate; groups stay whole


class BertRouter(BaseRouter):
    """A pre-trained encoder, pooled, and a linear head with the score of every model.

    RouteLLM trains one classifier of win, tie and loss for a pair; here each model has its own
    score, so that any policy applies, and the loss weighs what a choice hangs on: the differences
    between models at one prompt. A tenth of the training prompts is held out: it chooses the
    epoch, calibrates the scores and says how sure they are. Training needs torch; the trained
    network is kept as ONNX and served by onnxruntime, prompt by prompt.

    Args:
        model: the encoder: "minilm" (22.7 million parameters), a folder, or
            ``owner/name@revision`` on the model hub.
        max_tokens: read of a prompt; the middle of a longer one is left out.
        epochs: passes over the training prompts at most; the best one is kept.
        batch: prompts in one step.
        lr: highest learning rate of the encoder.
        head_lr: highest learning rate of the head, which starts from nothing.
        weight_decay: of all matrices, as in AdamW.
        warmup: share of the steps in which the rates rise; then they fall to 0.
        freeze_layers: first layers that stay as they are, with the embeddings; 0 trains all.
        relative: weight of the error of differences between models.
        seed: of the held-out part, the order of prompts and dropout.
    """

    name = "bert"
    fine_tuned: ClassVar[bool] = True

    curve_: Floats
    """(epochs + 1, 3): steps taken, training loss over the epoch, held-out loss after it."""
    training_s_: float | None = None  # seconds; not saved: an artefact doesn't depend on the clock

    def __init__(
        self,
        *,
        model: str = "minilm",
        max_tokens: int = 128,
        epochs: int = 3,
        batch: int = 16,
        lr: float = 5e-5,
        head_lr: float = 1e-3,
        weight_decay: float = 0.01,
        warmup: float = 0.1,
        freeze_layers: int = 0,
        relative: float = 2.0,
        seed: int = 0,
    ) -> None:
        super().__init__(encoder="", seed=seed)
        self.model = model
        self.max_tokens = max_tokens
        self.epochs = epochs
        self.batch = batch
        self.lr = lr
        self.head_lr = head_lr
        self.weight_decay = weight_decay
        self.warmup = warmup
        self.freeze_layers = freeze_layers
        self.relative = relative

    def _fit(self, data: RoutingData, view: View) -> None:  # noqa: ARG002  # of all prompts
        self._check()
        for needed in ("torch", "transformers", "onnx"):
            require(needed, "finetune")
        folder = model_folder(self.model)
        self._tokenizer: Bytes = np.frombuffer((folder / "tokenizer.json").read_bytes(), np.uint8)
        rows, judges = self._parts(data)
        seen, held = data.subset(rows), data.subset(judges)
        started = time.perf_counter()
        self._graph, self.curve_ = self._train(folder, seen, held)
        self.training_s_ = time.perf_counter() - started
        self._serve()
        known = self.space_.view(held.prompts)
        raw = self._raw(known)
        self.calibration_ = fit_calibration(raw, held.scores)
        if not len(held):
            mu = self.train_means_["scores"]
            self.doubt_ = Doubt(mu[None], np.sqrt(mu * (1 - mu) / len(data))[None])
            return
        told = self.calibration_.apply(raw)
        self.doubt_ = fit_doubt(told, held.scores)
        if held.complete.any():
            costs = CostModel().fit(seen, self.space_.view(seen.prompts)).predict(known)
            judged = Predictions(data.models, told, costs, np.zeros_like(told))
            self.recommended_worth_usd_ = best_worth(judged, held)

    def _check(self) -> None:
        least: dict[str, float] = {"epochs": 1, "batch": 1, "freeze_layers": 0, "relative": 0}
        for name, low in least.items():
            if getattr(self, name) < low:
                raise ConfigError(f"{name} is {getattr(self, name)}; give {low} or more")
        for name in ("lr", "head_lr"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name} is {getattr(self, name)}; give a rate above 0")
        if not 0 <= self.warmup < 1:
            raise ConfigError(f"warmup is {self.warmup}; give a share of the steps, below 1")

    def _parts(self, data: RoutingData) -> tuple[Rows, Rows]:
        """Rows to learn from and rows held out; none are where there are too few to tell."""
        everything, none = np.arange(len(data)), np.arange(0)
        if len(data) < _FEWEST or len(np.unique(data.groups)) < 2:
            return everything, none
        seen, held = split(data, holdout=_HELD, seed=self.seed)
        judged = np.isfinite(data.scores[held]).any() and np.isfinite(data.scores[seen]).any()
        return (seen, held) if judged else (everything, none)

    def _train(self, folder: Path, seen: RoutingData, held: RoutingData) -> tuple[Bytes, Floats]:
        """The trained network as ONNX, and the curve."""
        from routewright.routers.bert import training
        from routewright.routers.bert.export import export

        if self.max_tokens > training.longest(folder):
            raise ConfigError(
                f"max_tokens is {self.max_tokens}; model {self.model!r} reads "
                f"{training.longest(folder)} at most"
            )
        tokens = self._tokens()

        def examples(data: RoutingData) -> training.Examples:
            form = self.space_.view(data.prompts).features.astype(np.float32)
            ids = tokens.ids([prompt.text for prompt in data.prompts])
            return training.Examples(ids, form, data.scores.astype(np.float32))

        recipe = training.Recipe(
            **{field.name: getattr(self, field.name) for field in fields(training.Recipe)}
        )
        with training.repeatable(self.seed):
            network = training.Network(folder, len(FEATURES), score_means(seen))
            curve = np.zeros((0, 3))
            if len(held):
                # What can't be served is better known before the hours than after.
                export(network, self.max_tokens)
                curve = training.train(network, examples(seen), examples(held), recipe)
            return export(network, self.max_tokens), curve

    def _tokens(self) -> Tokens:
        return Tokens(self._tokenizer.tobytes().decode(), self.max_tokens)

    def _serve(self) -> None:
        self._scorer = Scorer(self._graph, self._tokens())

    def _raw(self, view: View) -> Floats:
        return self._scorer.raw([prompt.text for prompt in view.prompts], view.features)

    def _predict_scores(self, view: View) -> tuple[Floats, Floats]:
        told = self.calibration_.apply(self._raw(view))
        return told, self.doubt_.of(told)

    def _state(self) -> tuple[Arrays, Meta]:
        arrays: Arrays = {"graph": self._graph, "tokenizer": self._tokenizer, "curve": self.curve_}
        arrays |= pack("calibration", self.calibration_) | pack("doubt", self.doubt_)
        named = zip(("steps", "training_loss", "held_out_loss"), self.curve_.T, strict=True)
        curve = {name: [float(value) for value in column] for name, column in named}
        best = int(self.curve_[:, 2].argmin()) if len(self.curve_) else 0
        return arrays, {"curve": curve, "kept_epoch": best}

    def _restore(self, arrays: Arrays) -> None:
        self._graph, self._tokenizer = arrays["graph"], arrays["tokenizer"]
        self.curve_ = arrays["curve"]
        self.calibration_ = unpack("calibration", Calibration, arrays)
        self.doubt_ = unpack("doubt", Doubt, arrays)
        self._serve()
