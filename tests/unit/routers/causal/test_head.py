"""The head, fitted in closed form."""

import numpy as np
import pytest

from routewright.routers.causal.head import PENALTIES, fit_head
from routewright.routers.causal.scoring import probabilities

pytest.importorskip("scipy", reason="the extra train (scipy) is not installed")

N, M, D, K = 240, 2, 12, 6


def problem(seed=0, signal=3.0):
    """States of which one number says whether the first model is right."""
    rng = np.random.default_rng(seed)
    states = rng.normal(5, 2, (N, M, D)) * np.geomspace(0.1, 10, D)
    told = (states[:, :, 3] - states[:, :, 3].mean(axis=0)) / states[:, :, 3].std()
    right = rng.random((N, M)) < 1 / (1 + np.exp(-signal * told))
    labels = np.zeros((N, M, K))
    labels[..., 5], labels[..., 0] = right, ~right
    return states, rng.normal(0, 0.01, (K, D)), labels, np.arange(N).astype(str)


def expected(found, states, rows):
    return probabilities(states @ (rows + found.delta).T, found.bias) @ (np.arange(K) / 5)


def test_what_the_states_tell_is_found():
    states, rows, labels, groups = problem()
    found = fit_head(states[:160], rows, labels[:160], groups[:160], seed=0)
    told, right = expected(found, states[160:], rows), labels[160:, :, 5]
    assert ((told > 0.5) == (right > 0.5)).mean() > 0.8
    assert len(found.losses) == len(PENALTIES)


def test_where_nothing_is_to_be_learned_the_rows_stay():
    states, rows, labels, groups = problem(signal=0.0)
    found = fit_head(states, rows, labels, groups, seed=0)
    told = expected(found, states, rows)
    assert np.abs(told - labels[..., 5].mean(axis=0)).mean() < 0.1
    assert found.penalty >= PENALTIES[-3]


def test_unknown_cells_teach_nothing():
    states, rows, labels, groups = problem()
    labels[::2, 1] = np.nan
    found = fit_head(states, rows, labels, groups, seed=0)
    other = states.copy()
    other[::2, 1] = 1e3
    assert np.array_equal(fit_head(other, rows, labels, groups, seed=0).delta, found.delta)


def test_a_label_never_seen_keeps_a_finite_bias():
    states, rows, labels, groups = problem()
    assert np.abs(fit_head(states, rows, labels, groups, seed=0).bias).max() < 1e3


@pytest.mark.parametrize("known", [0, 1, 5])
def test_few_labels_leave_the_rows_nearly_alone(known):
    states, rows, labels, groups = problem()
    labels[known:] = np.nan
    found = fit_head(states[:12], rows, labels[:12], groups[:12], seed=0)
    assert np.isfinite(found.delta).all()
    assert found.penalty == PENALTIES[-1]
    assert found.losses == ()
