from itertools import pairwise

import numpy as np
import pytest

from routewright.routers.blend import fit_weights
from routewright.routers.calibration import fit_calibration, fit_isotonic


def members(n, seed=0, good=1):
    """Four members of which ``good`` knows the truth and the others guess."""
    rng = np.random.default_rng(seed)
    truth = rng.random((n, 2))
    guesses = np.array([np.full((n, 2), 0.5), *rng.random((3, n, 2))])
    guesses[good] = truth
    return guesses, truth


@pytest.mark.parametrize("good", [1, 2, 3])
def test_the_member_that_knows_gets_the_weight(good):
    guesses, truth = members(1_200, good=good)
    weights = fit_weights(guesses, truth)
    assert weights.sum() == pytest.approx(1)
    assert (weights >= 0).all()
    assert weights[good] > 0.99


@pytest.mark.parametrize("n", [300, 1_200])
def test_where_nobody_knows_the_constant_gets_the_weight(n):
    guesses, _ = members(n)
    noise = np.random.default_rng(9).random((n, 2))
    assert fit_weights(guesses, noise)[0] > 0.9


def test_few_labels_leave_the_learners_nearer_to_equal_shares_than_many():
    rng = np.random.default_rng(1)
    apart = []
    for n in (60, 6_000):
        guesses, truth = members(n)
        noisy = (rng.random((n, 2)) < truth).astype(float)
        guesses[2] = truth + rng.normal(0, 0.3, (n, 2))
        learners = fit_weights(guesses, noisy)[1:]
        apart.append(np.abs(learners / learners.sum() - 1 / 3).max())
    assert apart[0] < 0.75 * apart[1]


def test_the_prior_weighs_labels_not_rows():
    guesses, truth = members(1_200)
    held = truth.copy()
    held[60:] = np.nan
    assert fit_weights(guesses, held) == pytest.approx(fit_weights(guesses[:, :60], truth[:60]))


@pytest.mark.parametrize("n", [500, 1_500])
def test_equal_scores_leave_the_constant_alone(n):
    guesses = np.full((4, n, 2), 0.5)
    assert fit_weights(guesses, np.ones((n, 2))).tolist() == [1, 0, 0, 0]


def calibrated_world(n, bend, seed=0):
    rng = np.random.default_rng(seed)
    raw = rng.random((n, 2))
    return raw, (rng.random((n, 2)) < bend(raw)).astype(float)


def miss(told, truth):
    return float(np.abs(told - truth).mean())


def test_under_200_labels_nothing_is_bent():
    raw, scores = calibrated_world(199, lambda p: p**3)
    assert fit_calibration(raw, scores).apply(raw) == pytest.approx(raw, abs=1e-9)


def test_timid_scores_are_stretched():
    """True chances run from 0 to 1 where the raw scores stay near a half."""

    def bend(p):
        return np.clip((p - 0.5) * 4 + 0.5, 0, 1)

    rng = np.random.default_rng(0)
    raw = rng.uniform(0.4, 0.6, (800, 2))
    scores = (rng.random((800, 2)) < bend(raw)).astype(float)
    told = fit_calibration(raw, scores).apply(raw)
    assert miss(told, bend(raw)) < 0.6 * miss(raw, bend(raw))


def test_a_step_that_no_logistic_map_can_follow_is_followed_with_many_labels():
    def bend(p):
        return np.where(p < 0.3, 0.1, np.where(p < 0.6, 0.15, 0.9))

    raw, scores = calibrated_world(6_000, bend)
    assert miss(fit_calibration(raw, scores).apply(raw), bend(raw)) < 0.05


def test_well_calibrated_scores_stay_nearly_as_they_are():
    raw, scores = calibrated_world(3_000, lambda p: p)
    assert miss(fit_calibration(raw, scores).apply(raw), raw) < 0.03


@pytest.mark.parametrize("n", [100, 500, 3_000])
def test_order_is_kept_without_ties(n):
    raw, scores = calibrated_world(n, lambda p: np.where(p < 0.5, 0.2, 0.8))
    told = fit_calibration(raw, scores).apply(raw)
    assert told.min() >= 0
    assert told.max() <= 1
    for column in range(2):
        assert (np.diff(told[np.argsort(raw[:, column]), column]) > 0).all()


def test_holes_are_skipped():
    raw, scores = calibrated_world(2_000, lambda p: p**2)
    scores[::2, 0] = np.nan
    scores[:, 1] = np.nan
    told = fit_calibration(raw, scores).apply(raw)
    assert miss(told[:, 0], raw[:, 0] ** 2) < 0.05
    assert told[:, 1] == pytest.approx(raw[:, 1], abs=1e-9)


@pytest.mark.parametrize("span", [0.2, 1.0, 3.0])
def test_all_models_at_once_are_mapped_as_each_by_itself(span):
    """The same lines through the same knots, also beyond the ends and at a knot.

    What lies nearer to a knot than rounding tells apart may be taken for beyond it, where the line
    goes on: that changes the last bits.
    """
    rng = np.random.default_rng(3)
    raw = rng.random((400, 4)) * span - 0.1
    raw[:, 3] = np.round(raw[:, 3], 1)
    scores = (rng.random(raw.shape) < np.clip(raw, 0, 1) ** 2).astype(float)
    maps = fit_isotonic(raw, scores)
    asked = np.concatenate([raw, rng.random((500, 4)) * 4 - 2, np.tile(maps.x[:, None], (1, 4))])
    told = maps.apply(asked)
    for model, (start, stop) in enumerate(pairwise(maps.ends.tolist())):
        line = np.interp(asked[:, model], maps.x[start:stop], maps.y[start:stop])
        tied = (line + 1e-6 * np.clip(asked[:, model], 0, 1)) / (1 + 1e-6)
        assert told[:, model] == pytest.approx(tied, abs=1e-12)
