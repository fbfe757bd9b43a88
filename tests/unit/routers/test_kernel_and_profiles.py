"""Two members of the stack: the kernel on landmarks and the profiles of learned kinds."""

import numpy as np
import pytest

from routewright.routers.kernel import choose_landmarks, fit_kernel
from routewright.routers.profiles import fit_profiles, kinds_of
from routewright.routers.table import relative_error


def ring(n, seed=0):
    """Points of a circle; the better of two models changes four times on the way round."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi, n)
    vectors = np.column_stack([np.cos(angle), np.sin(angle)]).astype(np.float32)
    truth = 0.5 + 0.4 * np.column_stack([np.sin(4 * angle), -np.sin(4 * angle)])
    return vectors, (rng.random((n, 2)) < truth).astype(float), truth


def kernel(vectors, scores, width=4.0):
    landmarks = choose_landmarks(vectors, width=width, seed=0, count=64)
    mu = scores.mean(axis=0)
    return fit_kernel(landmarks, landmarks.likeness(vectors), scores, mu)


def test_the_kernel_learns_what_no_line_can():
    vectors, scores, _ = ring(2_000)
    fresh, _, truth = ring(500, seed=1)
    told = kernel(vectors, scores).predict(fresh)[0]
    assert relative_error(told, truth) < 0.1 * relative_error(np.full_like(truth, 0.5), truth)


def test_landmarks_look_at_no_score_and_are_at_most_the_prompts():
    vectors = ring(40)[0]
    landmarks = choose_landmarks(vectors, width=4.0, seed=0)
    assert len(landmarks.vectors) == 40
    likeness = landmarks.likeness(vectors)
    expected = np.exp(4.0 * (vectors.astype(float) @ vectors.T.astype(float) - 1))
    assert likeness @ likeness.T == pytest.approx(expected, abs=1e-3)


def test_far_from_every_landmark_the_kernel_says_little_and_is_unfamiliar():
    vectors, scores, _ = ring(400)
    fitted = kernel(vectors, scores)
    near, far = fitted.predict(np.array([[1, 0], [0, 0]], np.float32))[2]
    assert near > 0.9
    assert far == pytest.approx(0, abs=1e-6)


def topics(n=600, seed=0):
    """Three overlapping topics, each answered best by a model of its own."""
    rng = np.random.default_rng(seed)
    topic = rng.integers(0, 3, n)
    inputs = np.eye(3)[topic] * 3 + rng.normal(size=(n, 3))
    truth = np.full((3, 3), 0.2) + 0.6 * np.eye(3)
    return topic, inputs, (rng.random((n, 3)) < truth[topic]).astype(float), truth


def test_profiles_recover_who_is_good_at_what():
    topic, inputs, scores, truth = topics()
    fitted = fit_profiles(inputs, topic, scores, scores.mean(axis=0))
    assert fitted.means == pytest.approx(truth, abs=0.1)
    fresh_topic, fresh, *_ = topics(seed=1)
    assert (fitted.likely(fresh).argmax(axis=1) == fresh_topic).mean() > 0.9


def test_between_two_kinds_a_prompt_gets_something_of_both():
    topic, inputs, scores, _ = topics()
    fitted = fit_profiles(inputs, topic, scores, scores.mean(axis=0))
    told = fitted.predict(np.array([[1.5, 1.5, 0.0]]))[0][0]
    assert min(told[0], told[1]) > told[2] + 0.1


def test_kinds_are_tasks_where_tasks_are_known_and_clusters_elsewhere():
    vectors = np.repeat(np.eye(4, dtype=np.float32), 30, axis=0)
    named = np.array(["law"] * 50 + ["art"] * 60 + [""] * 5 + ["rare"] * 5)
    kinds = kinds_of(named, vectors, seed=0)
    assert set(kinds[:50]) | set(kinds[50:110]) == {0, 1}
    assert (kinds[110:] == -1).all()
    found = kinds_of(np.full(120, ""), vectors, seed=0)
    assert len(np.unique(found)) == 4
    assert all(len(set(found[start : start + 30])) == 1 for start in range(0, 120, 30))


def test_prompts_without_a_kind_teach_the_profiles_nothing():
    topic, inputs, scores, _ = topics()
    mu = scores.mean(axis=0)
    alone = fit_profiles(inputs, topic, scores, mu)
    more = fit_profiles(
        np.vstack([inputs, inputs[:50] + 9]),
        np.append(topic, np.full(50, -1)),
        np.vstack([scores, 1 - scores[:50]]),
        mu,
    )
    assert np.array_equal(alone.means, more.means)
    assert np.array_equal(alone.slopes, more.slopes)
