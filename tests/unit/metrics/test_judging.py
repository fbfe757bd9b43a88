"""Judges: worked agreement, corrected rates, prediction-powered means."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from routewright.judge.agreement import weighted_kappa
from routewright.metrics.bootstrap import Draws
from routewright.metrics.judging import (
    audited_mean,
    cohen_kappa,
    kappa_interval,
    krippendorff_alpha,
    prediction_powered_mean,
    rogan_gladen,
    rogan_gladen_interval,
    student,
)


def test_fixture_g_rogan_gladen() -> None:
    assert rogan_gladen(0.70, 0.9, 0.8) == pytest.approx(0.714286, abs=5e-7)


def test_fixture_g_kappa() -> None:
    assert cohen_kappa([[40, 10], [5, 45]]) == pytest.approx(0.70)
    assert cohen_kappa([[40, 10], [5, 45]], quadratic=True) == pytest.approx(0.70)


@given(st.floats(0, 1), st.floats(0.51, 1), st.floats(0.51, 1))
def test_a_corrected_rate_undoes_what_the_judge_did(p: float, sens: float, spec: float) -> None:
    seen = p * sens + (1 - p) * (1 - spec)
    assert rogan_gladen(seen, sens, spec) == pytest.approx(p, abs=1e-9)


def test_a_judge_no_better_than_chance_says_nothing_and_rates_stay_rates() -> None:
    assert math.isnan(rogan_gladen(0.7, 0.5, 0.5))
    assert rogan_gladen(0.05, 0.9, 0.8) == 0
    assert rogan_gladen(0.99, 0.9, 0.8) == 1


@given(arrays(np.int64, 30, elements=st.integers(0, 5)), st.integers(0, 20))
def test_tables_and_lists_of_marks_agree(a: np.ndarray, seed: int) -> None:
    b = np.clip(a + np.random.default_rng(seed).integers(-1, 2, 30), 0, 5)
    table = np.zeros((6, 6))
    np.add.at(table, (a, b), 1)
    lists = weighted_kappa(a.tolist(), b.tolist())
    assert cohen_kappa(table, quadratic=True) == pytest.approx(lists, nan_ok=True)
    assert cohen_kappa(np.diag(table.sum(axis=1) + 1)) == pytest.approx(1)


def test_kappa_where_it_is_undefined_or_no_table() -> None:
    assert math.isnan(cohen_kappa([[0, 0], [0, 0]]))
    assert math.isnan(cohen_kappa([[7, 0], [0, 0]]))
    with pytest.raises(ValueError, match=r"\(K, K\)"):
        cohen_kappa([[1, 2, 3], [1, 2, 3]])


def test_krippendorff_on_a_worked_example_with_missing_marks() -> None:
    nan = np.nan
    marks = [[1, 2, 3, nan], [1, 2, 4, 5], [nan, 2, 3, nan]]
    # Items have 2, 3, 3 and 1 marks; the last says nothing. Ordered pairs differ only in item 3:
    # (3, 4), (4, 3) twice each: D_o = 4 · 1 / (3 - 1) / 8. All 8 pooled marks: 1 1 2 2 2 3 4 3.
    pooled = np.array([1, 1, 2, 2, 2, 3, 4, 3.0])
    every = ((pooled[:, None] - pooled) ** 2).sum() / (8 * 7)
    assert krippendorff_alpha(marks) == pytest.approx(1 - (4 / 2 / 8) / every)
    assert krippendorff_alpha([[1, 2, 3], [1, 2, 3]]) == 1
    assert math.isnan(krippendorff_alpha([[1, 1], [1, 1]]))
    assert math.isnan(krippendorff_alpha([[1, nan], [nan, 2]]))


def test_judges_that_mark_at_random_have_an_alpha_near_nothing() -> None:
    marks = np.random.default_rng(0).integers(0, 6, (3, 2000)).astype(float)
    assert krippendorff_alpha(marks) == pytest.approx(0, abs=0.04)


def test_a_prediction_powered_mean_worked_out_by_hand() -> None:
    found = prediction_powered_mean([0.0, 1.0], [1.0, 0.0, 1.0], [0.0, 0.0, 1.0])
    assert found.mean == pytest.approx(0.5 - 1 / 3)
    assert found.variance == pytest.approx(0.5 / 2 + (1 / 3) / 3)
    low, high = found.interval()
    assert (low + high) / 2 == pytest.approx(found.mean)
    assert high - low == pytest.approx(2 * 1.96 * math.sqrt(found.variance), rel=1e-4)
    with pytest.raises(ValueError, match="2 judged"):
        prediction_powered_mean([0.5, 0.5], [0.5], [0.5])


def test_its_interval_holds_the_truth_though_the_judge_is_biased() -> None:
    rng = np.random.default_rng(4)
    held, widths = 0, []
    for _ in range(400):
        human = rng.normal(0.6, 0.2, 1100)
        judge = human + 0.15 + rng.normal(0, 0.05, 1100)
        found = prediction_powered_mean(judge[100:], judge[:100], human[:100])
        low, high = found.interval()
        held += low <= 0.6 <= high
        widths.append(found.variance)
    assert held / 400 == pytest.approx(0.95, abs=0.035)
    assert np.mean(widths) < 0.2**2 / 100 / 4  # far better than the hundred human grades alone


def test_an_interval_of_kappa_covers_what_many_marks_would_give() -> None:
    rng = np.random.default_rng(3)

    def marks(n: int) -> np.ndarray:
        truth = rng.integers(0, 6, n)
        return np.stack([truth, np.clip(truth + rng.integers(-2, 3, n), 0, 5)], axis=1)

    many = marks(200_000)
    table = np.zeros((6, 6))
    np.add.at(table, (many[:, 0], many[:, 1]), 1)
    true = cohen_kappa(table, quadratic=True)
    groups = np.array([f"g{i}" for i in range(120)])
    draws = Draws.over(groups, replicates=200)
    found = [kappa_interval(marks(120), draws) for _ in range(200)]
    covered = np.mean([each.low <= true <= each.high for each in found])
    assert 0.90 <= covered <= 0.99
    assert np.mean([each.value for each in found]) == pytest.approx(true, abs=0.02)


def test_marks_off_the_scale_have_no_kappa() -> None:
    draws = Draws.over(np.array(["a", "b"]), replicates=10)
    with pytest.raises(ValueError, match="between 0 and 5"):
        kappa_interval(np.array([[0, 6], [1, 1]]), draws)
    with pytest.raises(ValueError, match="whole numbers"):
        kappa_interval([[0.5, 1], [1, 1]], draws)


@pytest.mark.parametrize("size", [30, 60])
@pytest.mark.parametrize("noise", [0.3, 3.0])
def test_the_audited_mean_covers_the_truth_whatever_the_judge_is_worth(
    size: int, noise: float
) -> None:
    rng = np.random.default_rng(size)
    hits, errors = 0, []
    for _ in range(600):
        truth = np.clip(np.round(rng.normal(3.2, 1.4, 400)), 0, 5)
        judged = np.clip(np.round(truth + 0.8 + rng.normal(0, noise, 400)), 0, 5)
        at = rng.choice(400, size, replace=False)
        found = audited_mean(judged, judged[at], truth[at])
        low, high = found.interval(student(size - 2))
        hits += low <= truth.mean() <= high
        errors.append(found.mean - truth.mean())
    assert 0.925 <= hits / 600 <= 0.98
    assert np.mean(errors) == pytest.approx(0, abs=0.03)


def test_a_good_judge_narrows_and_a_useless_one_does_not_widen() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 6, 1000).astype(float)
    at = np.arange(100)
    alone = truth[at].var(ddof=1) * (1 / 100 - 1 / 1000)
    good = audited_mean(np.clip(truth + 1, 0, 5), np.clip(truth[at] + 1, 0, 5), truth[at])
    noise = rng.integers(0, 6, 1000).astype(float)
    useless = audited_mean(noise, noise[at], truth[at])
    assert good.variance < 0.2 * alone
    assert useless.variance < 1.05 * alone
    assert audited_mean(truth, truth, truth).variance == 0


@pytest.mark.parametrize(("share", "sens", "spec"), [(0.3, 0.95, 0.7), (0.7, 0.8, 0.9)])
def test_the_interval_of_a_corrected_rate_covers_the_truth(
    share: float, sens: float, spec: float
) -> None:
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(800):
        truth = rng.random(500) < share
        passed = np.where(truth, rng.random(500) < sens, rng.random(500) > spec)
        at = rng.choice(500, 80, replace=False)
        right, wrong = truth[at], ~truth[at]
        found = rogan_gladen_interval(
            int(passed.sum()),
            500,
            (int((passed[at] & right).sum()), int(right.sum())),
            (int((~passed[at] & wrong).sum()), int(wrong.sum())),
        )
        hits += found.low <= share <= found.high
    assert hits / 800 >= 0.93


def test_a_rate_is_not_corrected_where_the_audit_cannot_tell() -> None:
    for right, wrong in (((3, 3), (0, 0)), ((0, 0), (4, 4)), ((5, 10), (5, 10))):
        assert math.isnan(rogan_gladen_interval(50, 100, right, wrong).value)


@pytest.mark.parametrize(("freedom", "quantile"), [(5, 2.5706), (28, 2.0484), (100, 1.9840)])
def test_students_quantiles_are_those_of_the_tables(freedom: int, quantile: float) -> None:
    assert student(freedom) == pytest.approx(quantile, abs=3e-3)
