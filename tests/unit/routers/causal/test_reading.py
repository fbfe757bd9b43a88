"""Marks read off the states over the question, in closed form."""

import numpy as np
import pytest

from routewright.routers.causal.reading import PENALTIES, fit_reading, label_steps
from routewright.routers.causal.scoring import probabilities

N, M, D, K = 240, 2, 12, 6


def problem(seed=0, signal=2.0, models=M):
    """One number of the states says whether model 0 is right, another whether 1 is."""
    rng = np.random.default_rng(seed)
    states = rng.normal(-2, 3, (N, D)) * np.geomspace(0.1, 10, D)
    z = (states - states.mean(axis=0)) / states.std(axis=0)
    right = rng.random((N, models)) < 1 / (1 + np.exp(-signal * z[:, 4 : 4 + models]))
    labels = np.zeros((N, models, K))
    labels[..., 5], labels[..., 0] = right, ~right
    return states, labels, np.arange(N).astype(str)


def expected(found, states):
    logits = (states @ found.weights.T)[..., None] * label_steps(K)
    return probabilities(logits, found.bias) @ (np.arange(K) / 5)


def test_what_the_question_tells_is_found_and_belongs_to_a_model():
    states, labels, groups = problem()
    found = fit_reading(states[:160], labels[:160], groups[:160], seed=0)
    told, right = expected(found, states[160:]), labels[160:, :, 5]
    assert ((told > 0.5) == (right > 0.5)).mean() > 0.72
    spread = np.abs(found.weights) * states.std(axis=0)
    assert spread.argmax(axis=1).tolist() == [4, 5]


def test_what_is_hard_for_all_is_shared_and_sets_nobody_apart():
    states, labels, groups = problem()
    labels[:, 1] = labels[:, 0]
    found = fit_reading(states, labels, groups, seed=0)
    assert found.penalties[1] == np.inf
    assert np.array_equal(found.weights[0], found.weights[1])
    assert found.penalties[0] in PENALTIES


def test_where_nothing_is_to_be_learned_little_is_read():
    states, labels, groups = problem(signal=0.0)
    told = expected(fit_reading(states, labels, groups, seed=0), states)
    assert np.abs(told - labels[..., 5].mean(axis=0)).mean() < 0.06


def test_predictions_are_as_large_as_what_they_predict():
    """The softmax moves as the score does: realised scores on predicted ones have slope one."""
    states, labels, groups = problem(seed=5, signal=1.0)
    found = fit_reading(states[:160], labels[:160], groups[:160], seed=0)
    told, right = expected(found, states[160:]).ravel(), labels[160:, :, 5].ravel()
    slope = np.polyfit(told, right, 1)[0]
    assert 0.5 < slope < 2


def test_unknown_cells_teach_nothing():
    states, labels, groups = problem()
    few = labels.copy()
    few[::2, 1] = np.nan
    few[::4] = np.nan  # of these nothing is known at all
    found = fit_reading(states, few, groups, seed=0)
    other = states.copy()
    other[::4] += 1e3
    again = fit_reading(other, few, groups, seed=0)
    assert again.weights == pytest.approx(found.weights, rel=1e-6)
    assert np.isfinite(expected(found, states)).all()


def test_a_lone_model_is_read_by_what_it_shares():
    states, labels, groups = problem(models=1)
    found = fit_reading(states[:160], labels[:160], groups[:160], seed=0)
    told, right = expected(found, states[160:]), labels[160:, :, 5]
    assert ((told > 0.5) == (right > 0.5)).mean() > 0.7
    assert found.penalties[1] == np.inf


@pytest.mark.parametrize("known", [0, 1, 5])
def test_too_few_labels_read_nothing(known):
    states, labels, groups = problem()
    labels[known:] = np.nan
    found = fit_reading(states[:12], labels[:12], groups[:12], seed=0)
    assert not found.weights.any()
    assert np.isfinite(found.bias).all()


def test_a_model_that_is_always_right_keeps_a_finite_reading():
    states, labels, groups = problem()
    labels[:, 0] = np.eye(K)[5]
    found = fit_reading(states, labels, groups, seed=0)
    assert np.isfinite(found.weights).all()
    assert expected(found, states)[:, 0].min() > 0.7


def test_numbers_that_never_vary_are_harmless():
    states, labels, groups = problem()
    states[:, 2] = 7.0
    assert np.isfinite(fit_reading(states, labels, groups, seed=0).weights).all()
