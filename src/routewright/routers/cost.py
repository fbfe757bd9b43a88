"""What a model's answer to a prompt will cost, before it is asked."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray

from routewright.data.routing_data import RoutingData
from routewright.encoders import View
from routewright.errors import require
from routewright.routers.linear import Ridge, fit_ridge
from routewright.routers.packing import Arrays, Holds, pack, unpack
from routewright.routers.table import column_means

Floats = NDArray[np.float64]

_ENOUGH = 10  # cells with tokens and cost from which unit prices can be told apart


@dataclass(frozen=True, eq=False)
class _Prices:
    """Per model: cost = input·tokens in + output·volume + fixed, the volume capped.

    The volume is output tokens where the data counts them, else the cost itself.
    """

    # tokens = size · (1, characters, characters outside ASCII)
    input_size: Annotated[Floats, Holds("3 m", low=0)]
    input_usd: Annotated[Floats, Holds("m", low=0)]
    output_usd: Annotated[Floats, Holds("m", low=0)]
    fixed_usd: Annotated[Floats, Holds("m", low=0)]
    smear: Annotated[Floats, Holds("m", low=0)]  # mean of exp(residual), Duan 1983
    cap: Annotated[Floats, Holds("m", low=0)]  # the largest volume seen
    counts_tokens: Annotated[NDArray[np.bool_], Holds("m")]


class CostModel:
    """Expected cost of every model in US dollars, from the text alone.

    Input tokens grow with the characters of the prompt; output tokens come from a ridge
    regression of their logarithm on what the router sees of the prompt, since the kind of
    question decides how long the answer is. Unit prices are fitted, so token prices and prices
    of CPU seconds work alike. Without token counts the logarithm of the cost is regressed.
    A model whose cost was never seen is taken to be as dear as the dearest.
    """

    def fit(self, data: RoutingData, view: View) -> Self:
        """Learn from the costs and, where present, the token counts of ``data``.

        Raises:
            MissingExtraError: scikit-learn (with SciPy) is not installed.
        """
        means = column_means(data.costs, pessimist=1)
        size = np.column_stack([np.ones(len(data)), view.chars, view.wide_chars])
        counted = (
            np.isfinite(data.costs)
            & np.isfinite(data.input_tokens)
            & np.isfinite(data.output_tokens)
        )
        columns = [
            _fit_column(data, column, size, counted[:, column], float(means[column]))
            for column in range(len(data.models))
        ]
        volume = np.column_stack([c.volume for c in columns])
        known = np.isfinite(volume)
        target = np.log(volume, out=np.full(volume.shape, np.nan), where=known)
        fallback = column_means(target, pessimist=1)
        self.ridge_, left_out = fit_ridge(view.design, target, fallback)
        tried = known & np.isfinite(left_out)
        residual = np.where(tried, target - left_out, 0.0)
        # A few wild residuals must not lift every expected cost.
        smear = np.where(tried, np.exp(np.clip(residual, -4, 4)), 0.0).sum(axis=0)
        count = tried.sum(axis=0)
        self.prices_ = _Prices(
            input_size=np.column_stack([c.input_size for c in columns]),
            input_usd=np.array([c.usd[0] for c in columns]),
            output_usd=np.array([c.usd[1] for c in columns]),
            fixed_usd=np.array([c.usd[2] for c in columns]),
            smear=np.where(count > 0, smear / np.maximum(count, 1), 1.0),
            cap=np.where(count > 0, np.where(known, volume, 0.0).max(axis=0), 1.0),
            counts_tokens=np.array([c.counts_tokens for c in columns]),
        )
        return self

    def predict(self, view: View) -> Floats:
        """Expected costs (n, m): never negative, finite on any text."""
        p = self.prices_
        volume = self._volume(view)
        tokens = p.input_size[0] + (
            view.chars[:, None] * p.input_size[1] + view.wide_chars[:, None] * p.input_size[2]
        )
        return tokens * p.input_usd + volume * p.output_usd + p.fixed_usd

    def output_tokens(self, view: View) -> Floats:
        """Expected length of an answer (n,), the mean over models; NaN where none was counted."""
        counted = self.prices_.counts_tokens
        if not counted.any():
            return np.full(len(view.prompts), np.nan)
        return self._volume(view)[:, counted].mean(axis=1)

    def _volume(self, view: View) -> Floats:
        p = self.prices_
        log_volume = np.minimum(self.ridge_.predict(view.design), 50.0)
        volume = np.minimum(np.exp(log_volume) * p.smear, p.cap)
        limits = [np.inf if q.max_tokens is None else q.max_tokens for q in view.prompts]
        if min(limits, default=np.inf) == np.inf:
            return volume
        limit = np.array(limits, dtype=np.float64)[:, None]
        return np.where(p.counts_tokens, np.minimum(volume, limit), volume)

    def beside(self, other: CostModel) -> CostModel:
        """Both models' columns, one after the other; fitted on views of one text space."""
        both = CostModel()
        one, two = self.ridge_, other.ridge_
        both.ridge_ = replace(
            one,
            coef=np.hstack([one.coef, two.coef]),
            intercept=np.append(one.intercept, two.intercept),
            sigma=np.append(one.sigma, two.sigma),
        )
        pairs = {
            f.name: (getattr(self.prices_, f.name), getattr(other.prices_, f.name))
            for f in fields(_Prices)
        }
        both.prices_ = _Prices(**{k: np.concatenate(v, axis=-1) for k, v in pairs.items()})
        return both

    def state(self) -> Arrays:
        """The learned arrays by name."""
        return pack("volume", self.ridge_) | pack("prices", self.prices_)

    @classmethod
    def restore(cls, arrays: Arrays) -> CostModel:
        """The cost model that gave these arrays."""
        model = cls()
        model.ridge_ = unpack("volume", Ridge, arrays)
        model.prices_ = unpack("prices", _Prices, arrays)
        return model


