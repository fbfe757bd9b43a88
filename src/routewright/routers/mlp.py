"""The MLP router: one small network over all models, trained on several folds and averaged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from routewright.data.routing_data import RoutingData
from routewright.encoders import DEFAULT, View
from routewright.routers.adam import Descent, Params, Reals, Rows, descend
from routewright.routers.base import Arrays, BaseRouter, Floats, Meta
from routewright.routers.folds import held_out
from routewright.routers.packing import Holds, pack, unpack
from routewright.routers.sigmoid import logit, sigmoid
from routewright.routers.table import relative_error, spread_of_means

Float32 = NDArray[np.float32]
Layers = Sequence[tuple[Reals, Reals]]


@dataclass(frozen=True, eq=False)
class Networks:
    """K networks of one shape: ReLU in between, a sigmoid for each model at the end.

    Attributes:
        sizes: units of each layer, input and output included.
        values: weights and biases of every member, layer by layer, laid end to end (K, p).
        spread: standard error where the members agree (m,).

    Raises:
        ValueError: the weights don't fit the layers.
    """

    sizes: Annotated[NDArray[np.int64], Holds("l", low=1)]
    values: Annotated[Float32, Holds("k p")]
    spread: Annotated[Floats, Holds("m", low=0)]

    def __post_init__(self) -> None:
        sizes = self.sizes.tolist()
        wanted = sum(into * out + out for into, out in pairwise(sizes))
        if wanted != self.values.shape[1] or sizes[-1] != len(self.spread):
            raise ValueError("the networks' weights don't fit their layers")

    def predict(self, x: Floats) -> tuple[Floats, Floats]:
        """Scores (n, m) and standard errors (n, m); a row does not depend on the others."""
        told = np.empty((len(x), len(self.values), len(self.spread)))
        for row, inputs in enumerate(x.astype(np.float32)):
            told[row] = self._read(inputs)
        return told.mean(axis=1), np.sqrt(told.var(axis=1) + self.spread**2)

    def alone(self, member: int) -> Networks:
        """One network by itself: the one that did not learn from that fold."""
        return replace(self, values=self.values[[member]])

    def of(self, inputs: Floats) -> Floats:
        """Scores (m,) of one prompt (f,)."""
        told = self._read(inputs.astype(np.float32))
        return np.add.reduce(told) / len(told)

    def _read(self, inputs: Float32) -> Floats:
        """Every network's scores (K, m) of one prompt."""
        (weight, bias), *rest = self.layers
        seen = (inputs @ weight + bias).reshape(len(self.values), 1, -1)
        for weight, bias in rest:
            seen = np.maximum(seen, 0) @ weight + bias
        return sigmoid(seen[:, 0].astype(np.float64))

    @cached_property
    def layers(self) -> list[tuple[Float32, Float32]]:
        """Layers (K, i, o) in one piece each; the first of all networks is one matrix (f, K·o)."""
        layers = [
            (np.ascontiguousarray(weight), np.ascontiguousarray(bias))
            for weight, bias in _layers(self.sizes, self.values)
        ]
        weight, bias = layers[0]
        first = np.ascontiguousarray(weight.transpose(1, 0, 2)).reshape(weight.shape[1], -1)
        return [(first, bias.reshape(-1)), *layers[1:]]


def fit_networks(
    x: Floats,
    scores: Floats,
    mu: Floats,
    groups: NDArray[np.str_],
    *,
    hidden: tuple[int, ...] = (100, 100),
    members: int = 5,
    how: Descent = Descent(),  # noqa: B008  # a frozen value
    seed: int = 0,
) -> Networks:
    """Train one member per fold, each stopped by the relative error on the fold it never sees.

    Member k is blind to fold k of ``folds.group_folds(groups, members, seed)``.
    The last layer starts at the training means, the rest at random (He et al., 2015), so that a
    member that learns nothing predicts the means. The loss is cross-entropy over known cells.
    Single precision throughout: it is what is kept, and half the work.

    Args:
        x: inputs (n, f).
        scores: (n, m) in [0, 1], NaN where unknown.
        mu: training means (m,), also what a model never scored is predicted.
        groups: rows of one group share a fold (n,).
        hidden: units of the layers in between.
        members: folds, and so networks.
        how: of the descent.
        seed: of weights, folds and order.
    """
    sizes = np.array([x.shape[1], *hidden, len(mu)], dtype=np.int64)
    values: list[Float32] = []
    left_out = np.tile(mu, (len(x), 1))
    inputs = x.astype(np.float32)
    for member, (rows, held) in enumerate(held_out(groups, members, seed)):
        params = _descend(
            _start(sizes, mu, seed + member), inputs, scores, rows, held, how, seed + member
        )
        values.append(_flat(params))
        left_out[held] = _forward(_paired(params), inputs[held])[-1]
    return Networks(
        sizes=sizes,
        values=np.array(values or [_flat(_start(sizes, mu, seed))]),
        spread=spread_of_means(left_out, scores),
    )


