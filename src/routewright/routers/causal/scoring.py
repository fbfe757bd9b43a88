"""Label log-probabilities → scores: the softmax over the label tokens alone, and what it says.

The expected score follows Routewright's 0–5 marks; ``strong_needed`` is the score of RouteLLM's
and Anyscale's causal classifiers (Ong et al., arXiv 2406.18665, section 4.2; Anyscale's public
recipe for an LLM router): the probability that the weak model's answer is marked below 4.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routewright.errors import ConfigError

Floats = NDArray[np.float64]

_GOOD = 4  # the lowest mark at which the weak model's answer will do
_CALM = 20.0  # cells that speak for the training means alone
_ROUNDS = 50  # of the prior correction; it converges much earlier


@dataclass(frozen=True, eq=False)
class Scale:
    """Marks and what they are worth.

    Attributes:
        labels: the K marks as text, from worst to best; one token each.
        values: their scores (K,), from 0 to 1.
    """

    labels: tuple[str, ...]
    values: Floats

    @property
    def marks(self) -> NDArray[np.int64]:
        """The marks as numbers (K,)."""
        return np.array([int(label) for label in self.labels])


SCALES = {
    "0-5": Scale(("0", "1", "2", "3", "4", "5"), np.arange(6) / 5),
    "1-5": Scale(("1", "2", "3", "4", "5"), np.arange(5) / 4),
}


def scale_of(name: str) -> Scale:
    """The scale of this name.

    Raises:
        ConfigError: an unknown name.
    """
    if name not in SCALES:
        raise ConfigError(f"no scale {name!r}; there are {', '.join(SCALES)}")
    return SCALES[name]


def soft_labels(scores: Floats, scale: Scale) -> Floats:
    """Scores (n, m) as distributions over the labels (n, m, K) with that mean.

    A score between two marks is shared between them; unknown cells are NaN throughout.
    """
    steps = len(scale.labels) - 1
    place = np.clip(scores, 0.0, 1.0)[..., None] * steps
    return np.maximum(0.0, 1 - np.abs(place - np.arange(steps + 1)))


def probabilities(logits: Floats, bias: Floats) -> Floats:
    """Softmax over the labels (…, m, K) of logits and each model's bias (m, K).

    -inf stands for a label that can't be; cells that are NaN throughout stay so.
    """
    shifted = logits + bias
    raised = np.exp(shifted - shifted.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


def expected(p: Floats, scale: Scale) -> Floats:
    """Expected scores Σ_k p_k v_k (…, m)."""
    return (p * scale.values).sum(axis=-1)


def spread(p: Floats, scale: Scale) -> Floats:
    """Standard deviation of the score under the predicted distribution (…, m)."""
    mean = expected(p, scale)
    return np.sqrt(np.maximum((p * scale.values**2).sum(axis=-1) - mean**2, 0.0))


def strong_needed(p: Floats, scale: Scale) -> Floats:
    """P(strong needed) = 1 − Σ_{k≥4} p_k of the weak model's distribution (…, K) → (…)."""
    return 1 - p[..., scale.marks >= _GOOD].sum(axis=-1)


def prior_correction(logits: Floats, labels: Floats) -> Floats:
    """Biases (m, K) that make each model's mean prediction the share of its labels.

    An LLM that was never told how good a model is prefers some digits for reasons of its own.
    The maximum-likelihood shift of its logits takes that away; training then starts from the
    training means. Without training it would do harm: where the LLM speaks of 2 and 3 and the
    data hold 0 and 5, what it says lies in the labels that the shift makes impossible. Found by
    fitting the mean repeatedly. One observation of an even distribution is added to each model,
    so that a label never seen keeps a chance.

    Args:
        logits: of n prompts (n, m, K); NaN where there was no usable answer.
        labels: what they should have been (n, m, K); NaN where unknown.
    """
    m, k = labels.shape[1:]
    bias = np.zeros((m, k))
    for model in range(m):
        known = np.isfinite(labels[:, model]).all(axis=1) & ~np.isnan(logits[:, model]).any(axis=1)
        if not known.any():
            continue
        wanted = np.log((labels[known, model].sum(axis=0) + 1 / k) / (known.sum() + 1))
        for _ in range(_ROUNDS):
            told = probabilities(logits[known, model], bias[model]).mean(axis=0)
            bias[model] += wanted - np.log(np.maximum(told, 1e-9))
        bias[model] -= bias[model].mean()
    return np.clip(bias, -30.0, 30.0)


def trust(told: Floats, scores: Floats) -> tuple[Floats, float]:
    """How far predictions are to be followed away from the training means.

    Returns each model's mean prediction (m,) and one slope b in [0, 1]: what is expected is
    mean score + b·(prediction − mean prediction). b is the slope of realised on predicted
    deviations, pooled over models, with ``_CALM`` cells of no relation added: an LLM whose marks
    say nothing about these models, or that was heard too little, leaves the training means.

    Args:
        told: predictions for prompts held out (n, m); NaN where there was none.
        scores: realised scores (n, m); NaN where unknown.
    """
    known = np.isfinite(told) & np.isfinite(scores)
    count = np.maximum(known.sum(axis=0), 1)
    centre = np.where(known, told, 0.0).sum(axis=0) / count
    mean = np.where(known, scores, 0.0).sum(axis=0) / count
    dx, dy = np.where(known, told - centre, 0.0), np.where(known, scores - mean, 0.0)
    varied = float((dx**2).sum()) * (1 + _CALM / max(int(known.sum()), 1))
    return centre, min(max(float((dx * dy).sum()) / max(varied, 1e-12), 0.0), 1.0)
