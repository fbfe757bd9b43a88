"""The learners under the routers: ridge, neighbours, clusters, folds."""

import numpy as np
import pytest

from routewright.routers.clusters import fit_clusters
from routewright.routers.folds import group_folds
from routewright.routers.linear import fit_ridge, fit_score_ridge
from routewright.routers.neighbours import Neighbours, default_k, fit_neighbours
from routewright.routers.table import centre, column_means, relative_error


def linear_world(n=80, f=5, m=3, noise=0.1, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, f))
    return x, x @ rng.normal(size=(f, m)) + 2.0 + rng.normal(scale=noise, size=(n, m))


def circle(n, seed=0):
    """Unit vectors of two kinds, the first half east, the second half north."""
    rng = np.random.default_rng(seed)
    angle = np.where(np.arange(n) < n // 2, 0.0, np.pi / 2) + rng.normal(0, 0.1, n)
    return np.column_stack([np.cos(angle), np.sin(angle)]).astype(np.float32)


def test_leave_one_out_is_what_leaving_one_out_gives():
    x, y = linear_world(n=12)
    _, left_out = fit_ridge(x, y, np.zeros(3), alphas=(3.0,))
    for row in range(12):
        keep = np.arange(12) != row
        without, _ = fit_ridge(x[keep], y[keep], np.zeros(3), alphas=(3.0,))
        assert without.predict(x[row : row + 1])[0] == pytest.approx(left_out[row])


def test_ridge_skips_holes_column_by_column():
    x, y = linear_world()
    holes = y.copy()
    holes[:30, 1] = np.nan
    ridge, _ = fit_ridge(x, holes, np.zeros(3), alphas=(1.0,))
    alone, _ = fit_ridge(x[30:], y[30:, 1:2], np.zeros(1), alphas=(1.0,))
    assert ridge.coef[:, 1] == pytest.approx(alone.coef[:, 0])


def test_noise_is_answered_with_the_strongest_penalty():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 30)), rng.normal(size=(60, 2))
    weak, strong = 1.0, 1e5
    ridge, _ = fit_ridge(x, y, np.zeros(2), alphas=(weak, strong))
    assert ridge.alpha == strong


def test_score_ridge_adds_difficulty_and_difference():
    x, y = linear_world(noise=0.01)
    ridge = fit_score_ridge(x, y, y.mean(axis=0), alphas=(1e-6,))
    assert ridge.predict(x) == pytest.approx(y, abs=0.05)


def test_score_ridge_gives_a_model_never_scored_its_mean():
    x, y = linear_world()
    y[:, 2] = np.nan
    told = fit_score_ridge(x, y, np.array([0.5, 0.5, 0.25])).predict(x)
    assert (told[:, 2] == 0.25).all()


def test_leverage_grows_away_from_the_training_rows():
    x, y = linear_world()
    ridge, _ = fit_ridge(x, y, np.zeros(3))
    near, far = ridge.leverage(np.vstack([x.mean(axis=0), x.mean(axis=0) + 50]))
    assert far > 100 * near


def neighbours(**changes):
    settings = {
        "vectors": np.array([[1, 0], [1, 0], [0, 1]], np.float32),
        "scores": np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]),
        "known": np.ones((3, 2), bool),
        "mu": np.array([0.5, 0.5]),
        "k": 2,
        "temperature": 1.0,
        "kappa": 2.0,
    }
    return Neighbours(**settings | changes)


def test_knn_is_the_shrunk_mean_by_hand():
    scores, std, familiar = neighbours().predict(np.array([[1, 0]], np.float32))
    assert scores[0] == pytest.approx([(1 + 1 + 2 * 0.5) / 4, (2 * 0.5) / 4])
    assert std[0] == pytest.approx(np.sqrt(0.75 * 0.25 / 4))
    assert familiar[0] == pytest.approx(2 / 3)


def test_knn_skips_missing_scores():
    known = np.array([[True, True], [False, True], [True, True]])
    scores, _, _ = neighbours(known=known).predict(np.array([[1, 0]], np.float32))
    assert scores[0, 0] == pytest.approx((1 + 2 * 0.5) / 3)


def test_prompts_as_near_as_the_last_neighbour_all_count():
    scores, _, _ = neighbours(k=1).predict(np.array([[1, 0]], np.float32))
    assert scores[0, 0] == pytest.approx(3 / 4)


def test_a_prompt_without_any_likeness_gets_the_means():
    scores, std, familiar = neighbours().predict(np.zeros((1, 2), np.float32))
    assert scores[0] == pytest.approx([0.5, 0.5])
    assert std[0, 0] == pytest.approx(np.sqrt(0.25 / 2))
    assert familiar[0] == 0


def test_duplicates_do_not_vouch_for_each_other():
    """Every prompt stands twice with one random score: only its twin could foretell it."""
    rng = np.random.default_rng(0)
    vectors = np.repeat(rng.normal(size=(60, 8)), 2, axis=0).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    scores = np.repeat(rng.integers(0, 2, (60, 2)), 2, axis=0).astype(float)
    groups = np.repeat(np.arange(60).astype(str), 2)
    fitted = fit_neighbours(vectors, scores, scores.mean(axis=0), groups)
    told = [fitted.read(similar)[0] for similar in fitted.left_out(np.arange(120), groups)]
    assert relative_error(np.array(told), scores) > 0.9 * relative_error(
        np.tile(scores.mean(axis=0), (120, 1)), scores
    )


@pytest.mark.parametrize(("n", "k"), [(1, 1), (30, 10), (460, 40), (7_000, 125), (100_000, 200)])
def test_default_k(n, k):
    assert default_k(n) == k


def test_clusters_find_who_is_good_where():
    vectors = circle(80)
    scores = np.zeros((80, 2))
    scores[:40, 0] = scores[40:, 1] = 1.0
    fitted = fit_clusters(vectors, scores, scores.mean(axis=0), clusters=2)
    told, std = fitted.predict(circle(80, seed=1))
    assert told[0] == pytest.approx([(40 + 5) / 50, 5 / 50])
    assert told[-1] == pytest.approx([5 / 50, (40 + 5) / 50])
    assert std.shape == (80, 2)


def test_clusters_are_chosen_among_those_that_have_eight_prompts_each():
    vectors, scores = circle(80), np.random.default_rng(0).random((80, 2))
    fitted = fit_clusters(vectors, scores, scores.mean(axis=0))
    assert len(fitted.centres) == 8


def test_folds_never_split_a_group_and_cover_all():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 30, 200).astype(str)
    folds = group_folds(groups, 5, seed=1)
    assert sorted(np.concatenate(folds)) == list(range(200))
    for fold in folds:
        assert not set(groups[fold]) & set(np.delete(groups, fold))
        assert 30 <= len(fold) <= 50


def test_fewer_groups_give_fewer_folds():
    assert len(group_folds(np.array(["a", "a", "b"]))) == 2


def test_centring_leaves_holes_at_nought():
    known = np.array([[True, True, False]])
    assert centre(np.array([[1.0, 0.0, np.nan]]), known).tolist() == [[0.5, -0.5, 0.0]]


def test_an_error_shared_by_all_models_costs_nothing():
    scores = np.random.default_rng(0).random((20, 3))
    assert relative_error(scores + 0.3, scores) == pytest.approx(0)


def test_means_of_an_empty_column_are_pessimistic():
    table = np.array([[1.0, np.nan, 3.0], [1.0, np.nan, 5.0]])
    assert column_means(table, pessimist=-1).tolist() == [1, 1, 4]
    assert column_means(table, pessimist=1).tolist() == [1, 4, 4]