class MlpRouter(BaseRouter):
    """A multi-layer perceptron over all models at once.

    RouterBench (arXiv 2403.12031) fits one such network per model; here they share the hidden
    layers, and unknown scores have no part in the loss.

    Args:
        hidden: units of the hidden layers.
        members: networks to average, each stopped early on a fold of its own.
        encoder: turns text into vectors.
        seed: of weights, folds and encoder.
    """

    name = "mlp"
    complexity = 46

    def __init__(
        self,
        *,
        hidden: tuple[int, ...] = (100, 100),
        members: int = 5,
        encoder: str = DEFAULT,
        seed: int = 0,
    ) -> None:
        super().__init__(encoder=encoder, seed=seed)
        self.hidden = hidden
        self.members = members

    def _fit(self, data: RoutingData, view: View) -> None:
        self.networks_ = fit_networks(
            view.design,
            data.scores,
            self.train_means_["scores"],
            data.groups,
            hidden=self.hidden,
            members=self.members,
            seed=self.seed,
        )

    def _predict_scores(self, view: View) -> tuple[Floats, Floats]:
        return self.networks_.predict(view.design)

    def _state(self) -> tuple[Arrays, Meta]:
        return pack("mlp", self.networks_), {"networks": len(self.networks_.values)}

    def _restore(self, arrays: Arrays) -> None:
        self.networks_ = unpack("mlp", Networks, arrays)


def _start(sizes: NDArray[np.int64], mu: Floats, seed: int) -> Params:
    rng = np.random.default_rng(seed)
    params: list[Floats] = []
    for into, out in pairwise(sizes[:-1].tolist()):
        params += [rng.normal(0, np.sqrt(2 / into), (into, out)), np.zeros(out)]
    params += [np.zeros((int(sizes[-2]), len(mu))), logit(mu)]
    return tuple(each.astype(np.float32) for each in params)


def _flat(params: Params) -> Float32:
    return np.concatenate([each.ravel() for each in params], dtype=np.float32)


def _paired(params: Params) -> Layers:
    return list(zip(params[::2], params[1::2], strict=True))


def _layers(sizes: NDArray[np.int64], values: Float32) -> Iterator[tuple[Float32, Float32]]:
    """Weights (K, i, o) and biases (K, 1, o) of each layer, as views."""
    at = 0
    for into, out in pairwise(sizes.tolist()):
        weight = values[:, at : at + into * out].reshape(-1, into, out)
        at += into * out
        yield weight, values[:, None, at : at + out]
        at += out


def _forward(layers: Layers, x: Reals) -> list[Reals]:
    """What enters each layer, and the scores."""
    seen = [x]
    for weight, bias in layers[:-1]:
        seen.append(np.maximum(seen[-1] @ weight + bias, 0.0))
    weight, bias = layers[-1]
    return [*seen, sigmoid(seen[-1] @ weight + bias)]


def _descend(
    params: Params, x: Reals, scores: Floats, rows: Rows, held: Rows, how: Descent, seed: int
) -> Params:
    known = np.isfinite(scores)
    target = np.where(known, scores, 0.0).astype(np.float32)

    def gradient(now: Params, batch: Rows) -> Params:
        here, layers = rows[batch], _paired(now)
        *seen, told = _forward(layers, x[here])
        slope = np.where(known[here], told - target[here], 0.0) / len(here)
        slopes: Params = ()
        for (weight, _), inputs in zip(reversed(layers), reversed(seen), strict=True):
            slopes = (inputs.T @ slope, slope.sum(axis=0), *slopes)
            slope = (slope @ weight.T) * (inputs > 0)
        return slopes

    def loss(now: Params) -> float:
        told = _forward(_paired(now), x[held])[-1]
        return relative_error(told.astype(np.float64), scores[held])

    return descend(params, gradient, len(rows), loss, how, seed)
