import numpy as np

from routewright.routers.doubt import fit_doubt


def test_the_doubt_is_larger_where_held_out_prompts_were_told_wrongly():
    rng = np.random.default_rng(0)
    told = np.repeat([[0.2], [0.8]], 500, axis=0) + rng.normal(0, 0.01, (1000, 1))
    chance = np.where(told < 0.5, told, 0.5)  # high promises are not kept
    doubt = fit_doubt(told, (rng.random(told.shape) < chance).astype(float))
    low, high = doubt.of(np.array([[0.2], [0.8]])).ravel()
    assert low < 0.06
    assert 0.2 < high < 0.35


def test_more_held_out_prompts_leave_less_doubt():
    rng = np.random.default_rng(0)

    def doubt(n):
        scores = (rng.random((n, 1)) < 0.5).astype(float)
        return fit_doubt(np.full((n, 1), 0.5), scores).of(np.array([[0.5]])).item()

    assert doubt(4_000) < doubt(40) < 0.3


def test_a_model_without_a_held_out_score_may_be_anywhere():
    told = np.tile([0.4, 0.4], (50, 1))
    scores = np.column_stack([np.full(50, 0.4), np.full(50, np.nan)])
    known, unknown = fit_doubt(told, scores).of(told[:1]).ravel()
    assert known < 1e-9
    assert unknown == 0.5


def test_one_held_out_prompt_is_enough_to_say_something():
    doubt = fit_doubt(np.array([[0.25, 0.5]]), np.array([[1.0, np.nan]]))
    assert np.isfinite(doubt.of(np.array([[0.0, 1.0]]))).all()
