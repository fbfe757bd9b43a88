"""Worlds small enough to be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from routewright import policy, worlds
from routewright.errors import ConfigError
from routewright.metrics import aiq, oracle, oracle_curve, sweep
from routewright.metrics.luck import luck_floor, shuffled_oracle


def test_fixture_h_two_clusters() -> None:
    world = worlds.cluster_bernoulli()
    np.testing.assert_allclose(world.frontier(), [[1, 0.6], [3, 0.9], [5, 0.925]], rtol=1e-12)
    np.testing.assert_allclose(world.zero_frontier(), [[1, 0.6], [5, 0.925]], rtol=1e-12)
    assert world.aiq(1, 5) == pytest.approx(0.83125)
    assert world.zero_aiq(1, 5) == pytest.approx(0.7625)
    assert world.oracle() == pytest.approx((0.9625, 2.45))
    assert world.bounds == (1, 5)
    assert world.aiq_se() == 0


@pytest.mark.parametrize(
    ("slope", "easy", "hard"),
    [(0.1501, "A", "A"), (0.1499, "A", "B"), (0.0126, "A", "B"), (0.0124, "B", "B")],
)
def test_fixture_h_switches_where_it_should(slope: float, easy: str, hard: str) -> None:
    world = worlds.cluster_bernoulli()
    drawn = world.drawn(50, seed=1)
    chosen = policy.choose(drawn.scores, drawn.costs, 1 / slope)
    names = np.array(world.models)[chosen]
    assert set(names[drawn.kinds == 0]) == {easy}
    assert set(names[drawn.kinds == 1]) == {hard}


def test_fixture_i_nested_difficulty() -> None:
    world = worlds.nested_difficulty()
    np.testing.assert_allclose(world.frontier(), [[1, 0.5], [1.6, 0.8], [2.95, 0.95]], rtol=1e-12)
    assert world.aiq(1, 10) == pytest.approx(0.91875)
    assert world.zero_aiq(1, 10) == pytest.approx(0.825)
    assert world.oracle() == pytest.approx((0.95, 2.95))


def test_fixture_i_drawn_is_nested_and_its_oracle_has_the_curve_of_the_best_router() -> None:
    world = worlds.nested_difficulty()
    data = world.draw(20_000, seed=3)
    assert (np.diff(data.scores, axis=1) >= 0).all()
    points = oracle_curve(data.scores, data.costs).points
    assert aiq(points, 1, 10) == pytest.approx(0.91875, abs=0.006)
    assert data.scores.mean(axis=0) == pytest.approx([0.5, 0.8, 0.95], abs=0.012)


def test_luck_leaves_nothing_to_a_router_and_everything_to_an_oracle() -> None:
    world = worlds.luck(3, options=4)
    assert world.frontier()[:, 1].tolist() == [0.25]
    assert world.aiq() == world.zero_aiq() == 0.25
    assert world.oracle()[0] == pytest.approx(float(luck_floor(4, 3)))


def test_shuffling_leaves_the_oracle_alone_where_all_is_luck_and_only_there() -> None:
    guessed = worlds.luck(4, options=3).draw(4_000, seed=1).scores
    null = shuffled_oracle(guessed, seed=0, draws=50)
    assert abs(guessed.max(axis=1).mean() - null.mean()) < 4 * null.std()
    nested = worlds.nested_difficulty().draw(4_000, seed=1).scores
    assert shuffled_oracle(nested, seed=0, draws=20).min() > nested.max(axis=1).mean() + 0.02


@pytest.mark.parametrize("spread", [0.0, 0.5, 1.0])
def test_the_oracle_in_closed_form_is_that_of_the_outcomes(spread: float) -> None:
    world = worlds.cluster_bernoulli(
        [[0.5, 0.6, 0.9], [0.3, 0.7, 0.4]],
        [[1, 1.5, 5], [2, 3, 1]],
        shares=(0.3, 0.7),
        cost_spread=spread,
    )
    data = world.draw(40_000, seed=2)
    found = oracle(data.scores, data.costs)
    assert world.oracle() == pytest.approx((found.mean_score, found.mean_cost_usd), rel=0.02)
    assert data.costs.mean(axis=0) == pytest.approx(world.single_models[:, 0], rel=0.03)


def test_the_frontier_joins_clusters_by_slope_and_starts_at_their_cheapest_models() -> None:
    world = worlds.cluster_bernoulli(
        [[0.2, 0.6], [0.9, 0.5]], [[1, 2], [4, 1]], shares=(0.75, 0.25)
    )
    # Cluster 1 pays .4 for 1, cluster 2 starts at its second model and pays .4 for 3.
    expected = [[1, 0.275], [1.75, 0.575], [2.5, 0.675]]
    np.testing.assert_allclose(world.frontier(), expected, rtol=1e-12)


def test_expectations_follow_bayes_rule_on_the_words() -> None:
    world = worlds.cluster_bernoulli(separation=0.4, shares=(0.8, 0.2), length=3)
    data = world.draw(30, seed=5)
    counts = world.language.read(data)
    odds = 4.0 * (0.7 / 0.3) ** (counts[:, 0] - counts[:, 1])
    belief = odds / (1 + odds)
    scores, costs = world.expected(data)
    np.testing.assert_allclose(scores[:, 0], 0.9 * belief + 0.3 * (1 - belief), rtol=1e-12)
    np.testing.assert_allclose(costs, np.tile([1.0, 5.0], (30, 1)), rtol=1e-12)


def test_what_is_expected_is_what_comes_true_wherever_a_router_looks() -> None:
    drawn = worlds.logistic(separation=0.7).drawn(20_000, seed=4)
    for model in range(4):
        order = np.argsort(drawn.scores[:, model]).reshape(10, -1)
        told = drawn.scores[order, model].mean(axis=1)
        came = drawn.data.scores[order, model].mean(axis=1)
        np.testing.assert_allclose(came, told, atol=4.5 * np.sqrt(0.25 / 2_000))


def test_a_world_too_rich_to_list_is_sampled_and_says_how_sure_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    p = np.random.default_rng(0).random((5, 3))

    def world() -> worlds.World:
        return worlds.cluster_bernoulli(p, (1, 2, 5), separation=0.5, length=8)

    exact = world()
    assert exact.aiq_se() == 0
    monkeypatch.setattr("routewright.worlds.world.MOST_VIEWS", 100)
    sampled = world()
    assert 0 < sampled.aiq_se() < 1e-3
    assert 0 < abs(sampled.aiq() - exact.aiq()) < 3 * sampled.aiq_se()


def test_draws_are_equal_for_equal_seeds_and_share_no_prompt_between_seeds() -> None:
    world = worlds.cluster_bernoulli(cost_spread=0.3, tasks=("sums", "law"))
    one, again, other = (world.draw(200, seed=seed) for seed in (1, 1, 2))
    assert one.prompts == again.prompts
    assert np.array_equal(one.scores, again.scores)
    assert np.array_equal(one.costs, again.costs)
    assert not {p.id for p in one} & {p.id for p in other}
    assert not {p.text for p in one} & {p.text for p in other}
    assert set(one.tasks) == {"sums", "law"}


def test_a_sweep_over_the_truth_stays_under_the_frontier_in_expectation() -> None:
    world = worlds.logistic(separation=0.5)
    drawn = world.drawn(5_000, seed=6)
    points = sweep(drawn.scores, drawn.costs, drawn.scores, drawn.costs).points
    assert aiq(points, *world.bounds) == pytest.approx(float(world.aiq()), abs=0.006)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"scores": [[0.5, 1.5]]}, "scores must lie"),
        ({"scores": [0.5, 0.5]}, "row per kind"),
        ({"shares": (0.5, 0.6)}, "shares must sum to 1"),
        ({"costs": (1.0, 0.0)}, "costs must be finite and above 0"),
        ({"costs": (1.0, 2.0, 3.0)}, "costs have shape"),
        ({"separation": 1.5}, "separation is 1.5"),
        ({"cost_spread": -1}, "cost_spread"),
        ({"tasks": ("one",)}, "tasks must name all 2 kinds"),
        ({"models": ("A",)}, "scores has shape"),
        ({"length": 0}, "length must be 1"),
    ],
)
def test_an_impossible_world_is_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        worlds.cluster_bernoulli(**wrong)  # pyright: ignore[reportArgumentType]  # wrong on purpose


def test_reaches_must_rise() -> None:
    with pytest.raises(ConfigError, match="that rise"):
        worlds.nested_difficulty((0.8, 0.5))
