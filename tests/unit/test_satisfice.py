import numpy as np
import pytest

from routewright.policy import satisfice, satisfice_rank

SCORES = np.array([[0.6, 0.8, 0.9], [0.75, 0.8, 0.9], [0.2, 0.5, 0.4]])
COSTS = np.tile([1.0, 2.0, 3.0], (3, 1))


def test_the_cheapest_that_is_good_enough_else_the_best():
    assert satisfice(SCORES, COSTS, np.full(3, 0.7)).tolist() == [1, 0, 1]


def test_a_threshold_counts_as_reached_when_met_exactly():
    assert satisfice(SCORES, COSTS, np.full(3, 0.8)).tolist() == [1, 1, 1]


def test_each_model_may_have_its_own():
    assert satisfice(SCORES, COSTS, np.array([0.7, 0.95, 0.7])).tolist() == [2, 0, 1]


def test_fallbacks_are_first_those_that_are_enough_by_cost_then_the_best():
    assert satisfice_rank(SCORES, COSTS, np.full(3, 0.7)).tolist() == [
        [1, 2, 0],
        [0, 1, 2],
        [1, 2, 0],
    ]


def test_ties_go_to_the_lower_cost_then_the_lower_column():
    scores, costs = np.full((1, 3), 0.5), np.array([[2.0, 1.0, 1.0]])
    assert satisfice_rank(scores, costs, np.full(3, 0.9)).tolist() == [[1, 2, 0]]
    assert satisfice_rank(scores, costs, np.full(3, 0.1)).tolist() == [[1, 2, 0]]


@pytest.mark.parametrize("threshold", [0.1, 0.99])
def test_who_is_not_allowed_comes_last(threshold):
    allowed = np.array([[False, True, True]] * 3)
    order = satisfice_rank(SCORES, COSTS, np.full(3, threshold), allowed)
    assert (order[:, -1] == 0).all()
