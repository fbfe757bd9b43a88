"""Figures over data sets, as LLMRouterBench and RouterEval define them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routewright.metrics.suite import (
    average_accuracy,
    classification_bias,
    cost_save,
    gain,
    gain_at_best,
    gain_at_random,
    gap_at_oracle,
    oracle_mix,
    pareto_dist_ours,
    pareto_front,
    pareto_ratio,
    perf_gain,
    v_b,
    v_r,
)

clouds = st.lists(
    st.tuples(st.integers(1, 20).map(float), st.integers(0, 10).map(lambda x: x / 10)),
    min_size=1,
    max_size=12,
)


def test_avengers_over_random_as_one_ratio_of_means() -> None:
    assert gain([71.94], [48.79]) == pytest.approx(0.474, abs=5e-4)


def test_a_gain_is_a_mean_of_ratios_and_not_a_ratio_of_means() -> None:
    # Two data sets with the published averages: the weak one pulls the mean of ratios up.
    router, random = np.array([90.0, 53.88]), np.array([72.58, 25.0])
    assert router.mean() == pytest.approx(71.94)
    assert random.mean() == pytest.approx(48.79)
    each = (90 / 72.58 - 1 + 53.88 / 25 - 1) / 2
    assert gain(router, random) == pytest.approx(each)
    assert each > 0.646 > router.mean() / random.mean() - 1


def test_the_best_single_model_is_chosen_once_on_the_average() -> None:
    models = np.array([[0.8, 0.5], [0.2, 0.9]])  # data sets x models; the second is best
    router = np.array([0.8, 0.9])
    assert gain_at_best(router, models) == pytest.approx((0.3 / 0.5 + 0) / 2)
    assert gain_at_random(router, models) == pytest.approx((0.15 / 0.65 + 0.35 / 0.55) / 2)
    assert gap_at_oracle(router, [1.0, 0.9]) == pytest.approx(0.1)
    assert average_accuracy(router) == pytest.approx(0.85)
    assert math.isnan(gain(router, [0.0, 0.5]))


def test_the_best_configuration_and_the_cheapest_as_good_one() -> None:
    accuracies, costs = [0.6, 0.7, 0.75], [1.0, 3.0, 6.0]
    assert perf_gain(accuracies, 0.7) == pytest.approx(0.05 / 0.7)
    assert cost_save(accuracies, costs, 0.7, 5.0) == pytest.approx(0.4)
    assert cost_save(accuracies, costs, 0.75, 5.0) == pytest.approx(-0.2)
    assert math.isnan(cost_save(accuracies, costs, 0.8, 5.0))
    with pytest.raises(ValueError, match="above 0"):
        cost_save(accuracies, costs, 0.7, 0.0)


def test_the_share_on_the_joint_frontier_and_the_distance_to_it() -> None:
    points = np.array([[1, 0.0], [10, 0.5], [100, 1.0], [100, 0.5]])
    own = np.array([False, True, False, True])
    assert pareto_front(points).tolist() == [True, True, True, False]
    assert pareto_ratio(points, own) == 0.5
    # Scaled, the dominated point is (1, .5): half the height below (1, 1), half the width from
    # (.5, .5).
    assert pareto_dist_ours(points, own) == pytest.approx(0.25)
    with pytest.raises(ValueError, match="logarithm"):
        pareto_dist_ours([[0, 1.0]], [True])
    with pytest.raises(ValueError, match="mark at least one"):
        pareto_ratio(points, np.zeros(4, dtype=bool))


@given(clouds)
def test_every_point_is_on_the_frontier_or_beaten_by_one_that_is(points: list) -> None:
    at = np.array(points)
    front = pareto_front(at)
    assert front.any()
    for cost, right in at[~front]:
        rivals = at[front]
        matches = (rivals[:, 0] <= cost) & (rivals[:, 1] >= right)
        assert (matches & ((rivals[:, 0] < cost) | (rivals[:, 1] > right))).any()
    everyone = np.ones(len(at), dtype=bool)
    assert 0 <= pareto_dist_ours(at, everyone) <= math.sqrt(2)
    assert (pareto_dist_ours(at, everyone) == 0) == front.all()


def test_routereval_ratios() -> None:
    assert v_r(0.72, 0.9) == pytest.approx(0.8)
    assert v_b(0.72, [0.5, 0.6]) == pytest.approx(1.2)
    with pytest.raises(ValueError, match="above 0"):
        v_b(0.5, [0.0])


def test_classification_bias_is_an_entropy_in_bits() -> None:
    assert classification_bias([[1, 0], [0.5, 0.5]]) == 0.5
    assert classification_bias([[3.0, 3, 3, 3]], softmax=True) == pytest.approx(2)
    assert classification_bias([[1000.0, 0]], softmax=True) == 0
    with pytest.raises(ValueError, match="softmax=True"):
        classification_bias([[3.0, 1.0]])


def test_following_the_oracle_with_a_probability() -> None:
    scores, costs = [[1, 1], [0, 1]], [[1.0, 3], [1, 3]]
    assert oracle_mix(scores, costs, 1).tolist() == [2, 1]
    assert oracle_mix(scores, costs, 0).tolist() == [2, 0.75]
    assert oracle_mix([[1, 0]], [[1.0, 3]], 0.25) == pytest.approx([0.25 + 0.75 * 2, 0.625])
    with pytest.raises(ValueError, match="share"):
        oracle_mix(scores, costs, 1.5)
