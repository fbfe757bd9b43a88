"""Matrix factorisation: what a prompt asks of a model, times what the model has.

δ(M, q) = w2ᵀ (v_M ⊙ (W1ᵀ e(q) + b)). RouteLLM trains σ(δ_a - δ_b) on who won (Ong et al., arXiv
2406.18665, section 4.2), EmbedLLM σ(δ) on who was right (Zhuang et al., arXiv 2410.02223). Trained
here with gradients written out. Unlike RouteLLM's program: ties stay, as 1/2; noise on e(q) is for
training alone; v_M is not scaled to unit length, so that its length can tell a strong model.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from routewright.routers.adam import Adam

Floats = NDArray[np.float64]
Loss = Literal["pairwise", "pointwise"]

BATCH = 64
PATIENCE = 8  # epochs without a lower held-out loss after which training ends


@dataclass(frozen=True, eq=False)
class Factors:
    """The learned arrays.

    Attributes:
        w1: (d, k).
        b: (k,).
        v: one row per model (m, k).
        w2: (k,).
    """

    w1: Floats
    b: Floats
    v: Floats
    w2: Floats

    def asks(self, x: Floats) -> Floats:
        """w2 ⊙ (W1ᵀ x + b) of inputs (n, d) as (n, k); a row does not depend on the others."""
        rows = np.array([row @ self.w1 for row in x]).reshape(len(x), len(self.b))
        return (rows + self.b) * self.w2

    def deltas(self, x: Floats) -> Floats:
        """δ (n, m) of inputs (n, d); neither a row nor a column depends on the others."""
        rows = np.array([(self.v * ask).sum(axis=1) for ask in self.asks(x)])
        return rows.reshape(len(x), len(self.v))


@dataclass(frozen=True, eq=False)
class Cells:
    """Known scores, row by row: so that two votes in 64 columns cost two cells.

    Attributes:
        column: the models scored on each prompt (n, k), the rest m.
        score: (n, k), 0 in the rest.
        known: 1 for a score, 0 for the rest (n, k).
    """

    column: NDArray[np.intp]
    score: Floats
    known: Floats

    @classmethod
    def of(cls, scores: Floats) -> Cells:
        """The known cells of a table (n, m)."""
        n, m = scores.shape
        known = np.isfinite(scores)
        width = max(int(known.sum(axis=1).max(initial=0)), 1)
        column: NDArray[np.intp] = np.where(known, np.arange(m, dtype=np.intp), np.intp(m))
        column = np.sort(column, axis=1)[:, :width]
        padded = np.column_stack([np.where(known, scores, 0.0), np.zeros(n)])
        return cls(column, np.take_along_axis(padded, column, 1), (column < m).astype(np.float64))

    def rows(self, index: NDArray[np.intp]) -> Cells:
        """Some of the prompts."""
        return Cells(self.column[index], self.score[index], self.known[index])


def loss_and_slope(delta: Floats, cells: Cells, loss: Loss) -> tuple[float, Floats]:
    """Mean cross-entropy of δ (n, m), and its gradient (n, m).

    ``pairwise``: over all pairs of known cells of a prompt, of σ(δ_i - δ_j) against
    1/2 (1 + s_i - s_j). ``pointwise``: over known cells, of σ(δ) against s.
    """
    padded = np.column_stack([delta, np.zeros(len(delta))])
    d = np.take_along_axis(padded, cells.column, 1)
    if loss == "pointwise":
        share = cells.known / max(float(cells.known.sum()), 1.0)
        total = float((share * (np.logaddexp(0.0, d) - cells.score * d)).sum())
        slope = share * (sigmoid(d) - cells.score)
    else:
        lead = d[:, :, None] - d[:, None, :]
        won = (1 + cells.score[:, :, None] - cells.score[:, None, :]) / 2
        both = cells.known[:, :, None] * cells.known[:, None, :]
        both[:, np.arange(d.shape[1]), np.arange(d.shape[1])] = 0
        share = both / max(float(both.sum()), 1.0)  # each pair stands in it twice
        total = float((share * (np.logaddexp(0.0, lead) - won * lead)).sum())
        slope = 2 * (share * (sigmoid(lead) - won)).sum(axis=2)
    full = np.zeros_like(padded)
    np.put_along_axis(full, cells.column, slope, 1)
    return total, full[:, :-1]


def train(
    x: Floats,
    scores: Floats,
    held: NDArray[np.intp],
    *,
    loss: Loss,
    size: int,
    noise: float,
    rate: float,
    decay: float,
    epochs: int,
    seed: int,
) -> tuple[Factors, int]:
    """Factors with the least held-out loss, and the epoch that gave them (0: none beat the start).

    Args:
        x: inputs (n, d).
        scores: (n, m), NaN where unknown.
        held: rows that are looked at to stop, and never trained on.
        loss: ``pairwise`` or ``pointwise``.
        size: k.
        noise: standard deviation of what is added to each input while training.
        rate: of Adam.
        decay: weight decay.
        epochs: at most.
        seed: of the start, the batches and the noise.
    """
    rng = np.random.default_rng(seed)
    d, m = x.shape[1], scores.shape[1]
    current = Factors(
        w1=rng.normal(0, 1 / np.sqrt(max(d, 1)), (d, size)),
        b=np.zeros(size),
        v=rng.normal(0, 1 / np.sqrt(size), (m, size)),
        w2=np.ones(size),
    )
    cells = Cells.of(scores)
    learn = np.setdiff1d(np.arange(len(x)), held)
    seen, unseen = x[held], cells.rows(held)
    best, best_epoch = _copy(current), 0
    least, _ = loss_and_slope(_forward(current, seen)[1], unseen, loss)
    adam = Adam([current.w1, current.b, current.v, current.w2], rate, decay)
    for epoch in range(1, epochs + 1):
        order = rng.permutation(learn)
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            batch = x[rows] + noise * rng.standard_normal((len(rows), d))
            adam.step(_gradients(current, batch, cells.rows(rows), loss))
        value, _ = loss_and_slope(_forward(current, seen)[1], unseen, loss)
        if value < least:
            least, best, best_epoch = value, _copy(current), epoch
        elif epoch - best_epoch >= PATIENCE:
            break
    return best, best_epoch


def _forward(f: Factors, x: Floats) -> tuple[Floats, Floats]:
    """W1ᵀ x + b (n, k) and δ (n, m), all rows at once."""
    hidden = x @ f.w1 + f.b
    return hidden, (hidden * f.w2) @ f.v.T


def _gradients(f: Factors, x: Floats, cells: Cells, loss: Loss) -> tuple[Floats, ...]:
    """Of the loss by w1, b, v and w2."""
    hidden, delta = _forward(f, x)
    _, slope = loss_and_slope(delta, cells, loss)
    by_ask = slope @ f.v
    by_hidden = by_ask * f.w2
    return (
        x.T @ by_hidden,
        by_hidden.sum(axis=0),
        slope.T @ (hidden * f.w2),
        (by_ask * hidden).sum(axis=0),
    )


def _copy(f: Factors) -> Factors:
    return replace(f, w1=f.w1.copy(), b=f.b.copy(), v=f.v.copy(), w2=f.w2.copy())


def sigmoid(z: Floats) -> Floats:
    """1 / (1 + exp(-z)) without overflow."""
    return 0.5 * (1 + np.tanh(z / 2))
