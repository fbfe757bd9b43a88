"""Small sums over score tables with holes, shared by every family."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from routewright.data.routing_data import RoutingData

Floats = NDArray[np.float64]


def column_means(table: Floats, *, pessimist: float) -> Floats:
    """Mean of each column (m,); a column without a value gets the worst of the others.

    Args:
        table: values (n, m), NaN where unknown.
        pessimist: -1 where low is bad (scores), +1 where high is bad (costs).
    """
    known = np.isfinite(table)
    count = known.sum(axis=0)
    means: Floats = np.where(known, table, 0.0).sum(axis=0) / np.maximum(count, 1)
    if not count.any():
        return means
    worst = means[count > 0].max() if pessimist > 0 else means[count > 0].min()
    return np.where(count > 0, means, worst)


def score_means(data: RoutingData) -> Floats:
    """Training means μ of the scores (m,); a model never scored is taken for the worst one."""
    return column_means(data.scores, pessimist=-1)


def centre(table: Floats, known: NDArray[np.bool_]) -> Floats:
    """Subtract each row's mean over its known cells; 0 where unknown (n, m).

    Only relative errors between models matter to a choice (science of routing: an error shared
    by all models at one prompt costs nothing), so learners are compared on centred tables.
    """
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    mean = np.where(known, table, 0.0).sum(axis=1, keepdims=True) / count
    return np.where(known, table - mean, 0.0)


def relative_error(predicted: Floats, scores: Floats) -> float:
    """Mean squared error of centred predictions over the known cells."""
    known = np.isfinite(scores)
    error = centre(predicted, known) - centre(scores, known)
    return float((error**2).sum() / max(int(known.sum()), 1))


def squared_error(predicted: Floats, target: Floats) -> float:
    """Mean squared error over the known cells of the target."""
    known = np.isfinite(target)
    error = np.where(known, predicted - np.where(known, target, 0.0), 0.0)
    return float((error**2).sum() / max(int(known.sum()), 1))


def spread_of_means(left_out: Floats, scores: Floats) -> Floats:
    """Root mean squared error of held-out predictions, over √n of the known cells (m,).

    The standard error that is left where the members of an ensemble agree: none of them knows
    more than n answers told. A model never scored gets 0.5.
    """
    known = np.isfinite(scores)
    squares = np.where(known, left_out - np.where(known, scores, 0.0), 0.0) ** 2
    count = known.sum(axis=0)
    spread = np.sqrt(squares.sum(axis=0)) / np.maximum(count, 1)
    return np.where(count > 0, spread, 0.5)


def pull(told: Floats, scores: Floats, mu: Floats) -> float:
    """How far to go from the means μ towards held-out predictions (n, m): from 0 to 1.

    The least-squares share, taken of differences between models: 0 where they say nothing.
    """
    known = np.isfinite(scores)
    step = centre(told - mu, known)
    wanted = centre(np.where(known, scores - mu, 0.0), known)
    return float(np.clip((step * wanted).sum() / max(float((step**2).sum()), 1e-12), 0.0, 1.0))
