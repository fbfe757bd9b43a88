"""LoRA training of the causal LLM: the loss looks at the label tokens alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routewright.errors import require
from routewright.routers.causal.blocks import Below
from routewright.routers.causal.local import Arrays, LocalModel
from routewright.routers.causal.settings import Training

Floats = NDArray[np.float64]

_BUCKET = 16  # batches whose prompts are sorted by length, so that little is padding


@dataclass(frozen=True)
class Check:
    """The state of a training: mean losses per known cell.

    Attributes:
        step: optimiser steps so far.
        train: mean loss of the steps since the last check; None before the first.
        held: loss on the held-out prompts; None without any.
    """

    step: int
    train: float | None
    held: float | None


@dataclass(frozen=True, eq=False)
class Course:
    """A training as it went: the adapter of the best check, and all checks."""

    adapter: Arrays
    curve: tuple[Check, ...]


def train(
    model: LocalModel,
    prompts: Sequence[list[int]],
    labels: Floats,
    held: NDArray[np.intp],
    bias: Floats,
    settings: Training,
    *,
    seed: int,
    below: Sequence[Below] | None = None,
    report: Callable[[Check], None] | None = None,
) -> Course:
    """Train the adapter, and leave the model wearing the best one.

    The state before the first step is the first candidate, so that training can't end worse on
    the held-out prompts.

    Args:
        model: with a fresh adapter, which changes nothing but the label rows.
        prompts: tokens of all prompts (n).
        labels: distributions over the labels (n, m, K), NaN where unknown.
        held: rows kept for early stopping.
        bias: added to each model's label logits (m, K).
        settings: of the training.
        seed: of the order and the dropout.
        below: what the untuned blocks make of each prompt (n), where that is kept.
        report: called at every check.
    """
    torch: Any = require("torch", "finetune")
    with model.seeded(seed):
        course = _Loop(torch, model, prompts, labels, held, bias, settings, below)
        return course.run(np.random.default_rng(seed), report)


class _Loop:
    def __init__(
        self,
        torch: Any,
        model: LocalModel,
        prompts: Sequence[list[int]],
        labels: Floats,
        held: NDArray[np.intp],
        bias: Floats,
        settings: Training,
        below: Sequence[Below] | None,
    ) -> None:
        self.torch, self.model, self.settings, self.below = torch, model, settings, below
        self.prompts: list[list[int]] = list(prompts)
        self.labels = torch.from_numpy(labels).float().to(model.device)
        self.bias = torch.from_numpy(bias).float().to(model.device)
        scored: NDArray[np.bool_] = np.asarray(np.isfinite(labels).any(axis=(1, 2)))
        self.held = held[scored[held]]
        self.rows = np.setdiff1d(np.flatnonzero(scored), held)
        self.weights = [p for p in model.trained.parameters() if p.requires_grad]

    def run(self, rng: np.random.Generator, report: Callable[[Check], None] | None) -> Course:
        settings, torch = self.settings, self.torch
        curve = [Check(0, None, self._held_loss())]
        best, best_at, since = self.model.adapter(), 0, [0.0, 0.0]
        if report:
            report(curve[0])
        if not settings.epochs:
            return Course(best, tuple(curve))
        per_epoch = ceil(len(self.rows) / (settings.batch * settings.accumulate))
        total = max(settings.epochs * per_epoch, 1)
        optimiser = torch.optim.AdamW(
            self.weights, lr=settings.lr, weight_decay=settings.weight_decay
        )
        pace = torch.optim.lr_scheduler.LambdaLR(optimiser, _pace(total, settings.warmup))
        checks = {
            ceil(total * i / (settings.epochs * settings.checks))
            for i in range(1, settings.epochs * settings.checks + 1)
        }
        for step, batches in enumerate(self._steps(rng), start=1):
            since = [a + b for a, b in zip(since, self._step(batches), strict=True)]
            optimiser.step()
            pace.step()
            optimiser.zero_grad(set_to_none=True)
            if step not in checks:
                continue
            curve.append(Check(step, since[0] / since[1], self._held_loss()))
            since = [0.0, 0.0]
            if report:
                report(curve[-1])
            now, record = curve[-1].held, curve[best_at].held
            if now is None or record is None or now < record:
                best, best_at = self.model.adapter(), len(curve) - 1
            elif len(curve) - 1 - best_at >= settings.patience:
                break
        self.model.wear(best)
        return Course(best, tuple(curve))

    def _steps(self, rng: np.random.Generator) -> Iterator[list[NDArray[np.intp]]]:
        """The batches of each step, all epochs long; prompts of like length together."""
        size, together = self.settings.batch, self.settings.accumulate
        for _ in range(self.settings.epochs):
            order = rng.permutation(self.rows)
            batches: list[NDArray[np.intp]] = []
            for start in range(0, len(order), size * _BUCKET):
                part = order[start : start + size * _BUCKET]
                part = self._by_length(part)
                batches += [part[at : at + size] for at in range(0, len(part), size)]
            batches = [batches[at] for at in rng.permutation(len(batches))]
            for at in range(0, len(batches), together):
                yield batches[at : at + together]

    def _step(self, batches: list[NDArray[np.intp]]) -> tuple[float, float]:
        """Gradients of one step; its summed loss and the number of cells."""
        self.model.trained.train()
        cells = float(sum(self._known(rows).sum().item() for rows in batches))
        total = 0.0
        for rows in batches:
            loss = self._loss(rows)
            (loss / cells).backward()
            total += float(loss.item())
        self.torch.nn.utils.clip_grad_norm_(self.weights, self.settings.clip)
        return total, cells

    def _held_loss(self) -> float | None:
        if not len(self.held):
            return None
        self.model.trained.eval()
        size, total, cells = self.settings.batch, 0.0, 0.0
        order = self._by_length(self.held)
        with self.torch.inference_mode():
            for at in range(0, len(order), size):
                rows = order[at : at + size]
                total += float(self._loss(rows).item())
                cells += float(self._known(rows).sum().item())
        return total / cells

    def _by_length(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        sizes = [len(self.prompts[int(row)]) for row in rows]
        return rows[np.argsort(sizes, kind="stable")]

    def _known(self, rows: NDArray[np.intp]) -> Any:
        return self.torch.isfinite(self.labels[rows]).all(dim=-1)

    def _loss(self, rows: NDArray[np.intp]) -> Any:
        """The loss summed over the known cells of some prompts."""
        torch = self.torch
        prompts = [self.prompts[int(row)] for row in rows]
        below = None if self.below is None else [self.below[int(row)] for row in rows]
        logits = self.model.label_logits(prompts, below) + self.bias
        known = self._known(rows)
        target = torch.where(known[..., None], self.labels[rows], 0.0)
        return (_LOSSES[self.settings.loss](torch, logits, target) * known).sum()


def _cross_entropy(torch: Any, logits: Any, target: Any) -> Any:
    return -(target * torch.log_softmax(logits, dim=-1)).sum(dim=-1)


def _ordinal(torch: Any, logits: Any, target: Any) -> Any:
    """Σ_k BCE(P(s ≥ k), P̂(s ≥ k)) with P̂ summed from the softmax, so no thresholds to learn."""
    above = torch.softmax(logits, dim=-1).flip(-1).cumsum(-1).flip(-1)[..., 1:]
    wanted = target.flip(-1).cumsum(-1).flip(-1)[..., 1:]
    told = above.clamp(1e-6, 1 - 1e-6)
    return -(wanted * told.log() + (1 - wanted) * (1 - told).log()).sum(dim=-1)


_LOSSES = {"cross-entropy": _cross_entropy, "ordinal": _ordinal}


def _pace(total: int, warmup: float) -> Callable[[int], float]:
    """Linear warm-up, then linearly to zero."""
    rise = max(int(total * warmup), 1)
    return lambda step: min((step + 1) / rise, max(total - step, 0) / max(total - rise, 1), 1.0)
