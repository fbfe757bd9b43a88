"""What holds in every world."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routewright import worlds
from routewright.metrics import hull_value
from routewright.worlds.language import speech_along, speech_apart

shares_of_one = st.floats(0, 1).map(lambda x: round(x, 3))


@st.composite
def clusters(draw: Any) -> dict[str, Any]:
    kinds, m = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    rows = st.lists(shares_of_one, min_size=m, max_size=m)
    prices = st.lists(st.floats(0.1, 9).map(lambda x: round(x, 2)), min_size=m, max_size=m)
    weights = np.array(draw(st.lists(st.integers(1, 9), min_size=kinds, max_size=kinds)))
    return {
        "scores": draw(st.lists(rows, min_size=kinds, max_size=kinds)),
        "costs": draw(st.lists(prices, min_size=kinds, max_size=kinds)),
        "shares": weights / weights.sum(),
        "length": 5,
    }


@given(clusters(), shares_of_one)
@settings(max_examples=60)
def test_a_frontier_rises_ever_more_slowly(given_: dict[str, Any], separation: float) -> None:
    frontier = worlds.cluster_bernoulli(separation=separation, **given_).frontier()
    steps = np.diff(frontier, axis=0)
    assert (steps > 0).all()
    slopes = steps[:, 1] / steps[:, 0]
    assert (slopes[1:] < slopes[:-1] * (1 + 1e-6)).all()


@given(clusters(), shares_of_one)
@settings(max_examples=60)
def test_oracle_above_frontier_above_zero(given_: dict[str, Any], separation: float) -> None:
    world = worlds.cluster_bernoulli(separation=separation, **given_)
    frontier, zero = world.frontier(), world.zero_frontier()
    assert frontier[0, 0] <= zero[0, 0] * (1 + 1e-12)
    costs = np.linspace(zero[0, 0] * (1 + 1e-12), 10, 30)
    assert (hull_value(frontier, costs) >= hull_value(zero, costs) - 1e-9).all()
    assert world.oracle()[0] >= frontier[-1, 1] - 1e-9


@given(clusters(), shares_of_one, shares_of_one)
@settings(max_examples=60)
def test_clearer_words_never_hurt(given_: dict[str, Any], one: float, other: float) -> None:
    vague, clear = sorted([one, other])
    lower, upper = (
        worlds.cluster_bernoulli(separation=separation, **given_) for separation in (vague, clear)
    )
    assert lower.aiq() <= upper.aiq() + 1e-9


@pytest.mark.parametrize("world", [worlds.nested_difficulty, worlds.logistic])
def test_clearer_words_help_step_by_step(world: Any) -> None:
    areas = [float(world(separation=s).aiq()) for s in np.linspace(0, 1, 9)]
    assert (np.diff(areas) > 0).all()


@given(clusters())
@settings(max_examples=40)
def test_where_words_say_nothing_the_frontier_is_the_zero_hull(given_: dict[str, Any]) -> None:
    world = worlds.cluster_bernoulli(separation=0, **given_)
    np.testing.assert_allclose(world.frontier(), world.zero_frontier(), rtol=1e-9)


@pytest.mark.parametrize("world", [worlds.nested_difficulty, worlds.logistic])
def test_so_it_is_in_the_other_worlds(world: Any) -> None:
    blind = world(separation=0)
    np.testing.assert_allclose(blind.frontier(), blind.zero_frontier(), rtol=1e-9)


@given(clusters())
@settings(max_examples=40)
def test_where_words_say_all_the_length_of_a_prompt_is_nothing(given_: dict[str, Any]) -> None:
    visible = worlds.cluster_bernoulli(separation=1, **given_)
    single = worlds.cluster_bernoulli(separation=1, **{**given_, "length": 1})
    np.testing.assert_allclose(visible.frontier(), single.frontier(), rtol=1e-9)


@given(st.integers(1, 8), shares_of_one, st.sampled_from([speech_apart, speech_along]))
def test_speech_is_a_chance_for_every_block(kinds: int, separation: float, speech: Any) -> None:
    rows = speech(kinds, separation)
    assert (rows >= 0).all()
    np.testing.assert_allclose(rows.sum(axis=1), 1)
    np.testing.assert_allclose(speech(kinds, 1), np.eye(kinds), atol=1e-12)
    np.testing.assert_allclose(speech(kinds, 0), 1 / kinds, atol=1e-12)


def test_neighbours_in_difficulty_speak_most_alike() -> None:
    first = speech_along(5, 0.6)[0]
    assert (np.diff(first) < 0).all()
