"""Similarity-weighted ranking: fixture E, its limits, votes, holes."""

from __future__ import annotations

import numpy as np
import pytest

from routewright import worlds
from routewright.data import RoutingData
from routewright.errors import ConfigError
from routewright.metrics import apgr
from routewright.metrics.bradley_terry import bradley_terry, similarity_weights, win_table
from routewright.routers import check
from routewright.routers.check import sample_data
from routewright.routers.comparisons import (
    Grid,
    Pairs,
    beats,
    chances,
    compare,
    opponents,
    rates,
    score_map,
    vote_map,
)
from routewright.routers.ranking import Ranking, RankingRouter, _nearest
from routewright.types import Prompt


def ranking(gamma=10.0, models=2, n=4, nearest=()):
    vectors = np.zeros((3, n), np.float32)
    return Ranking(vectors, np.array(nearest, np.float32), np.zeros(models), gamma)


def test_fixture_e_weights_but_for_a_factor_and_win_rate() -> None:
    weights = ranking().weights(np.array([1, 0.5, 0], np.float32))
    assert 100 * weights == pytest.approx([100, 31.6228, 10], rel=1e-5)
    three_of_four = compare(np.array([[1, 0], [1, 0], [1, 0], [0, 1.0]]))
    told = ranking().chances(np.ones(4, np.float32), three_of_four)
    assert told == pytest.approx(np.array([[0.5, 0.75], [0.25, 0.5]]))


def test_the_papers_normaliser_gives_the_papers_weights() -> None:
    near = np.array([0.4, 0.4, 0.1], np.float32)
    nearest = [0.8, 0.4, 0.5]
    weights = ranking(nearest=nearest).weights(near)
    paper = similarity_weights(near, 10, "train", nearest=nearest)
    assert weights == pytest.approx(paper / paper.max(), rel=1e-5)


def test_nearest_is_the_highest_similarity_with_another_prompt() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(1_203, 4)).astype(np.float32)  # more than a block
    vectors[-1] = 0
    similar = vectors @ vectors.T
    np.fill_diagonal(similar, -np.inf)
    assert _nearest(vectors) == pytest.approx(np.maximum(similar.max(axis=1), 1e-3), rel=1e-5)


def holed(n, m, share, seed=0):
    rng = np.random.default_rng(seed)
    return np.where(rng.random((n, m)) < share, rng.integers(0, 3, (n, m)) / 2, np.nan)


def test_both_forms_of_comparisons_count_the_same_wins() -> None:
    scores, weights = holed(40, 5, 0.4), np.random.default_rng(1).random(40)
    first, second, won, weight = [], [], [], []
    for row in range(40):
        for i in range(5):
            for j in range(i + 1, 5):
                if np.isfinite(scores[row, [i, j]]).all():
                    first.append(i)
                    second.append(j)
                    won.append((1 + scores[row, i] - scores[row, j]) / 2)
                    weight.append(weights[row])
    by_hand = win_table(first, second, won, models=5, weights=weight)
    pairs = compare(scores)
    assert isinstance(pairs, Pairs)
    grid = Grid(np.where(np.isfinite(scores), scores, 0), np.isfinite(scores).astype(float))
    assert pairs.wins(weights, 5) == pytest.approx(by_hand)
    assert grid.wins(weights, 5) == pytest.approx(by_hand)
    assert isinstance(compare(holed(10, 5, 1.1)), Grid)


def test_two_models_in_closed_form_are_newtons() -> None:
    wins = np.array([[0.0, 3.0], [1.0, 0.0]])
    assert chances(wins, np.zeros(2)) == pytest.approx(beats(bradley_terry(wins)), abs=1e-6)


def test_a_model_the_near_prompts_do_not_tell_of_keeps_its_global_strength() -> None:
    wins = np.zeros((3, 3))
    wins[0, 1] = wins[1, 0] = 2
    strengths = np.array([-0.5, -0.5, 1.0])
    told = chances(wins, strengths)
    assert told[2, 0] == pytest.approx(1 / (1 + np.exp(-1.5)), abs=1e-6)


def test_win_rates_become_scores_with_the_difference_of_two_models() -> None:
    scores = np.array([[1, 0], [1, 0], [1, 1], [0, 1.0]])
    mu, field = scores.mean(axis=0), opponents(scores)
    whole = rates(np.array([[0.5, 0.625], [0.375, 0.5]]), field)
    told = score_map(field, mu, whole)
    assert told.scores(whole) == pytest.approx(mu)
    here = told.scores(rates(np.array([[0.5, 0.8], [0.2, 0.5]]), field))
    assert here[0] - here[1] == pytest.approx(2 * 0.8 - 1)
    assert here.mean() == pytest.approx(mu.mean())


def test_on_votes_a_score_is_the_chance_against_one_of_the_others() -> None:
    nan = np.nan
    field = opponents(np.array([[1, 0, nan, nan], [nan, 0.5, 0.5, nan], [1, nan, 0, nan]]))
    assert field.tolist() == [True, True, True, False]
    chance = beats(np.array([1.0, 0.0, -2.0, 9.0]))
    told = vote_map(field, np.full(4, 0.25)).scores(rates(chance, field))
    assert told[:3] == pytest.approx((chance[:3, :3].sum(axis=1) - 0.5) / 2)
    assert told[:3].sum() == pytest.approx(1.5)
    assert told[3] == 0.25


