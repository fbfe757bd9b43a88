"""The output's label rows, fitted before anything else is trained: a head that can be served.

An LLM that was never asked for marks prefers some digits for reasons of its own. With the network
as it stands, the best label rows are a convex problem: one pass over the prompts, then seconds. The
layers below are tuned from there. What an inference server need not tell, ``reading`` reads.

    logits_k = (W₀ + Δ)_k h + b_mk

    h    the state where a model's mark stands; W₀ + Δ the output's rows of the labels
    loss mean cross-entropy + λ/2 |σΔ|², σ the spread of h
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routewright.errors import require
from routewright.routers.causal.scoring import prior_correction
from routewright.routers.folds import held_out

Floats = NDArray[np.float64]

PENALTIES = tuple(float(p) for p in np.geomspace(3e-3, 30, 9))

_FOLDS = 4
_HOLD = 1e-3  # penalty of the biases: labels never seen must not run off to minus infinity
_STEPS = 200


@dataclass(frozen=True, eq=False)
class Head:
    """What to add to the base's label rows, and each model's bias.

    Attributes:
        delta: Δ (K, d).
        bias: b (m, K).
        penalty: λ, which told held-out labels best.
        losses: held-out cross-entropy of each of ``PENALTIES``; empty where nothing was held out.
    """

    delta: Floats
    bias: Floats
    penalty: float
    losses: tuple[float, ...]


def fit_head(
    states: Floats, rows: Floats, labels: Floats, groups: NDArray[np.str_], *, seed: int
) -> Head:
    """Fit Δ and b; λ is the one that tells the labels of held-out groups best.

    Args:
        states: h (n, m, d), what the network gives where each model's mark stands.
        rows: W₀ (K, d).
        labels: distributions over the labels (n, m, K), NaN where unknown.
        groups: rows of one group share a fold (n,).
        seed: of the folds.

    Raises:
        MissingExtraError: SciPy is not installed.
    """
    problem = _Problem.of(states, rows, labels)
    totals = np.zeros(len(PENALTIES))
    for seen, held in held_out(groups, _FOLDS, seed):
        learned, told = problem.of_prompts(seen), problem.of_prompts(held)
        start = learned.nothing()
        # From the strongest penalty on, each begins where the last one ended.
        for at in range(len(PENALTIES) - 1, -1, -1):
            start = learned.solve(PENALTIES[at], start)
            totals[at] += told.loss(start) * len(told.inputs)
    # Where nothing can be held out, or nothing be learned, the strongest penalty.
    best = int(np.flatnonzero(totals <= totals.min() * (1 + 1e-12))[-1])
    delta, bias = problem.unpacked(problem.solve(PENALTIES[best], problem.nothing()))
    delta = delta / problem.spread
    bias = bias - delta @ problem.mean
    losses = tuple((totals / max(len(problem.inputs), 1)).tolist()) if totals.any() else ()
    return Head(delta, bias, PENALTIES[best], losses)


@dataclass(frozen=True, eq=False)
class _Problem:
    """Known cells, one a row: what the network gave, what it told anyway, whose it is.

    Attributes:
        inputs: standardised states (c, d).
        offset: W₀h (c, K).
        target: (c, K).
        prompt: (c,).
        model: (c,).
        bias: where the biases start (m, K).
        mean: of the states (d,).
        spread: of the states (d,).
    """

    inputs: Floats
    offset: Floats
    target: Floats
    prompt: NDArray[np.intp]
    model: NDArray[np.intp]
    bias: Floats
    mean: Floats
    spread: Floats

    @classmethod
    def of(cls, states: Floats, rows: Floats, labels: Floats) -> _Problem:
        prompt, model = np.nonzero(np.isfinite(labels).all(axis=2))
        cells = states[prompt, model]
        mean, spread = moments(cells)
        return cls(
            inputs=(cells - mean) / spread,
            offset=cells @ rows.T,
            target=labels[prompt, model],
            prompt=prompt,
            model=model,
            bias=prior_correction(states @ rows.T, labels),
            mean=mean,
            spread=spread,
        )

    def of_prompts(self, rows: NDArray[np.intp]) -> _Problem:
        kept = np.isin(self.prompt, rows)
        return replace(
            self,
            inputs=self.inputs[kept],
            offset=self.offset[kept],
            target=self.target[kept],
            prompt=self.prompt[kept],
            model=self.model[kept],
        )

    def nothing(self) -> Floats:
        """Parameters that leave the base's rows as they are."""
        rows = np.zeros((self.bias.shape[1], self.inputs.shape[1]))
        return np.concatenate([rows.ravel(), self.bias.ravel()])

    def unpacked(self, parameters: Floats) -> tuple[Floats, Floats]:
        """Δσ (K, d) and b (m, K)."""
        shape = self.bias.shape[1], self.inputs.shape[1]
        rows, bias = np.split(parameters, [shape[0] * shape[1]])
        return rows.reshape(shape), bias.reshape(self.bias.shape)

    def loss(self, parameters: Floats) -> float:
        """Mean cross-entropy."""
        return -float((self.target * self._told(parameters)).sum()) / max(len(self.inputs), 1)

    def solve(self, penalty: float, start: Floats) -> Floats:
        """The parameters with the least loss."""
        optimize: Any = require("scipy.optimize", "train")

        def objective(parameters: Floats) -> tuple[float, Floats]:
            rows, bias = self.unpacked(parameters)
            told = self._told(parameters)
            error = (np.exp(told) - self.target) / max(len(self.inputs), 1)
            on_bias = np.zeros_like(bias)
            np.add.at(on_bias, self.model, error)
            moved = bias - self.bias
            value = -float((self.target * told).sum()) / max(len(self.inputs), 1)
            value += (penalty * float((rows**2).sum()) + _HOLD * float((moved**2).sum())) / 2
            slope = [
                error.T @ self.inputs + penalty * rows,
                on_bias + _HOLD * moved,
            ]
            return value, np.concatenate([each.ravel() for each in slope])

        found: Any = optimize.minimize(
            objective, start, jac=True, method="L-BFGS-B", options={"maxiter": _STEPS}
        )
        return np.asarray(found.x, dtype=np.float64)

    def _told(self, parameters: Floats) -> Floats:
        """Log-probabilities (c, K)."""
        rows, bias = self.unpacked(parameters)
        logits = self.offset + self.inputs @ rows.T + bias[self.model]
        logits -= logits.max(axis=1, keepdims=True)
        return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def moments(rows: Floats) -> tuple[Floats, Floats]:
    """Mean and spread of each column; 0 and 1 where there is none."""
    columns = int(rows.shape[1])
    if not len(rows):
        return np.zeros(columns), np.ones(columns)
    spread: Floats = rows.std(axis=0)
    usable: Floats = np.where(spread > 1e-6, spread, 1.0)
    return np.asarray(rows.mean(axis=0)), usable
