"""How the causal LLM is trained and how an endpoint is called: values with their defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import msgspec

from routewright.errors import ConfigError

T = TypeVar("T")


@dataclass(frozen=True)
class Training:
    """LoRA (Hu et al., arXiv 2106.09685) on the label tokens alone.

    Attributes:
        head: what is fitted first: ``question``, a reading of the states over the whole question
            (``reading.fit_reading``), which no inference server tells; ``rows``, the output's label
            rows (``head.fit_head``); or ``none``.
        depths: where ``question`` reads states beside the last ones: after which share of the
            blocks.
        epochs: most passes over the training prompts; 0 leaves the layers as they are. Without a
            head as well nothing is trained: zero-shot.
        r: rank of the adapter.
        alpha: its scale is alpha / r.
        dropout: in front of the adapter.
        targets: the layers that get one, by the end of their name.
        top_layers: only the uppermost so many blocks, so that the backward pass ends there;
            0 is all.
        lr: highest learning rate, reached after the warm-up; it falls linearly from there.
        warmup: share of the steps.
        batch: prompts in one pass.
        accumulate: passes to one step: a step sees batch x accumulate prompts.
        weight_decay: of AdamW.
        clip: largest norm of the gradient.
        loss: ``cross-entropy``, or ``ordinal``, which knows that 4 is nearer to 5 than 1 is.
        holdout: share of the prompts, by groups, kept for early stopping and calibration.
        checks: how often an epoch is held against the held-out prompts.
        patience: checks without a new best before training ends.
        checkpointing: recompute activations instead of keeping them: less memory, a third slower.
    """

    head: Literal["question", "rows", "none"] = "question"
    depths: tuple[float, ...] = (0.4, 0.67)
    epochs: int = 3
    r: int = 16
    alpha: int = 32
    dropout: float = 0.05
    targets: tuple[str, ...] = ("q_proj", "v_proj")
    top_layers: int = 0
    lr: float = 2e-4
    warmup: float = 0.1
    batch: int = 8
    accumulate: int = 1
    weight_decay: float = 0.01
    clip: float = 1.0
    loss: str = "cross-entropy"
    holdout: float = 0.15
    checks: int = 2
    patience: int = 3
    checkpointing: bool = False

    @property
    def none(self) -> bool:
        """Whether nothing is to be trained."""
        return self.head == "none" and not self.epochs

    @property
    def reads(self) -> bool:
        """Whether the states over the question are read."""
        return self.head == "question"

    def __post_init__(self) -> None:
        if not all(0 < share <= 1 for share in self.depths):
            raise ValueError("depths must be above 0 and at most 1")
        positive = ("r", "alpha", "lr", "batch", "accumulate", "clip", "checks", "patience")
        for name in positive:
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive")
        if self.epochs < 0 or self.top_layers < 0 or not self.targets:
            raise ValueError("epochs and top_layers must be 0 or more, targets not empty")
        if not 0 <= self.holdout <= 0.5:
            raise ValueError("holdout must be between 0 and 0.5")
        if self.loss not in ("cross-entropy", "ordinal"):
            raise ValueError("loss must be cross-entropy or ordinal")


@dataclass(frozen=True)
class Calling:
    """How an endpoint is called.

    Attributes:
        model: the name it serves the causal LLM under.
        timeout_s: of one attempt.
        retries: further attempts after a timeout, a lost connection, 429 or 5xx.
        parallel: questions asked at a time.
        top: how many likely tokens to ask for; the labels are looked for among them.
        answer_tokens: most tokens of an answer in words (``text``).
    """

    model: str = "causal-llm"
    timeout_s: float = 30.0
    retries: int = 3
    parallel: int = 1
    top: int = 20
    answer_tokens: int = 8

    def __post_init__(self) -> None:
        if not self.timeout_s > 0 or self.retries < 0:
            raise ValueError("timeout_s must be positive, retries 0 or more")
        if self.parallel < 1 or self.top < 1 or self.answer_tokens < 1:
            raise ValueError("parallel, top and answer_tokens must be 1 or more")


def settings(kind: type[T], name: str, given: Mapping[str, Any] | None) -> T:
    """The defaults of a kind with what was given in their place.

    Raises:
        ConfigError: a name or a value that the kind does not take.
    """
    try:
        known = set(kind.__annotations__)
        if odd := sorted(set(given or {}) - known):
            raise ValueError(f"{odd[0]!r} is none of {', '.join(sorted(known))}")
        return msgspec.convert(dict(given or {}), kind)
    except (ValueError, msgspec.ValidationError) as error:
        raise ConfigError(f"{name}: {error}") from error