def kinds(n=120, seed=0):
    """Two kinds of prompts with words of their own: in each another of three models is good."""
    rng = np.random.default_rng(seed)
    words = ("sum plus minus digits", "poem verse rhyme stanza")
    prompts = tuple(
        Prompt.from_text(f"p{i}", " ".join(rng.permutation(words[i % 2].split())[:3]))
        for i in range(n)
    )
    skill = np.array([[0.9, 0.5, 0.2], [0.2, 0.5, 0.9]])[np.arange(n) % 2]
    scores = (rng.random((n, 3)) < skill).astype(float)
    return RoutingData(prompts, ("a", "b", "c"), scores, np.ones((n, 3)))


def test_gamma_one_is_the_global_fit() -> None:
    data = kinds()
    told = RankingRouter(gamma=1.0).fit(data).predict(data.prompts[:4])
    assert told.scores == pytest.approx(np.tile(data.scores.mean(axis=0), (4, 1)), abs=1e-6)
    votes = worlds.pairwise_preference().votes(200, seed=0)
    router = RankingRouter(gamma=1.0).fit(votes.as_data())
    whole = bradley_terry(win_table(votes.first, votes.second, votes.won, models=3))
    rates = (beats(whole).sum(axis=1) - 0.5) / 2
    assert router.predict(votes.prompts[:1]).scores[0] == pytest.approx(rates, abs=1e-5)


def test_an_unbounded_gamma_is_what_the_nearest_prompts_say() -> None:
    world = worlds.pairwise_preference(separation=1.0)
    votes, test = world.votes(1_200, seed=1), world.drawn(40, seed=2)
    sharp = RankingRouter(gamma=1e8, encoder="hashed:2").fit(votes.as_data())
    told = sharp.predict(test.data.prompts)
    rates = (world.win_rates().sum(axis=2) - 0.5) / 2
    assert told.scores == pytest.approx(rates[test.kinds], abs=0.08)
    blunt = RankingRouter(gamma=1.0, encoder="hashed:2").fit(votes.as_data())
    off = np.abs(blunt.predict(test.data.prompts).scores - rates[test.kinds]).max()
    assert off > 0.15


def test_ties_count_where_decided_votes_alone_mislead() -> None:
    world = worlds.tie_heavy()
    train, test = world.votes(1_000, seed=3).as_data(), world.draw(1_000, seed=4)
    decided = train.subset((train.scores != 0.5).any(axis=1))
    found = []
    for data in (train, decided):
        told = RankingRouter(gamma=1e4, encoder="hashed:2").fit(data).predict(test.prompts).scores
        found.append(apgr(test.scores[:, 1], test.scores[:, 0], told[:, 1] - told[:, 0]))
    # The bounds of the two, by hand: .729 and .271.
    assert found[0] > 0.68
    assert found[1] < 0.4


def test_gamma_is_chosen_high_where_kinds_fall_apart_and_low_where_nothing_is_to_learn() -> None:
    apart = RankingRouter().fit(kinds())
    assert apart.ranking_.gamma >= 100
    luck = kinds()
    shuffled = np.random.default_rng(0).permutation(luck.scores)
    data = RoutingData(luck.prompts, luck.models, shuffled, luck.costs)
    assert RankingRouter().fit(data).ranking_.gamma == 10


def test_several_votes_on_one_text_share_its_vector() -> None:
    data = sample_data(models=2, n=20)
    prompts = tuple(Prompt.from_text(f"p{i}", f"text {i % 5}") for i in range(20))
    data = RoutingData(prompts, data.models, data.scores, data.costs)
    router = RankingRouter(gamma=10.0).fit(data)
    assert router.ranking_.vectors.shape[1] == 5


@pytest.mark.parametrize("models", [2, 4])
def test_holes_leave_a_model_never_scored_at_the_worst_mean(models) -> None:
    data = sample_data(models=models)
    scores = data.scores.copy()
    scores[:, 1] = np.nan
    scores[::3, 0] = np.nan
    cut = RoutingData(data.prompts, data.models, scores, data.costs)
    told = RankingRouter().fit(cut).predict(data.prompts).scores
    worst = np.nanmean(np.delete(scores, 1, axis=1), axis=0).min()
    least = np.delete(told, 1, axis=1).min(axis=1)
    assert told[:, 1] == pytest.approx(np.minimum(least, worst))


def test_votes_keep_the_contract_and_normalise_train_does() -> None:
    votes = worlds.pairwise_preference().votes(60, seed=0).as_data()
    router = RankingRouter().fit(votes)
    assert np.isfinite(router.predict(votes.prompts).scores).all()
    check.check_router(lambda **given: RankingRouter(**{"normalise": "train"} | given))


@pytest.mark.parametrize("wrong", [{"gamma": 0.0}, {"gamma": np.inf}, {"normalise": "paper"}])
def test_wrong_parameters_are_named(wrong) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        RankingRouter(**wrong).fit(sample_data())
