"""The family ``bert``: an encoder fine-tuned end to end (RouteLLM, arXiv 2406.18665, section 4)."""

from __future__ import annotations

import time
from dataclasses import fields
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from routewright.data.routing_data import RoutingData
from routewright.encoders import DEFAULT, View
from routewright.errors import ConfigError, require
from routewright.routers.base import Arrays, BaseRouter, Floats, Meta, Predictions
from routewright.routers.bert.folder import model_folder
from routewright.routers.bert.scorer import Bytes, Scorer
from routewright.routers.bert.tokens import Tokens
from routewright.routers.calibration import Calibration, fit_calibration
from routewright.routers.cost import CostModel
from routewright.routers.doubt import Doubt, fit_doubt
from routewright.routers.folds import group_folds
from routewright.routers.packing import pack, unpack
from routewright.routers.worth import best_worth

Rows = NDArray[np.intp]

_FEWEST = 20  # prompts below which nothing can be judged: the training means stand alone


class BertRouter(BaseRouter):
    """A pre-trained encoder, pooled, and a linear head with the score of every model.

    RouteLLM trains one classifier of win, tie and loss for a pair; here each model has its own
    score, so that any policy applies, and the loss weighs what a choice hangs on: the differences
    between models at one prompt. The head sees the encoder's vectors beside those of the text
    space; it starts as a linear fit to all of them, and the last layers are tuned from there.
    Out-of-fold predictions of the training prompts choose between the training means, the linear
    fit and the epochs, calibrate the scores and say how sure they are; the network that is kept
    learns from all prompts, up to the stage chosen. (The text space itself has read all training
    prompts, without labels.) Training needs torch; the trained network is kept as ONNX and served
    by onnxruntime, prompt by prompt.

    Args:
        model: the encoder: "minilm" (22.7 million parameters), a folder, or
            ``owner/name@revision`` on the model hub.
        max_tokens: read of a prompt; the middle of a longer one is left out.
        epochs: passes over the training prompts at most.
        batch: prompts in one step.
        lr: highest learning rate of the encoder.
        head_lr: highest learning rate of the head, which starts as well fitted as it can be.
        weight_decay: of the encoder's matrices, as in AdamW.
        warmup: share of the steps in which the rates rise; then they fall to 0.
        freeze_layers: first layers that stay as they are, with the embeddings; 0 trains all.
        relative: weight of the error of differences between models.
        folds: parts that are predicted out of fold, each by a training of its own: the fit takes
            about as long as ``folds`` trainings on all prompts.
        encoder: turns text into the vectors that the head sees beside the tuned one; "" leaves
            them out.
        seed: of folds, the order of prompts and dropout.
    """

    name = "bert"
    fine_tuned: ClassVar[bool] = True

    curve_: Floats
    """(2 + epochs, 3): steps taken, training loss, out-of-fold loss; the first two rows are the
    training means and the linear fit. No rows where the prompts are too few to tell."""
    training_s_: float | None = None  # seconds; not saved: an artefact doesn't depend on the clock

    def __init__(
        self,
        *,
        model: str = "minilm",
        max_tokens: int = 128,
        epochs: int = 3,
        batch: int = 16,
        lr: float = 2e-5,
        head_lr: float = 2e-6,
        weight_decay: float = 0.01,
        warmup: float = 0.1,
        freeze_layers: int = 4,
        relative: float = 2.0,
        folds: int = 3,
        encoder: str = DEFAULT,
        seed: int = 0,
    ) -> None:
        super().__init__(encoder=encoder, seed=seed)
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
        self.folds = folds

    def _fit(self, data: RoutingData, view: View) -> None:
        self._check()
        for needed in ("torch", "transformers", "onnx"):
            require(needed, "finetune")
        folder = model_folder(self.model)
        self._tokenizer: Bytes = np.frombuffer((folder / "tokenizer.json").read_bytes(), np.uint8)
        folds = self._folds(data)
        started = time.perf_counter()
        raw = self._train(folder, data, view, folds)
        self.training_s_ = time.perf_counter() - started
        self._serve()
        if not folds:
            mu = self.train_means_["scores"]
            self.calibration_ = fit_calibration(data.scores[:0], data.scores[:0])
            self.doubt_ = Doubt(mu[None], np.sqrt(mu * (1 - mu) / len(data))[None])
            return
        self.calibration_ = fit_calibration(raw, data.scores)
        told = self.calibration_.apply(raw)
        self.doubt_ = fit_doubt(told, data.scores)
        costs = np.zeros(data.costs.shape)
        for held in folds:
            seen, judged = data.subset(np.setdiff1d(np.arange(len(data)), held)), data.subset(held)
            cost = CostModel().fit(seen, self.space_.view(seen.prompts))
            costs[held] = cost.predict(self.space_.view(judged.prompts))
        self.out_of_fold_ = Predictions(data.models, told, costs, np.zeros_like(told))
        if data.complete.any():
            self.recommended_worth_usd_ = best_worth(self.out_of_fold_, data)

    def _check(self) -> None:
        least = (("epochs", 1), ("batch", 1), ("freeze_layers", 0), ("relative", 0), ("folds", 2))
        for name, low in least:
            if getattr(self, name) < low:
                raise ConfigError(f"{name} is {getattr(self, name)}; give {low} or more")
        for name in ("lr", "head_lr"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name} is {getattr(self, name)}; give a rate above 0")
        if not 0 <= self.warmup < 1:
            raise ConfigError(f"warmup is {self.warmup}; give a share of the steps, below 1")

    def _folds(self, data: RoutingData) -> list[Rows]:
        """Rows of each fold; none where the prompts are too few to tell."""
        folds = group_folds(data.groups, self.folds, self.seed)
        known = np.isfinite(data.scores).any(axis=1)
        learned = all(np.delete(known, held).any() for held in folds)
        return folds if len(data) >= _FEWEST and len(folds) > 1 and learned else []

    def _train(self, folder: Path, data: RoutingData, view: View, folds: list[Rows]) -> Floats:
        """Learn the graph and the curve; gives raw out-of-fold scores (n, m)."""
        from routewright.routers.bert import network, training
        from routewright.routers.bert.export import export

        if self.max_tokens > network.longest(folder):
            raise ConfigError(
                f"max_tokens is {self.max_tokens}; model {self.model!r} reads "
                f"{network.longest(folder)} at most"
            )

        def make(means: Floats) -> network.Network:
            return network.Network(folder, view.design.shape[1], means)

        ids = self._tokens().ids([prompt.text for prompt in data.prompts])
        examples = network.Examples(
            ids, view.design.astype(np.float32), data.scores.astype(np.float32)
        )
        recipe = training.Recipe(
            **{field.name: getattr(self, field.name) for field in fields(training.Recipe)}
        )
        self.curve_, raw, kept = np.zeros((0, 3)), data.scores, training.CONSTANT
        with training.repeatable(self.seed):
            if folds:
                # What can't be served is better known before the hours than after.
                export(make(self.train_means_["scores"]), self.max_tokens)
                told, self.curve_ = training.cross_fit(make, examples, folds, recipe)
                kept = int(self.curve_[:, 2].argmin())
                raw = told[kept]
            trained = training.train(make, examples, kept, recipe)
            self._graph = export(trained, self.max_tokens)
        return raw

    def _tokens(self) -> Tokens:
        return Tokens(self._tokenizer.tobytes().decode(), self.max_tokens)

    def _serve(self) -> None:
        self._scorer = Scorer(self._graph, self._tokens())

    def _predict_scores(self, view: View) -> tuple[Floats, Floats]:
        raw = self._scorer.raw([prompt.text for prompt in view.prompts], view.design)
        told = self.calibration_.apply(raw)
        return told, self.doubt_.of(told)

    def _state(self) -> tuple[Arrays, Meta]:
        arrays: Arrays = {"graph": self._graph, "tokenizer": self._tokenizer, "curve": self.curve_}
        arrays |= pack("calibration", self.calibration_) | pack("doubt", self.doubt_)
        named = zip(("steps", "training_loss", "out_of_fold_loss"), self.curve_.T, strict=True)
        curve = {name: [float(value) for value in column] for name, column in named}
        stages = ("training means", "linear fit", *(f"epoch {e + 1}" for e in range(self.epochs)))
        kept = int(self.curve_[:, 2].argmin()) if len(self.curve_) else 0
        return arrays, {"curve": curve, "kept": stages[kept]}

    def _restore(self, arrays: Arrays) -> None:
        self._graph, self._tokenizer = arrays["graph"], arrays["tokenizer"]
        self.curve_ = arrays["curve"]
        self.calibration_ = unpack("calibration", Calibration, arrays)
        self.doubt_ = unpack("doubt", Doubt, arrays)
        self._serve()
