"""Tables that were bought in part, for a reason."""

from dataclasses import replace

import numpy as np

from routewright import routers
from routewright.routers.partial import PartialRouter
from tests.unit.active.pools import pool


def bought_where_cheap_failed(data, seed=0):
    """Cheap asked always, dear where cheap was wrong and of the rest one in five."""
    keep = np.random.default_rng(seed).random(len(data)) < 0.2
    asked = np.ones(data.scores.shape, dtype=bool)
    asked[:, 3] = (data.scores[:, 0] == 0) | keep
    cut = {name: np.where(asked, getattr(data, name), np.nan) for name in ("scores", "costs")}
    return replace(data, **cut)


def test_on_a_complete_table_it_is_the_ridge_router():
    data = pool(150)
    ridge = routers.make("ridge").fit(data).predict(data.prompts)
    ours = routers.make("partial").fit(data).predict(data.prompts)
    assert np.allclose(ours.scores, ridge.scores, atol=1e-9)


def test_a_model_that_was_asked_where_another_failed_is_not_taken_for_worse():
    seen, ours = [], []
    for seed in range(4):
        data = pool(500, seed)
        chance = np.where(data.scores[:, 0] == 1, 0.95, 0.5)  # what cheap can do, dear can
        scores = data.scores.copy()
        scores[:, 3] = np.random.default_rng([seed, 5]).random(len(data)) < chance
        truth = scores[:, 3].mean()
        part = bought_where_cheap_failed(replace(data, scores=scores), seed)
        told = PartialRouter(encoder="words").fit(part).predict(data.prompts)
        seen.append(float(np.nanmean(part.scores[:, 3]) - truth))
        ours.append(float(told.scores[:, 3].mean() - truth))
    assert np.mean(seen) < -0.1, "the tables are not biased, so this test proves nothing"
    assert abs(np.mean(ours)) < 0.02


def test_filled_holes_take_from_the_rows_other_scores():
    data = pool(800)
    rng = np.random.default_rng(0)
    same = data.scores.copy()
    same[:, 1] = same[:, 0]  # a model that is right exactly where another is
    hole = rng.random(len(data)) < 0.5
    part = same.copy()
    part[hole, 1] = np.nan
    holed = replace(data, scores=part)
    router = PartialRouter().fit(holed)
    filled, spread = router.fill(holed)
    kept = np.isfinite(part)
    assert np.allclose(filled.scores[kept], part[kept])
    assert (spread[kept] == 0).all()
    assert (spread[~kept] > 0).all()
    assert np.abs(filled.scores[hole, 1] - same[hole, 1]).mean() < 0.1