@dataclass(frozen=True, eq=False)
class _Column:
    volume: Floats  # (n,), positive, NaN where unknown
    input_size: Floats  # (3,)
    usd: Floats  # (3,): input, output, fixed
    counts_tokens: bool


def _fit_column(
    data: RoutingData, column: int, size: Floats, counted: NDArray[np.bool_], mean: float
) -> _Column:
    costs = data.costs[:, column]
    if counted.sum() >= _ENOUGH:
        into, out = data.input_tokens[:, column], data.output_tokens[:, column]
        inputs = np.column_stack([into, out, np.ones(len(into))])
        return _Column(
            volume=np.where(counted, np.maximum(out, 1.0), np.nan),
            input_size=_non_negative(size[counted], into[counted]),
            usd=_non_negative(inputs[counted], costs[counted]),
            counts_tokens=True,
        )
    paid = costs[np.isfinite(costs) & (costs > 0)]
    if not paid.size:
        # Free, or never seen: nothing varies.
        nothing = np.full(len(costs), np.nan)
        return _Column(nothing, np.zeros(3), np.array([0.0, 0.0, mean]), False)
    volume = np.where(np.isfinite(costs), np.maximum(costs, paid.min() / 2), np.nan)
    return _Column(volume, np.zeros(3), np.array([0.0, 1.0, 0.0]), False)


def _non_negative(inputs: Floats, target: Floats) -> Floats:
    """Non-negative least squares; columns are scaled first, they differ by powers of ten."""
    optimize: Any = require("scipy.optimize", "train")
    scale = np.maximum(np.abs(inputs).max(axis=0), 1e-12)
    level = max(float(np.abs(target).max()), 1e-300)
    solution: Any = optimize.nnls(inputs / scale, target / level)[0]
    return np.asarray(solution, dtype=np.float64) * level / scale
