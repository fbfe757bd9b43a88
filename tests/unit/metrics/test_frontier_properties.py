"""What must hold of any hull and any area under it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routewright.metrics import aiq, hull_value, ndch
from routewright.metrics.frontier import quality_neutral_cost

costs = st.floats(0, 100).map(lambda x: round(x, 3))
scores = st.floats(0, 1).map(lambda x: round(x, 3))
clouds = st.lists(st.tuples(costs, scores), min_size=1, max_size=20)
places = st.lists(st.floats(0, 150), min_size=3, max_size=3).map(sorted)


@given(clouds, places)
def test_a_hull_never_falls_and_never_bends_upwards(
    points: list[tuple[float, float]], at: list[float]
) -> None:
    hull = ndch(points)
    left, middle, right = (hull[0, 0] + np.array(at)).tolist()
    low, value, high = hull_value(hull, [left, middle, right]).tolist()
    assert low - 1e-12 <= value <= high + 1e-12
    if right > left:
        chord = low + (high - low) * (middle - left) / (right - left)
        assert value >= chord - 1e-9


@given(clouds, clouds, st.floats(0.01, 50))
def test_more_points_never_lower_an_area(
    points: list[tuple[float, float]], more: list[tuple[float, float]], width: float
) -> None:
    low = min(cost for cost, _ in points)
    assert aiq([*points, *more], low, low + width) >= aiq(points, low, low + width) - 1e-12


@given(clouds, st.floats(0.01, 50))
def test_both_conventions_stay_between_the_lowest_and_the_highest_score(
    points: list[tuple[float, float]], width: float
) -> None:
    low = min(cost for cost, _ in points)
    every = [score for _, score in points]
    paper = aiq(points, low, low + width)
    assert min(every) - 1e-9 <= paper <= max(every) + 1e-9
    code = aiq(points, low, low + width, convention="routerbench_code")
    assert -1e-9 <= code <= max(every) + 1e-9


def test_quality_neutral_cost_is_read_off_the_hull() -> None:
    points = [(1, 0.5), (2, 0.4), (3, 0.8), (6, 0.9)]
    assert quality_neutral_cost(points, 0.65, 4) == pytest.approx(0.5)
    assert quality_neutral_cost(points, 0.95, 4) == np.inf
    with pytest.raises(ValueError, match="above 0"):
        quality_neutral_cost(points, 0.65, 0)
