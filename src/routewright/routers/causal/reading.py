"""How marks are read off what the network makes of a question, fitted before anything is trained.

An LLM that was never asked for marks has seen much of what decides them, though not where its
digits look for it: it is spread over the words of the question, and plainest half-way up the
network. The mean states over the question, at a few depths, tell it to a ridge regression, which
is one pass over the prompts and a closed form. The blocks are tuned from there (linear probing,
then fine-tuning: Kumar et al., ICLR 2022, "Fine-Tuning can Distort Pretrained Features").

    score_m(q)  = μ_m + (c + u_m)·z        z: the states, each number standardised
    logits_mk   = b_mk + v_k (c + u_m)·z / σ²_m

    c, u_m  what is hard for all models, and what sets a model apart: two ridges, each with the
            penalty that told held-out prompts best, or nought where none did
    v       labels from -1/2 to 1/2; σ² the variance of a model's labels on that scale, so that
            the softmax moves as the score does
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routewright.routers.causal.head import moments
from routewright.routers.causal.scoring import prior_correction
from routewright.routers.folds import held_out

Floats = NDArray[np.float64]

PENALTIES = tuple(float(p) for p in np.geomspace(1e-3, 3, 8))
"""Of each ridge, in units of the states' mean square."""

_FOLDS = 5


@dataclass(frozen=True, eq=False)
class Reading:
    """What each label's logit is: ``bias`` (m, K) and v_k times ``weights`` (m, r) · states.

    Attributes:
        weights: (c + u_m) / σ²_m, for states as they come.
        bias: also takes the states' means off.
        penalties: of c and of u; infinite where nothing is read.
    """

    weights: Floats
    bias: Floats
    penalties: tuple[float, float]


def label_steps(labels: int) -> Floats:
    """v (K,): labels in equal steps from -1/2 to 1/2."""
    return np.linspace(-0.5, 0.5, labels)


def fit_reading(states: Floats, labels: Floats, groups: NDArray[np.str_], *, seed: int) -> Reading:
    """Fit c, u and b; each penalty is the one that tells held-out groups best.

    Args:
        states: mean states over the question (n, r).
        labels: distributions over the labels (n, m, K), NaN where unknown.
        groups: rows of one group share a fold (n,).
        seed: of the folds.
    """
    steps = label_steps(labels.shape[2])
    known = np.asarray(np.isfinite(labels).all(axis=2))
    bias = prior_correction(np.zeros_like(labels), labels)
    shares = np.exp(bias) / np.exp(bias).sum(axis=1, keepdims=True)
    scores = np.where(known, np.nan_to_num(labels) @ steps, np.nan) - shares @ steps
    count: NDArray[np.intp] = known.sum(axis=1, keepdims=True)
    shared = np.nansum(scores, axis=1, keepdims=True) / np.maximum(count, 1)
    shared[count == 0] = np.nan
    mean, spread = moments(states[count[:, 0] > 0])
    z = (states - mean) / spread
    folds = held_out(groups, _FOLDS, seed)
    # What a lone model shares with all models is all that it has.
    apart = np.where(count > 1, scores - shared, np.nan)
    common, first = _best(z, shared, folds)
    own, second = _best(z, apart, folds)
    variance = shares @ steps**2 - (shares @ steps) ** 2
    weights = (common + own) / np.maximum(variance, 1e-3)[:, None] / spread
    return Reading(weights, bias - np.outer(weights @ mean, steps), (first, second))


def _best(
    z: Floats, targets: Floats, folds: list[tuple[NDArray[np.intp], NDArray[np.intp]]]
) -> tuple[Floats, float]:
    """Weights (t, r) of targets (n, t), NaN where unknown, and the penalty; nought and infinite
    where no penalty tells held-out targets better than nothing does."""
    known = np.isfinite(targets)
    errors, nothing = np.zeros(len(PENALTIES)), 0.0
    for seen, held in folds:
        told = known[held]
        nothing += float((targets[held][told] ** 2).sum())
        for at, weights in enumerate(_ridges(z[seen], targets[seen], PENALTIES)):
            missed = (z[held] @ weights.T - targets[held])[told]
            errors[at] += float((missed**2).sum())
    at = int(np.argmin(errors))
    if not errors[at] < nothing:
        return np.zeros((targets.shape[1], z.shape[1])), np.inf
    (weights,) = _ridges(z, targets, PENALTIES[at : at + 1])
    return weights, PENALTIES[at]


def _ridges(z: Floats, targets: Floats, penalties: tuple[float, ...]) -> list[Floats]:
    """Weights (t, r) for each penalty: fewer prompts than numbers, so the dual is solved."""
    solve: Any = np.linalg.solve
    found = [np.zeros((targets.shape[1], z.shape[1])) for _ in penalties]
    known: NDArray[np.bool_] = np.isfinite(targets)
    alike: dict[bytes, list[int]] = {}
    for column in range(known.shape[1]):
        alike.setdefault(known[:, column].tobytes(), []).append(column)
    for columns in alike.values():
        rows = known[:, columns[0]]
        inputs, wanted = z[rows], targets[rows][:, columns]
        kernel = inputs @ inputs.T / z.shape[1]
        for weights, penalty in zip(found, penalties, strict=True):
            hold = penalty * len(inputs) * np.eye(len(inputs))
            dual: Floats = solve(kernel + hold, wanted)
            weights[columns] = dual.T @ inputs / z.shape[1]
    return found
