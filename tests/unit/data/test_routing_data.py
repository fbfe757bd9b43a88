"""The matrices: shapes, cuts, groups."""

from __future__ import annotations

import numpy as np
import pytest

from routewright.data import RoutingData
from routewright.errors import DataError, UnknownModelError
from routewright.types import Prompt

PROMPTS = tuple(Prompt.from_text(f"p{row}", f"text {row}") for row in range(3))
SCORES = np.array([[0.0, 1.0], [0.5, np.nan], [1.0, 0.25]])
COSTS = np.array([[1.0, 2.0], [3.0, 4.0], [np.nan, 6.0]])
DATA = RoutingData(PROMPTS, ("a", "b"), SCORES, COSTS)


def test_values_are_frozen_and_what_is_not_given_is_nan() -> None:
    with pytest.raises(ValueError, match="read-only"):
        DATA.scores[0, 0] = 1
    assert np.isnan(DATA.latencies).all()
    assert DATA.latencies.shape == (3, 2)
    assert DATA.complete.tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("rows", "ids"),
    [
        ([2, 0], ["p2", "p0"]),
        (np.array([True, False, True]), ["p0", "p2"]),
        ([], []),
        (np.zeros(3, dtype=np.bool_), []),
    ],
)
def test_a_subset_keeps_prompts_and_matrices_together(rows: list[int], ids: list[str]) -> None:
    cut = DATA.subset(rows)
    assert [p.id for p in cut] == ids
    assert len(cut) == len(ids)
    expected = SCORES[[int(id[1]) for id in ids]] if ids else np.empty((0, 2))
    np.testing.assert_array_equal(cut.scores, expected)


def test_models_are_selected_in_the_order_asked_for() -> None:
    cut = DATA.select_models(["b", "a"])
    assert cut.models == ("b", "a")
    np.testing.assert_array_equal(cut.costs, COSTS[:, ::-1])
    with pytest.raises(UnknownModelError, match="no model 'c'; it has a, b"):
        DATA.select_models(["c"])


def test_shapes_and_names_are_checked() -> None:
    with pytest.raises(DataError, match=r"costs has shape \(1, 2\), needs \(3, 2\)"):
        RoutingData(PROMPTS, ("a", "b"), SCORES, COSTS[:1])
    with pytest.raises(DataError, match="model 'a' appears twice"):
        RoutingData(PROMPTS, ("a", "a"), SCORES, COSTS)
    with pytest.raises(DataError, match="prompt id 'p0' appears twice"):
        RoutingData(PROMPTS[:1] * 3, ("a", "b"), SCORES, COSTS)
