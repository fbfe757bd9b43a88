"""Data that went wrong in a known way."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from routewright import worlds
from routewright.data.duplicates import match
from routewright.errors import ConfigError

WORLD = worlds.cluster_bernoulli(cost_spread=0.3)


def test_a_judge_errs_at_every_models_own_rates() -> None:
    data = WORLD.draw(20_000, seed=1)
    noisy = worlds.with_judge_noise(data, [0.0, 0.2], seed=2)
    assert np.array_equal(noisy.scores[:, 0], data.scores[:, 0])
    assert (noisy.scores != data.scores)[:, 1].mean() == pytest.approx(0.2, abs=0.01)
    pairs = worlds.with_judge_noise(data, [[0.1, 0.2], [0.0, 0.3]], seed=2)
    # Rogan and Gladen undo it: (observed + specificity - 1) / (sensitivity + specificity - 1).
    observed, truth = pairs.scores.mean(axis=0), data.scores.mean(axis=0)
    undone = (observed - [0.2, 0.3]) / [1 - 0.3, 1 - 0.3]
    assert undone == pytest.approx(truth, abs=0.02)


def test_noise_keeps_gaps_and_graded_scores() -> None:
    data = WORLD.draw(500, seed=1)
    holed = worlds.with_missing(data, 0.4, seed=3)
    noisy = worlds.with_judge_noise(replace(holed, scores=holed.scores * 0.8), [1, 1], seed=4)
    assert np.array_equal(np.isnan(noisy.scores), np.isnan(holed.scores))
    np.testing.assert_allclose(noisy.scores, 1 - 0.8 * holed.scores)


def test_cells_lost_at_random_leave_the_means_alone() -> None:
    data = WORLD.draw(20_000, seed=1)
    holed = worlds.with_missing(data, 0.3, seed=5)
    assert np.isnan(holed.scores).mean() == pytest.approx(0.3, abs=0.01)
    assert np.array_equal(np.isnan(holed.scores), np.isnan(holed.costs))
    assert np.nanmean(holed.scores, axis=0) == pytest.approx(data.scores.mean(axis=0), abs=0.015)


def test_logged_cells_bias_naive_means_and_weights_undo_it() -> None:
    data = WORLD.draw(20_000, seed=1)
    truth = data.scores.mean(axis=0)
    logged = worlds.with_missing(data, 0.5, mechanism="logged", seed=6)
    kept = np.isfinite(logged.scores)
    assert kept.mean() == pytest.approx(0.5, abs=0.01)
    naive = np.nanmean(logged.scores, axis=0)
    assert naive[0] > truth[0] + 0.1
    assert naive[1] < truth[1] - 0.02
    weight = kept / worlds.kept_chance(data, 0.5, mechanism="logged")
    weighted = (weight * data.scores).sum(axis=0) / weight.sum(axis=0)
    assert weighted == pytest.approx(truth, abs=0.015)


def test_losing_all_or_nothing() -> None:
    data = WORLD.draw(50, seed=1)
    for mechanism in ("random", "logged"):
        lost = [worlds.with_missing(data, s, mechanism=mechanism, seed=1).scores for s in (0, 1)]
        assert np.isfinite(lost[0]).all()
        assert np.isnan(lost[1]).all()


def test_leaked_prompts_are_in_training_and_the_contamination_check_finds_them() -> None:
    train, test = WORLD.draw(600, seed=1), WORLD.draw(400, seed=2)
    named = replace(
        test, prompts=tuple(msgspec.structs.replace(p, group=f"g{p.id}") for p in test.prompts)
    )
    leaky = worlds.with_leak(train, named, 0.05, seed=7)
    assert len(leaky) == 620
    found = match([p.text for p in test], [p.text for p in leaky])
    there = np.isin([p.text for p in test], [p.text for p in leaky.prompts[600:]])
    assert there.sum() == 20
    assert (found.kind != "")[there].mean() >= 0.95
    assert (found.kind != "")[~there].mean() < 0.01
    assert not set(leaky.groups) & set(named.groups)
    rows = [int(np.flatnonzero([p.text == q.text for q in test])[0]) for p in leaky.prompts[600:]]
    assert np.array_equal(leaky.scores[600:], test.scores[rows])


def test_what_can_t_be_asked_is_refused() -> None:
    data = WORLD.draw(10, seed=1)
    with pytest.raises(ConfigError, match="2 shares"):
        worlds.with_judge_noise(data, [0.1], seed=1)
    with pytest.raises(ConfigError, match="no mechanism 'often'"):
        worlds.with_missing(data, 0.1, mechanism="often", seed=1)  # pyright: ignore[reportArgumentType]  # wrong on purpose
    with pytest.raises(ConfigError, match=r"share is 1\.5"):
        worlds.with_missing(data, 1.5, seed=1)
    with pytest.raises(ConfigError, match="same models"):
        worlds.with_leak(data, data.select_models(["A"]), 0.1, seed=1)
