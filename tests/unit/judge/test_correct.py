"""Corrected means: on simulated judges with a known bias the truth is recovered and covered."""

import math

import numpy as np
import pytest

from routewright.errors import DataError
from routewright.judge.correct import FEWEST, audit_models, correct, shifted
from routewright.judge.sample import Graded, audit_order

MODELS = ("a", "b")
KIND = {"a": 1.2, "b": -0.4}  # by how much the judge errs for each


def world(rng, n=300):
    """True and judged marks of two models; the judge likes one and dislikes the other."""
    truth, judged = {}, {}
    for model in MODELS:
        real = np.clip(np.round(rng.normal(3.0, 1.3, n)), 0, 5)
        seen = np.clip(np.round(real + KIND[model] + rng.normal(0, 0.8, n)), 0, 5)
        for i in range(n):
            truth[f"p{i}", model, 0] = float(real[i])
            judged[f"p{i}", model, 0] = float(seen[i])
    return truth, judged


def audited(truth, judged, size, seed):
    graded = [Graded(key, f"task-{int(key[0][1:]) % 4}", mark) for key, mark in judged.items()]
    return {key: truth[key] for key in audit_order(graded, seed)[:size]}


def test_the_correction_recovers_the_truth_and_its_interval_covers_it():
    rng = np.random.default_rng(0)
    hits, errors, passes, biases = [], [], [], []
    for seed in range(150):
        truth, judged = world(rng)
        for each in correct(judged, audited(truth, judged, 100, seed)):
            real = np.array([mark for key, mark in truth.items() if key[1] == each.model])
            hits.append(each.mean.low <= real.mean() <= each.mean.high)
            errors.append(each.mean.value - real.mean())
            passes.append(each.passes.low <= (real >= 2.5).mean() <= each.passes.high)
            seen = np.array([mark for key, mark in judged.items() if key[1] == each.model])
            biases.append(each.bias.low <= seen.mean() - real.mean() <= each.bias.high)
    assert np.mean(errors) == pytest.approx(0, abs=0.03)
    assert 0.92 <= np.mean(hits) <= 1
    assert np.mean(passes) >= 0.92
    assert np.mean(biases) >= 0.92


def test_the_judge_puts_the_worse_model_ahead_and_the_correction_puts_it_back():
    rng = np.random.default_rng(1)
    truth, judged = world(rng)
    truth |= {key: min(mark + 1.0, 5.0) for key, mark in truth.items() if key[1] == "b"}
    judged |= {key: min(mark + 1.0, 5.0) for key, mark in judged.items() if key[1] == "b"}
    a, b = correct(judged, audited(truth, judged, 160, 0))
    assert a.judge_mean > b.judge_mean
    assert a.mean.high < b.mean.low


def test_an_audit_that_is_too_small_corrects_nothing_and_says_what_is_missing():
    truth, judged = world(np.random.default_rng(2))
    human = audited(truth, judged, 2 * FEWEST - 1, 0)
    with pytest.raises(DataError, match=r"too small .* has 29 of 30; grade more answers"):
        correct(judged, human)
    found = audit_models(judged, human)
    assert sorted(each.mean is None for each in found) == [False, True]
    assert all(math.isfinite(each.bias.low) for each in found), "the bias is told all the same"


def test_an_audit_of_everything_leaves_no_doubt():
    truth, judged = world(np.random.default_rng(3), n=8)
    for each in correct(judged, truth):
        real = np.mean([mark for key, mark in truth.items() if key[1] == each.model])
        assert (each.mean.low, each.mean.value, each.mean.high) == (real, real, real)
        assert each.shift_error == 0
        assert each.shift == pytest.approx(real - each.judge_mean)


def test_a_judge_that_passes_all_alike_has_its_mean_corrected_but_no_rate():
    truth, judged = world(np.random.default_rng(4))
    judged = dict.fromkeys(judged, 4.0)
    for each in correct(judged, audited(truth, judged, 80, 0)):
        real = np.mean([mark for key, mark in truth.items() if key[1] == each.model])
        assert each.mean.low <= real <= each.mean.high
        assert math.isnan(each.passes.value)


def test_a_mark_of_what_was_never_judged_is_refused():
    with pytest.raises(DataError, match="never judged"):
        audit_models({("p", "a", 0): 1.0}, {("q", "a", 0): 1.0})


@pytest.mark.parametrize("mean", [0.0, 0.7, 2.5, 4.9, 5.0])
def test_moved_marks_have_the_mean_asked_for_and_keep_their_order(mean):
    marks = [0.0, 1.0, 4.0, 5.0, 5.0]
    moved = shifted(marks, mean)
    assert np.mean(moved) == pytest.approx(mean, abs=1e-9)
    assert moved == sorted(moved)
    assert 0 <= min(moved) <= max(moved) <= 5


def test_marks_cannot_be_moved_off_the_scale():
    with pytest.raises(ValueError, match="moved to a mean"):
        shifted([1.0], 5.1)
