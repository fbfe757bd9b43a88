"""Hulls, their value, and the area under them: RouterBench's definitions on known points."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routewright.metrics import Curves, aiq, hull_cost, hull_members, hull_value, ndch, zero_router

FIXTURE_A = [(1, 0.5), (2, 0.4), (3, 0.8), (6, 0.9)]

costs = st.floats(0, 100).map(lambda x: round(x, 3))
scores = st.floats(0, 1).map(lambda x: round(x, 3))
clouds = st.lists(st.tuples(costs, scores), min_size=1, max_size=25)


def test_fixture_a_has_the_hull_and_the_areas_that_were_worked_out_by_hand() -> None:
    assert ndch(FIXTURE_A).tolist() == [[1, 0.5], [3, 0.8], [6, 0.9]]
    assert aiq(FIXTURE_A, 1, 6) == pytest.approx(0.77)
    assert aiq(FIXTURE_A, 1, 6, convention="routerbench_code") == pytest.approx(3.85 / 6)
    assert hull_members(FIXTURE_A) == (0, 2, 3)


def test_equal_costs_keep_the_better_and_points_on_an_edge_go() -> None:
    assert ndch([(1, 0.2), (1, 0.6), (1, 0.6)]).tolist() == [[1, 0.6]]
    assert ndch([(0, 0.0), (1, 0.5), (2, 1.0)]).tolist() == [[0, 0], [2, 1]]


def test_rows_with_nan_are_dropped_but_not_all_of_them() -> None:
    assert ndch([(1, 0.5), (np.nan, 0.9), (2, np.nan)]).tolist() == [[1, 0.5]]
    with pytest.raises(ValueError, match="without NaN"):
        ndch([(np.nan, 0.5)])
    with pytest.raises(ValueError, match="without NaN"):
        ndch(np.empty((0, 2)))


@pytest.mark.parametrize("bad", [(-1, 0.5), (np.inf, 0.5)])
def test_impossible_costs_are_an_error(bad: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="0 or more"):
        ndch([bad, (1, 0.5)])


def test_a_shape_that_is_no_list_of_points_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"\(p, 2\)"):
        ndch([1.0, 2.0])


def test_the_value_is_flat_to_the_right_and_unknown_to_the_left() -> None:
    hull = ndch(FIXTURE_A)
    assert hull_value(hull, [2, 6, 99]) == pytest.approx([0.65, 0.9, 0.9])
    assert np.isnan(hull_value(hull, 0.5))
    assert hull_value(ndch([(2, 0.7)]), [2, 50]).tolist() == [0.7, 0.7]


def test_the_cost_of_a_score_is_read_off_the_hull() -> None:
    hull = ndch(FIXTURE_A)
    assert hull_cost(hull, 0.65) == pytest.approx(2)
    assert hull_cost(hull, 0.1) == 1
    assert hull_cost(hull, 0.95) == np.inf


def test_left_of_its_start_a_hull_follows_the_chosen_policy() -> None:
    late = [(3, 0.8), (6, 0.9)]
    with pytest.raises(ValueError, match="right of c_min"):
        aiq(late, 1, 6)
    with pytest.raises(ValueError, match="right of c_min"):
        aiq(late, 1, 6, left="error", cheapest_score=0.5)
    assert aiq(late, 1, 6, cheapest_score=0.5) == pytest.approx(0.77)
    # From an empty answer at (0, 0) to (3, .8), cut at 1.
    assert aiq(late, 1, 6, left="null") == pytest.approx((2 * (0.8 / 3 + 0.8) / 2 + 3 * 0.85) / 5)


def test_a_hull_past_the_bound_is_cut_and_one_that_ends_early_goes_on_flat() -> None:
    assert aiq([(0, 0.0), (10, 1.0)], 0, 5) == pytest.approx(0.25)
    assert aiq([(0, 0.0), (1, 1.0)], 0, 4) == pytest.approx((0.5 + 3) / 4)


def test_a_range_of_one_cost_gives_the_height_there_and_says_so() -> None:
    height = aiq(FIXTURE_A, 2, 2)
    assert height == pytest.approx(0.65)
    assert height.degenerate
    assert not aiq(FIXTURE_A, 1, 6).degenerate


@pytest.mark.parametrize(("low", "high"), [(2, 1), (-1, 1), (0, np.inf), (np.nan, 1)])
def test_bounds_out_of_order_are_an_error(low: float, high: float) -> None:
    with pytest.raises(ValueError, match="bounds"):
        aiq(FIXTURE_A, low, high)


def test_the_zero_router_reads_complete_rows_only() -> None:
    s = np.array([[0.0, 1.0], [1.0, 1.0], [np.nan, 0.0]])
    c = np.array([[1.0, 2.0], [1.0, 4.0], [1.0, 90.0]])
    assert zero_router(s, c).tolist() == [[1, 0.5], [3, 1]]
    with pytest.raises(ValueError, match="no prompt"):
        zero_router(s[2:], c[2:])


@given(clouds)
def test_a_hull_rises_with_falling_slopes_and_no_point_lies_above_it(
    points: list[tuple[float, float]],
) -> None:
    hull = ndch(points)
    steps = np.diff(hull, axis=0)
    assert (steps > 0).all()
    slopes = steps[:, 1] / steps[:, 0]
    assert (np.diff(slopes) <= 1e-12 * slopes[:-1]).all()
    cloud = np.array(points)
    assert (hull_value(hull, cloud[:, 0]) >= cloud[:, 1] - 1e-9).all()
    assert {tuple(v) for v in hull.tolist()} <= {(float(c), float(q)) for c, q in points}


@given(clouds, st.floats(0.01, 50))
def test_an_area_lies_between_the_lowest_and_the_highest_score(
    points: list[tuple[float, float]], width: float
) -> None:
    low = min(c for c, _ in points)
    area = aiq(points, low, low + width)
    values = [q for _, q in points]
    assert min(values) - 1e-9 <= area <= max(values) + 1e-9


@given(clouds, st.data())
def test_a_dominated_point_changes_nothing(
    points: list[tuple[float, float]], data: st.DataObject
) -> None:
    cost, score = data.draw(st.sampled_from(points))
    worse = (cost + data.draw(costs), data.draw(scores) * score)
    assert ndch([*points, worse]).tolist() == ndch(points).tolist()


@given(st.lists(clouds, min_size=1, max_size=4), st.floats(0, 120), st.floats(0, 1))
def test_many_hulls_at_once_are_each_the_one_hull(
    many: list[list[tuple[float, float]]], bound: float, score: float
) -> None:
    longest = max(map(len, many))
    padded = np.array([points + [points[-1]] * (longest - len(points)) for points in many])
    curves = Curves.hull(padded[:, :, 0], padded[:, :, 1])
    for row, points in enumerate(many):
        hull = ndch(points)
        together = np.column_stack([curves.costs[row], curves.scores[row]])
        assert np.unique(together, axis=0).tolist() == hull.tolist()
        start = float(hull[0, 0])
        assert curves.values(start + bound)[row] == pytest.approx(
            float(hull_value(hull, start + bound))
        )
        assert curves.areas(start, start + bound + 0.1)[row] == pytest.approx(
            aiq(points, start, start + bound + 0.1)
        )
        reached = curves.costs_at(np.full(len(many), score))[row]
        if min(abs(score - hull[:, 1])) > 1e-9:
            assert reached == pytest.approx(hull_cost(hull, score))


def test_a_path_joins_points_by_cost_and_lifts_none() -> None:
    path = Curves.path(np.array([[3.0, 1.0, 2.0]]), np.array([[1.0, 0.0, 0.0]]))
    assert path.areas(1, 3).tolist() == [0.25]
    assert Curves.hull(path.costs, path.scores).areas(1, 3).tolist() == [0.5]
