"""torch: the loss, a linear fit to start from, epochs, and how many of them pay out of fold.

A head that starts at random sends noise through the pre-trained layers until it has learned
something, which on few prompts costs more than tuning gains. So the head is fitted first, with
the encoder as it came, and the encoder is tuned from there (LP-FT: Kumar et al. 2022, "Fine-Tuning
can Distort Pretrained Features and Underperform Out-of-Distribution", section 4). The head then
learns slowest: its penalties are the best leaving one out, and steps without them undo that.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from routewright.routers.bert.network import Examples, Network, designs, padded, predict
from routewright.routers.bert.tokens import Ids
from routewright.routers.linear import fit_score_ridge
from routewright.routers.table import column_means

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
Maker = Callable[[Floats], Network]
"""Training means of the scores (m,) → a network that predicts them."""

CONSTANT, LINEAR = 0, 1
"""Stages before the first epoch: the training means, and the linear fit."""

_STEEPEST = 1.0  # norm at which a step's gradient is clipped
_POOL = 16  # batches that are sorted by length together: a third of the padding goes


@dataclass(frozen=True)
class Recipe:
    """How to train; see ``BertRouter``."""

    epochs: int
    batch: int
    lr: float
    head_lr: float
    weight_decay: float
    warmup: float
    freeze_layers: int
    relative: float


def loss(told: torch.Tensor, scores: torch.Tensor, relative: float) -> torch.Tensor:
    """Squared error of the known cells, plus ``relative`` times the centred squared error.

    A choice hangs on the differences between models at one prompt alone, so predictions and
    scores are also compared less their mean over the prompt's known cells.

    Args:
        told: predicted scores (n, m).
        scores: (n, m), NaN where unknown.
        relative: weight of the centred part.
    """
    known = torch.isfinite(scores)
    error = torch.where(known, told - torch.where(known, scores, 0.0), 0.0)
    shared = error.sum(1, keepdim=True) / known.sum(1, keepdim=True).clamp(min=1)
    centred = torch.where(known, error - shared, 0.0)
    total = error.square().sum() + relative * centred.square().sum()
    return total / known.sum().clamp(min=1)


def start(network: Network, seen: Examples) -> Floats:
    """Fit the head to the vectors of the encoder as it came; the fit's own predictions (n, m)."""
    x, scores = designs(network, seen), seen.scores.astype(np.float64)
    linear = fit_score_ridge(x, scores, column_means(scores, pessimist=-1))
    network.set_head(linear.coef, linear.intercept)
    return linear.predict(x)


def epochs(network: Network, seen: Examples, recipe: Recipe) -> Iterator[float]:
    """Train in place, epoch by epoch; yields each epoch's mean loss.

    The learning rates rise linearly over the share ``warmup`` of all steps, then fall to 0.
    """
    network.freeze(recipe.freeze_layers)
    optimiser: Any = torch.optim.AdamW(_groups(network, recipe))
    steps = recipe.epochs * -(-len(seen) // recipe.batch)
    rise = max(1.0, recipe.warmup * steps)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min((step + 1) / rise, (steps - step) / max(steps - rise, 1.0))
    )
    rng = np.random.default_rng(int(torch.initial_seed()))
    scores = torch.as_tensor(seen.scores).to(network.head.bias.device)
    for _ in range(recipe.epochs):
        network.train()
        losses: list[float] = []
        for rows in _batches(seen.ids, recipe.batch, rng):
            optimiser.zero_grad()
            value = loss(network(*padded(network, seen, rows)), scores[rows], recipe.relative)
            value.backward()  # pyright: ignore[reportUnknownMemberType]  # untyped in torch
            torch.nn.utils.clip_grad_norm_(network.parameters(), _STEEPEST)
            optimiser.step()
            schedule.step()
            losses.append(float(value.detach()))
        yield float(np.mean(losses))


def cross_fit(
    make: Maker, examples: Examples, folds: Sequence[Rows], recipe: Recipe
) -> tuple[Floats, Floats]:
    """Train without each fold in turn, and predict that fold after every stage.

    Returns:
        Out-of-fold predictions (stages, n, m); the stages are the training means, the linear
        fit, and every epoch. And the curve (stages, 3): steps that training on all prompts
        takes to the stage, training loss, out-of-fold loss.
    """
    stages = 2 + recipe.epochs
    told = np.zeros((stages, *examples.scores.shape))
    training = np.zeros((len(folds), stages))
    for fold, held in enumerate(folds):
        seen = examples.subset(np.setdiff1d(np.arange(len(examples)), held))
        judged = examples.subset(held)
        means = column_means(seen.scores.astype(np.float64), pessimist=-1)
        network = make(means)
        told[CONSTANT, held] = means
        training[fold, CONSTANT] = _loss(np.tile(means, (len(seen), 1)), seen, recipe)
        training[fold, LINEAR] = _loss(start(network, seen), seen, recipe)
        told[LINEAR, held] = predict(network, judged)
        for epoch, value in enumerate(epochs(network, seen, recipe), LINEAR + 1):
            training[fold, epoch] = value
            told[epoch, held] = predict(network, judged)
    per_epoch = -(-len(examples) // recipe.batch)
    steps = [0, *(epoch * per_epoch for epoch in range(recipe.epochs + 1))]
    judged_at = [_loss(told[stage], examples, recipe) for stage in range(stages)]
    return told, np.array([steps, training.mean(axis=0), judged_at]).T


def train(make: Maker, examples: Examples, stage: int, recipe: Recipe) -> Network:
    """A network trained on all examples up to a stage of ``cross_fit``."""
    network = make(column_means(examples.scores.astype(np.float64), pessimist=-1))
    if stage >= LINEAR:
        start(network, examples)
    for _ in islice(epochs(network, examples, recipe), max(stage - LINEAR, 0)):
        pass
    return network.eval()


@contextmanager
def repeatable(seed: int) -> Generator[None]:
    """The same training again under the same seed, on a CPU; torch's own state is left alone."""
    was = torch.are_deterministic_algorithms_enabled()
    random: Any = torch.random
    with random.fork_rng():
        torch.manual_seed(seed)  # pyright: ignore[reportUnknownMemberType]  # untyped in torch
        # On a GPU some steps have no repeatable form and would raise.
        torch.use_deterministic_algorithms(not torch.cuda.is_available())
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(was)


def _loss(told: Floats, examples: Examples, recipe: Recipe) -> float:
    return float(loss(torch.as_tensor(told), torch.as_tensor(examples.scores), recipe.relative))


def _batches(ids: list[Ids], size: int, rng: np.random.Generator) -> Iterator[Rows]:
    """Random batches of texts of like length: random pools, sorted, then cut."""
    lengths = np.array([len(each) for each in ids])
    order = rng.permutation(len(ids))
    for start in range(0, len(order), size * _POOL):
        pool = order[start : start + size * _POOL]
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        cuts = range(0, len(pool), size)
        for cut in rng.permutation(np.array(cuts)):
            yield pool[cut : cut + size]


def _groups(network: Network, recipe: Recipe) -> list[dict[str, Any]]:
    """Matrices of the encoder decay; its biases and scales don't, nor does the fitted head."""
    tuned = [p for p in network.encoder.parameters() if p.requires_grad]
    shared: dict[str, Any] = {"lr": recipe.lr, "weight_decay": 0.0}
    return [
        shared | {"params": [p for p in tuned if p.ndim > 1], "weight_decay": recipe.weight_decay},
        shared | {"params": [p for p in tuned if p.ndim <= 1]},
        shared | {"params": list(network.head.parameters()), "lr": recipe.head_lr},
    ]
