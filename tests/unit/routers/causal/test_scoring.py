import numpy as np
import pytest

from routewright.errors import ConfigError
from routewright.routers.causal.scoring import (
    expected,
    prior_correction,
    probabilities,
    scale_of,
    soft_labels,
    spread,
    strong_needed,
    trust,
)

MARKS = scale_of("0-5")


def test_the_expected_score_is_the_mean_mark_over_five():
    p = np.array([0.1, 0.0, 0.2, 0.0, 0.3, 0.4])
    assert expected(p, MARKS) == pytest.approx((2 * 0.2 + 4 * 0.3 + 5 * 0.4) / 5)


def test_the_spread_is_that_of_the_distribution():
    assert spread(np.array([0.5, 0, 0, 0, 0, 0.5]), MARKS) == pytest.approx(0.5)
    assert spread(np.array([0, 0, 0, 1.0, 0, 0]), MARKS) == pytest.approx(0)


@pytest.mark.parametrize("scale", ["0-5", "1-5"])
def test_soft_labels_have_the_score_as_their_mean(scale):
    scores = np.array([[0.0, 0.33], [0.5, 1.0], [0.999, 0.2]])
    labels = soft_labels(scores, scale_of(scale))
    assert labels.sum(axis=2) == pytest.approx(np.ones((3, 2)))
    assert expected(labels, scale_of(scale)) == pytest.approx(scores)
    assert ((labels > 0).sum(axis=2) <= 2).all()


def test_an_unknown_score_has_no_label():
    assert np.isnan(soft_labels(np.array([[np.nan]]), MARKS)).all()


def test_a_mark_of_four_or_five_makes_the_strong_model_needless():
    # Anyscale's rule: 1 - (P(4) + P(5)), on either scale.
    assert strong_needed(np.array([0.1, 0.1, 0.1, 0.2, 0.2, 0.3]), MARKS) == pytest.approx(0.5)
    five = np.array([0.1, 0.1, 0.2, 0.2, 0.4])
    assert strong_needed(five, scale_of("1-5")) == pytest.approx(0.4)


def test_probabilities_are_over_the_labels_alone_and_take_impossible_ones():
    logits = np.array([[[0.0, np.log(3), -np.inf]]])
    assert probabilities(logits, np.zeros((1, 3))) == pytest.approx(np.array([[[0.25, 0.75, 0.0]]]))
    assert np.isnan(probabilities(np.full((1, 1, 3), np.nan), np.zeros((1, 3)))).all()


def test_the_prior_correction_makes_the_mean_prediction_the_share_of_labels():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (400, 2, 6))
    logits[..., 3] += 5  # an LLM that likes threes
    scores = np.column_stack([rng.random(400) < 0.9, rng.random(400)]).astype(float)
    scores[:50, 0] = np.nan
    labels = soft_labels(scores, MARKS)
    bias = prior_correction(logits, labels)
    told = expected(probabilities(logits, bias), MARKS)
    assert told[50:, 0].mean() == pytest.approx(scores[50:, 0].mean(), abs=0.01)
    assert told[:, 1].mean() == pytest.approx(scores[:, 1].mean(), abs=0.01)


def test_a_model_without_labels_is_not_shifted():
    labels = np.full((5, 1, 6), np.nan)
    assert not prior_correction(np.zeros((5, 1, 6)), labels).any()


def test_an_unknown_scale_is_named():
    with pytest.raises(ConfigError, match="no scale '0-10'; there are 0-5, 1-5"):
        scale_of("0-10")


def test_predictions_are_followed_as_far_as_scores_follow_them():
    rng = np.random.default_rng(1)
    told = rng.random((300, 2))
    centre, slope = trust(told, np.clip(0.2 + 0.5 * told, 0, 1))
    assert centre == pytest.approx(told.mean(axis=0))
    assert slope == pytest.approx(0.5, abs=0.03)
    assert trust(told, rng.random((300, 2)))[1] < 0.15
    assert trust(told, 1 - told)[1] == 0
    assert trust(told, 3 * told)[1] == 1


def test_few_prompts_are_trusted_little_and_none_not_at_all():
    told = np.array([[0.2, 0.4], [0.8, 0.6], [0.5, np.nan]])
    assert trust(told, told)[1] == pytest.approx(5 / 25)
    assert trust(told[:0], told[:0])[1] == 0
    assert trust(np.full((9, 2), 0.5), np.full((9, 2), 0.7))[1] == 0
