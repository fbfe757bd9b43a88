"""What the families stand on: descent, logistic fits, vector machines, trees."""

import numpy as np
import pytest

from routewright.routers.adam import Descent, descend
from routewright.routers.boosting import Boost, boost
from routewright.routers.clusters import Clusters, fit_clusters
from routewright.routers.folds import FEWEST, held_out
from routewright.routers.irt import fit_responses
from routewright.routers.logistic import fit_logistic
from routewright.routers.mlp import fit_networks
from routewright.routers.sigmoid import logit, sigmoid
from routewright.routers.svm import fit_svm
from routewright.routers.table import pull, spread_of_means
from routewright.routers.trees import grow, join
from tests.unit.routers.test_learners import circle


def coins(n=300, f=4, seed=0):
    """Inputs, right and wrong answers of three models, the log odds behind them, and groups."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, f))
    odds = x @ rng.normal(size=(f, 3)) + (0.5, 0.0, -0.5)
    return x, (rng.random((n, 3)) < sigmoid(odds)).astype(float), odds, np.arange(n).astype(str)


def test_adam_finds_the_bottom_of_a_bowl():
    wanted = np.array([1.0, -2.0])
    (found,) = descend(
        (np.zeros(2),),
        lambda now, rows: (now[0] - wanted,),
        rows=10,
        loss=lambda now: float(((now[0] - wanted) ** 2).sum()),
        how=Descent(rate=0.05, batch=5, epochs=200, patience=200),
        seed=0,
    )
    assert found == pytest.approx(wanted, abs=0.01)


def test_adam_learns_nothing_that_does_not_lower_the_held_out_loss():
    start = (np.zeros(2),)
    same = descend(start, lambda now, rows: (np.ones(2),), 10, lambda now: 1.0, Descent(), seed=0)
    assert same is start


def test_adam_goes_back_to_the_best_epoch():
    """The training slope leads past the held-out optimum at -0.3."""
    (found,) = descend(
        (np.zeros(1),),
        lambda now, rows: (np.ones(1),),
        rows=1,
        loss=lambda now: abs(float(now[0][0]) + 0.3),
        how=Descent(rate=0.1, patience=2),
        seed=0,
    )
    assert found == pytest.approx([-0.3])


def test_held_out_parts_cover_all_rows_once_and_need_enough_of_them():
    groups = np.arange(50).astype(str)
    parts = held_out(groups, 5)
    assert sorted(np.concatenate([held for _, held in parts])) == list(range(50))
    assert all(not set(rows) & set(held) for rows, held in parts)
    assert held_out(groups[: FEWEST - 1], 5) == []
    assert held_out(np.repeat("a", 50), 5) == []


def test_logit_undoes_sigmoid():
    p = np.array([0.01, 0.5, 0.9])
    assert sigmoid(logit(p)) == pytest.approx(p)


def test_logistic_is_where_the_penalised_likelihood_is_flat():
    x, scores, _, groups = coins()
    fitted = fit_logistic(x, scores, scores.mean(axis=0), groups, alphas=(5.0,))
    error = fitted.predict(x)[0] - scores
    slope = (x - x.mean(axis=0)).T @ error + 5.0 * fitted.coef
    assert np.abs(slope).max() < 0.05
    assert error.sum(axis=0) == pytest.approx(np.zeros(3), abs=0.05)


def test_logistic_fits_each_model_on_its_own_prompts():
    x, scores, _, groups = coins()
    x -= x[100:].mean(axis=0)
    holed = scores.copy()
    holed[:100, 1] = np.nan
    both = fit_logistic(x, holed, np.nanmean(holed, axis=0), groups, alphas=(5.0,))
    whole = fit_logistic(x, scores, scores.mean(axis=0), groups, alphas=(5.0,))
    alone = fit_logistic(
        x[100:], scores[100:, 1:2], scores[100:, 1:2].mean(axis=0), groups[100:], alphas=(5.0,)
    )
    assert both.coef[:, [0, 2]] == pytest.approx(whole.coef[:, [0, 2]], abs=2e-3)
    assert both.coef[:, 1] == pytest.approx(alone.coef[:, 0], abs=2e-3)


def test_half_a_score_is_half_a_right_answer():
    x, scores, _, groups = coins(n=200)
    other = 1 - scores
    mu = np.full(3, 0.5)
    halves = fit_logistic(x, np.full((200, 3), 0.5), mu, groups, alphas=(5.0,))
    twice = fit_logistic(
        np.vstack([x, x]), np.vstack([scores, other]), mu, np.tile(groups, 2), alphas=(10.0,)
    )
    assert halves.predict(x)[0] == pytest.approx(twice.predict(x)[0], abs=1e-3)


def test_logistic_knows_less_far_out():
    x, scores, _, groups = coins()
    fitted = fit_logistic(x, scores, scores.mean(axis=0), groups)
    odds = np.linalg.norm(fitted.coef, axis=0)
    away = np.array([[0.0, 0, 0, 0], [2.0, 2, 2, 2]]) + fitted.centre
    doubts = fitted.predict(away)[1] / (lambda p: p * (1 - p))(fitted.predict(away)[0])
    assert odds.min() > 0
    assert (doubts[1] > 2 * doubts[0]).all()


def test_svm_recovers_a_line_and_ignores_holes():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    scores = 0.5 + x @ np.array([[0.1, 0.0], [0.0, -0.1], [0.05, 0.05]])
    holed = scores.copy()
    holed[:50, 1] = np.nan
    fitted = fit_svm(
        x, holed, np.nanmean(holed, axis=0), np.arange(200).astype(str), total=1e4, epsilon=0.01
    )
    assert fitted.predict(x) == pytest.approx(scores, abs=0.01)


@pytest.mark.parametrize("fit", [fit_networks, fit_responses])
def test_a_model_known_on_half_the_prompts_is_learned_from_that_half(fit):
    x, scores, odds, groups = coins(n=800)
    holed = scores.copy()
    holed[400:, 2] = np.nan
    fitted = fit(x, holed, np.nanmean(holed, axis=0), groups)
    told = fitted.predict(x)[0]
    for model in range(3):
        assert np.corrcoef(told[:, model], sigmoid(odds[:, model]))[0, 1] > 0.85


def test_too_few_prompts_leave_networks_and_responses_at_the_means():
    x, scores, _, groups = coins(n=FEWEST - 1)
    mu = np.array([0.2, 0.5, 0.8])
    for fit in (fit_networks, fit_responses):
        assert fit(x, scores, mu, groups).predict(x)[0] == pytest.approx(np.tile(mu, (len(x), 1)))


def steps(n=400, seed=0):
    """Inputs, and two targets that jump where the first column changes sign."""
    x = np.random.default_rng(seed).normal(size=(n, 3)).astype(np.float32)
    jump = np.where(x[:, 0] > 0, 0.5, -0.5)
    return x, np.column_stack([jump, -jump])


def test_walking_a_tree_ends_where_growing_it_did():
    x, target = steps()
    pairs = [
        grow(x, target, np.arange(400), depth=d, leaf=5, features=1.0, seed=d) for d in (1, 3, 6)
    ]
    trees = join([tree for tree, _ in pairs], 2)
    for row in range(0, 400, 7):
        said = trees.value[trees.leaves(x[row])]
        assert said == pytest.approx(np.array([told[row] for _, told in pairs]))


def test_a_leaf_says_the_mean_of_its_known_targets():
    x, target = steps()
    target[::2, 1] = np.nan
    _, told = grow(x, target, np.arange(400), depth=8, leaf=40, features=1.0, seed=0)
    assert told[:, 1] == pytest.approx(-told[:, 0], abs=0.03)


def test_a_tree_of_one_column_speaks_for_all():
    x, target = steps()
    one, told = grow(x, target[:, :1], np.arange(400), depth=4, leaf=5, features=1.0, seed=0)
    trees = join([one], 3)
    assert trees.value[trees.leaves(x[0])[0]] == pytest.approx(np.full(3, told[0, 0]))


def test_no_tree_at_all_is_a_grove_too():
    trees = join([], 2)
    assert trees.leaves(np.zeros(3, np.float32)).shape == (0,)
    assert trees.value.shape == (0, 2)


def test_boosting_stops_where_held_out_rows_say_so():
    x, target = steps()
    rows, held = np.arange(300), np.arange(300, 400)
    trees, told = boost(x, target, rows, held, Boost(rate=0.2, features=1.0), seed=0)
    assert len(trees) > 5
    assert np.abs(told[held] - target[held]).mean() < 0.1
    noise = np.random.default_rng(1).normal(size=(400, 2))
    assert len(boost(x, noise, rows, held, Boost(), seed=0)[0]) < 25


def test_pull_is_nought_for_noise_and_one_for_truth():
    rng = np.random.default_rng(0)
    mu, scores = np.full(3, 0.5), rng.random((200, 3))
    assert pull(scores, scores, mu) == pytest.approx(1)
    assert pull(rng.random((200, 3)), scores, mu) < 0.15
    assert pull(1 - scores, scores, mu) == 0


def test_the_spread_of_a_mean_shrinks_with_its_known_cells():
    scores = np.array([[1.0, 1.0, np.nan]] * 2 + [[0.0, np.nan, np.nan]] * 2)
    told = spread_of_means(np.full((4, 3), 0.5), scores)
    assert told == pytest.approx([0.25, 0.5 / np.sqrt(2), 0.5])


def test_several_clusters_have_a_say_by_likeness():
    centres = np.array([[1, 0], [0, 1], [-1, 0]], np.float32)
    profiles = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    vector = np.array([[1, 1]], np.float32) / np.float32(np.sqrt(2))
    told = [
        Clusters(centres, profiles, np.ones((3, 2)), 1.0, near).predict(vector)[0][0]
        for near in (1, 2, 3)
    ]
    assert told[0] == pytest.approx([1, 0])
    assert told[1] == pytest.approx([0.5, 0.5])
    far = np.exp(-9 * np.sqrt(2))
    assert told[2] == pytest.approx(np.array([1, 1]) / (2 + far))


def test_clusters_that_have_a_say_are_chosen_leaving_one_out():
    vectors = circle(200)
    scores = np.where(np.arange(200)[:, None] < 100, (1.0, 0.0), (0.0, 1.0))
    fitted = fit_clusters(vectors, scores, scores.mean(axis=0), clusters=2, near=None)
    assert fitted.near == 1


@pytest.mark.parametrize("fit", [fit_networks, fit_responses])
def test_a_hole_changes_nothing_else(fit):
    """A column that is a hole throughout leaves what is learned of the others as it was."""
    x, scores, _, groups = coins(n=200)
    holed = np.column_stack([scores, np.full(200, np.nan)])
    mu = scores.mean(axis=0)
    with_hole = fit(x, holed, np.append(mu, mu.min()), groups).predict(x)[0]
    without = fit(x, scores, mu, groups).predict(x)[0]
    assert with_hole[:, :3] == pytest.approx(without, abs=1e-6)
